"""A cascade: a small router first, a larger one where it is not sure or two small ones disagree."""

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
            raise LabError(f"{path}: {file.name} is not the router that the threshold was chosen with")
    return files


class CascadeArm(MembersArm):
    """The answer is that of the first member that is sure, or of the last."""

    def __init__(self, spec: ArmSpec, cascade: Cascade, members: Sequence[Arm]) -> None:
        super().__init__(spec, members)
        self._cascade = cascade

    def _settled(self, answers: Sequence[Prediction]) -> bool:
        if self._cascade.rule == "disagreement":
            return len(answers) == 2 and answers[0].label == answers[1].label
        shares = answers[0].probabilities or {}
        return len(answers) == 1 and max(shares.values(), default=0.0) >= self._cascade.threshold

    def _combined_info(self, infos: Sequence[ArmInfo]) -> ArmInfo:
        """The last member's facts, with sizes, layers, devices and load times of all added up."""
        together = min(i.concurrency or 1 for i in infos)
        added = ("model_size", "parameters", "layers", "layers_on_gpu", "load_ms")
        told = {
            "contract": "cascade",
            "encoding": " -> ".join(i.encoding for i in infos),
            "router_sha256": canonical_sha256(self._cascade),
            "concurrency": together if together > 1 else None,
            "devices": tuple(d for i in infos for d in i.devices),
        }
        return infos[-1].model_copy(update=told | {key: sum(getattr(i, key) for i in infos) for key in added})
