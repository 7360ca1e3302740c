"""A cascade: a small router first, larger ones where it is not sure, or one where two small ones disagree."""

from collections.abc import Sequence
from pathlib import Path

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.core.prediction import Prediction
from routerlab.engine.arms.arm import Arm, ArmSpec
from routerlab.engine.arms.members import MembersArm
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.router import Cascade, load_router


def member_files(path: Path, cascade: Cascade) -> list[Path]:
    """The members' router files, beside the cascade's; LabError when one has changed since."""
    files = [path.parent / member.file for member in cascade.member]
    for member, file in zip(cascade.member, files, strict=True):
        if canonical_sha256(load_router(file)) != member.sha256:
            raise LabError(
                f"{path}: {file.name} is not the router that the cascade was made with; make it anew with "
                "`routerlab tune cascade`"
            )
    return files


class CascadeArm(MembersArm):
    """The answer is that of the first member that is sure, or of the last.

    Whoever asks wants an answer, so a fault of a member is not the end: the next one is asked, and if no
    other gives a label, the last that was found stands though it is not sure. `error` then says who failed.
    Where the time is up or the question was cancelled nobody else is asked.
    """

    def __init__(self, spec: ArmSpec, cascade: Cascade, members: Sequence[Arm]) -> None:
        super().__init__(spec, members)
        self._cascade = cascade

    def _settled(self, answers: Sequence[Prediction]) -> bool:
        last = answers[-1]
        if len(answers) == len(self._cascade.member):
            return True
        if last.abstained or (last.familiarity or 1.0) < (self._cascade.unfamiliar or 0.0):
            return False
        if self._cascade.rule == "disagreement":
            return len(answers) == 2 and answers[0].label == answers[1].label is not None
        shares = (last.probabilities or {}).values()
        return max(shares, default=-1.0) >= self._cascade.thresholds[len(answers) - 1]

    def _passes_on(self, answer: Prediction) -> bool:
        return answer.status not in ("timeout", "cancelled")

    def _chosen(self, answers: Sequence[Prediction]) -> int:
        labelled = [i for i, answer in enumerate(answers) if answer.label is not None]
        return labelled[-1] if labelled and answers[-1].status != "cancelled" else len(answers) - 1

    def _told(self, answers: Sequence[Prediction], chosen: int) -> str | None:
        if answers[-1].status == "cancelled":
            return None
        failed = zip(self.members, answers, strict=False)
        told = [f"{m.spec.name}: {a.status}: {a.error or 'no label'}" for m, a in failed if a.label is None]
        return "; ".join(told) or None

    def _combined_info(self, infos: Sequence[ArmInfo]) -> ArmInfo:
        """The last member's facts, with sizes, layers, devices and load times of all added up."""
        together = min(i.concurrency or 1 for i in infos)
        added = ("model_size", "parameters", "layers", "layers_on_gpu", "load_ms")
        told = {
            "contract": "cascade",
            "encoding": " -> ".join(i.encoding for i in infos),
            "max_error": None,  # what a member promises alone says nothing of all
            "router_sha256": canonical_sha256(self._cascade),
            "concurrency": together if together > 1 else None,
            "devices": tuple(d for i in infos for d in i.devices),
        }
        return infos[-1].model_copy(update=told | {key: sum(getattr(i, key) for i in infos) for key in added})
