"""An arm that gives again what a remote arm answered in a saved session. It asks nobody, so it needs no
network.

Every trial of it names the one that it repeats, and has that one's status, tokens, attempts and latency.
"""

import asyncio
import hashlib
import time
from collections import Counter, defaultdict
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
        self._taxonomy = taxonomy
        self._trials: dict[str, list[Trial]] = {}
        self._asked: Counter[str] = Counter()

    async def start(self) -> None:
        """Read the session."""
        begun = time.perf_counter()
        self._set(self.state.to("loading", time.monotonic(), stage=f"reading {self.spec.file}"))
        try:
            info, self._trials = await asyncio.to_thread(read_recording, self.spec, self._taxonomy)
        except LabError as e:
            if self.state.phase == "loading":
                self._set(self.state.to("failed", time.monotonic(), stage="", message=str(e)))
            return
        if self.state.phase != "loading":  # stopped meanwhile
            return
        info = info.model_copy(update={"load_ms": (time.perf_counter() - begun) * 1000.0})
        self._set(self.state.to("ready", time.monotonic(), stage="", message=info.note, info=info))

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """The recorded answer to this prompt; asked again, the next one, and after the last the first."""
        if self.state.phase != "ready":
            return Prediction(status="crashed", error=self.state.message or "the arm is not ready")
        trials = self._trials.get(prompt.encode("utf-8", "replace").decode(), [])
        if not trials:
            return Prediction(
                status="refused",
                error=f"{self.spec.file} has no answer of {self.spec.remote} to this prompt",
            )
        await asyncio.sleep(0)  # one turn of the event loop, so that a long replay can be watched and stopped
        trial = trials[self._asked[prompt] % len(trials)]
        self._asked[prompt] += 1
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
    fields = {k: v for k, v in record.model_dump().items() if k in RemoteInfo.model_fields}
    info = RemoteInfo.model_validate(
        fields | {"recording": str(spec.file), "recording_sha256": _sha256(spec.file), "note": "recorded"}
    )
    return info, dict(found)


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


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
