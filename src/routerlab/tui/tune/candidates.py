"""What routers can be tuned further with: the models of the arms, and the annotations of this sitting."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from routerlab.core.corpus import fold
from routerlab.core.errors import LabError
from routerlab.core.session.session import Target
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.contract.router import load_router
from routerlab.engine.lab.lab import Lab
from routerlab.tui.tune.process import Outcome

UNTUNED = (
    "Tuning reads labelled cases with the model, and fits a small linear head, a probe, to what its middle "
    "layers make of them.",
    "It measures the probe beside the other ways to ask, json and score, on cases that had no part in it, "
    "and stops when the budget is used up. The cases of routing60 stay out: they are the test.",
    "What comes out is a file in routers/, which the lab then asks beside the others.",
)
"""What tuning does, for a model without a router."""
LEARN_AFTER = 10
"""New annotations after which the lab says that a router could learn from them."""


@dataclass(frozen=True)
class Entry:
    """A model that can be tuned, under the name of its first arm, and the router it has."""

    name: str
    model: Path
    router: Path | None = None


def entries(lab: Lab) -> list[Entry]:
    """The distinct models of the lab's arms; one that has several routers comes once for each.

    A cascade counts for its model only: nothing in it is fitted.
    """
    plain: dict[Path, Entry] = {}
    tuned: dict[tuple[Path, Path], Entry] = {}
    for name, arm in lab.arms.items():
        spec = arm.spec
        if not isinstance(spec, ArmSpec):  # no model
            continue
        if spec.router is not None and spec.contract != "cascade":
            tuned.setdefault((spec.model, spec.router), Entry(name, spec.model, spec.router))
        else:
            plain.setdefault(spec.model, Entry(name, spec.model))
    having = {model for model, _ in tuned}
    return [*tuned.values(), *(entry for model, entry in plain.items() if model not in having)]


def known(entry: Entry) -> Outcome:
    """What its router's file tells of how it was measured, or what tuning would do. It reads a file."""
    if entry.router is None:
        return Outcome(done=entry.model, notes=UNTUNED)
    try:
        evidence = load_router(entry.router).evidence
    except LabError as e:
        return Outcome(done=entry.router, notes=(str(e),))
    return Outcome(done=entry.router, rows=evidence.row, notes=evidence.seen)


def labelled(lab: Lab) -> dict[str, str]:
    """Prompt (folded) -> label of what was annotated with a label in this sitting and may be fitted to.

    Nothing of the held-out test may: neither as a case nor typed by hand.
    """
    session = lab.session
    labels: Mapping[Target, str | None] = {
        target: session.current(target[1], target[0]).label
        for target in dict.fromkeys(a.target for a in session.annotations)
    }
    cases = lab.corpus.by_id if lab.corpus else {}
    trials = {trial.id: trial for trial in session.trials if ("trial", trial.id) in labels}
    found: dict[str, str] = {}
    for (kind, name), label in labels.items():
        trial = trials.get(name) if kind == "trial" else None
        case = cases.get((trial.case if trial else name) or "")
        prompt = trial.prompt if trial and trial.prompt is not None else case.prompt if case else None
        if label in lab.taxonomy.labels and label is not None and prompt is not None:
            found[fold(prompt)] = label
    if held_out(lab) and lab.corpus:
        for case in lab.corpus.case:
            found.pop(fold(case.prompt), None)
    return found


def held_out(lab: Lab) -> bool:
    """Whether the open corpus is the test that no router learns from."""
    from routerlab.tune.cases import HELD_OUT_SHA256

    return lab.corpus is not None and lab.corpus.sha256 == HELD_OUT_SHA256


class Learning:
    """Counts what was annotated since a router last learned, and knows whether that was told."""

    def __init__(self) -> None:
        self._learned: dict[str, str] = {}
        self._told = False

    def due(self, lab: Lab) -> int | None:
        """How many annotations are new, when there are enough and nobody was told yet; else None."""
        if self._told or not any(entry.router for entry in entries(lab)):
            return None
        new = len(labelled(lab).items() - self._learned.items())
        if new < LEARN_AFTER:
            return None
        self._told = True
        return new

    def learned(self, labels: Mapping[str, str]) -> None:
        """A router learned from these prompts and labels."""
        self._learned.update(labels)
        self._told = False
