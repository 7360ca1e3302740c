"""An arm that gives again what a remote arm answered in a saved session. It asks nobody, so it needs no
network.

Every trial of it names the one that it repeats, and has that one's status, tokens, attempts and latency.
"""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from routerlab.core.corpus import Corpus
from routerlab.core.errors import Exit, LabError
from routerlab.core.prediction import Prediction, Trial
from routerlab.core.session.arm import RemoteRecord
from routerlab.core.session.file import read_session
from routerlab.core.session.session import Session, pinned
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arms.arm import Immediate, Spec
from routerlab.engine.contract.names import ContractName
from routerlab.engine.remote.info import RemoteInfo
from routerlab.resources import ROUTING60

_KEPT = set(Prediction.model_fields)


class RecordedSpec(Spec):
    """What the session `file` has of the remote, or of the arm, that is called `remote`."""

    contract: ContractName = "json"
    remote: str
    file: Path


class RecordedArm(Immediate):
    """A recorded remote arm (see `Arm`)."""

    def __init__(self, spec: RecordedSpec, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.spec = spec
        self._stage = f"reading {spec.file}"
        self._taxonomy = taxonomy
        self._trials: dict[str, list[Trial]] = {}
        self._given: Counter[str] = Counter()

    def go_on(self, given: Iterable[str]) -> None:
        """Take these recorded trials, named by id, as given already: a session is gone on with where it
        was."""
        self._given.update(given)

    def _learn(self) -> RemoteInfo:
        info, self._trials = read_recording(self.spec, self._taxonomy)
        return info

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """The recorded answer to this prompt; asked again, the next one, and after the last the first."""
        if unready := self._unready():
            return unready
        trials = self._trials.get(prompt.encode("utf-8", "replace").decode(), [])
        if not trials:
            return Prediction(
                status="refused",
                error=f"{self.spec.file} has no answer of {self.spec.remote} to this prompt",
            )
        await asyncio.sleep(0)  # one turn of the event loop, so that a long replay can be watched and stopped
        trial = trials[sum(self._given[t.id] for t in trials) % len(trials)]
        self._given[trial.id] += 1
        timed = not (trial.batched or trial.contended)  # contention there is not to be seen in the trial here
        told = {"recorded": trial.id, "batched": None if timed else True}
        return Prediction.model_validate(trial.model_dump(include=_KEPT) | told)


def read_recording(spec: RecordedSpec, taxonomy: Taxonomy) -> tuple[RemoteInfo, dict[str, list[Trial]]]:
    """What the session says of the arm, and its finished trials by prompt.

    LabError when the session has no such remote arm, was made with another taxonomy, or was asked cases of a
    corpus that is not here.
    """
    session = read_session(spec.file).session
    remotes = [r for r in session.arms.values() if isinstance(r, RemoteRecord) and r.kind == "remote"]
    matching = [r for r in remotes if spec.remote in (r.remote, r.name)]
    if len(matching) != 1:
        known = ", ".join(f"{r.name} of remote {r.remote}" for r in remotes) or "none"
        few = "several arms" if matching else "no remote arm"
        raise LabError(f"{spec.file}: has {few} for {spec.remote!r}; there are: {known}", Exit.MISSING)
    record = matching[0]
    if session.header.taxonomy.sha256 != taxonomy.sha256:
        raise LabError(
            f"{spec.file}: was made with taxonomy {session.header.taxonomy.name} "
            f"{session.header.taxonomy.sha256[:12]}, this one is {taxonomy.sha256[:12]}"
        )
    kept = [t for t in session.trials if t.arm == record.name and t.status != "cancelled"]
    prompts = _prompts(spec.file, session) if any(t.case is not None for t in kept) else {}
    found: dict[str, list[Trial]] = defaultdict(list)
    for trial in sorted(kept, key=lambda t: t.repeat):
        prompt = trial.prompt if trial.case is None else prompts.get(trial.case)
        if prompt is not None:
            found[prompt].append(trial)
    told = {"kind": "recorded", "name": spec.name, "note": "recorded"}
    sha256 = hashlib.sha256(spec.file.read_bytes()).hexdigest()
    recording = {"recording": str(spec.file), "recording_sha256": sha256}
    return RemoteInfo.model_validate(record.model_dump() | told | recording), dict(found)


def _prompts(file: Path, session: Session) -> dict[str, str]:
    """The prompts of the session's cases, from the corpus that it pins."""
    pin = session.header.corpus
    if pin is None:
        return {}
    if found := pinned(pin, file, ROUTING60, Corpus):
        return {case.id: case.prompt for case in found[1].case}
    raise LabError(
        f"{file}: its corpus {pin.name} ({pin.path}, {pin.sha256[:12]}) is not here, so its prompts are not "
        "known: put it back there",
        Exit.MISSING,
    )
