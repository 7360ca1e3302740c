"""Whether decisions have drifted: the mix of labels, how sure they are, how familiar the prompts were."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.core.prediction import Prediction
from routerlab.core.session.arm import AnyArmRecord, ArmRecord
from routerlab.core.statistics.drift import same_share, smirnov, spent
from routerlab.engine.contract.router import load_router
from routerlab.tune.out_of_fold import OutOfFold, load_oof

SIZE = 500
"""Decisions of the reference, and of each window that is held against it."""
RATE = 0.01
"""The chance that an arm whose decisions never drift ever raises an alarm."""
FIGURES: tuple["Name", ...] = ("labels", "confidence", "familiarity")

Name = Literal["labels", "confidence", "familiarity"]


@dataclass(frozen=True)
class Seen:
    """What is looked at of a decision: its label, that one's probability, the prompt's familiarity."""

    label: str
    confidence: float | None
    familiarity: float | None


@dataclass(frozen=True)
class Figure:
    """One figure of a window beside the reference's. `distance` (0..1) is the largest difference of two
    shares: of a label's, or of the values at or below one; `p` is corrected for the labels, not for looks;
    `alarm` says that it is below what this look may spend. `moved` says in words what differs most."""

    name: Name
    distance: float
    p: float
    alarm: bool
    moved: str


def seen(prediction: Prediction) -> Seen | None:
    """What is looked at of a decision, None where there is no label."""
    if prediction.label is None:
        return None
    sure = (prediction.probabilities or {}).get(prediction.label)
    return Seen(prediction.label, sure, prediction.familiarity)


def compare(
    reference: Sequence[Seen], window: Sequence[Seen], look: int, rate: float = RATE
) -> tuple[Figure, ...]:
    """The figures of a window and a reference of the same size, at this look (from 1); only those that every
    decision of both has.

    Where all are independent draws of one kind, the chance of any alarm at any look is at most `rate`: each
    test is exact, the figures share what the look may spend, and so do the labels (Bonferroni).
    """
    limit = spent(rate, look) / len(FIGURES)
    found = [_labels(reference, window, limit)]
    for name in FIGURES[1:]:
        before, after = ([getattr(s, name) for s in sample] for sample in (reference, window))
        if None not in (*before, *after):
            distance, p = smirnov(before, after)
            middles = [sorted(values)[len(values) // 2] for values in (before, after)]
            found.append(Figure(name, distance, p, p <= limit, "median {:.3g} -> {:.3g}".format(*middles)))
    return tuple(found)


def _labels(reference: Sequence[Seen], window: Sequence[Seen], limit: float) -> Figure:
    n = len(reference)
    before, after = (Counter(s.label for s in sample) for sample in (reference, window))
    labels = sorted(before | after)
    label = max(
        labels, key=lambda one: abs(after[one] - before[one])
    )  # of the smallest p, but for nearly alike
    p = min(1.0, len(labels) * min(same_share(before[one], after[one], n) for one in labels))
    moved = f"{label} {before[label] / n:.0%} -> {after[label] / n:.0%}"
    return Figure("labels", abs(after[label] - before[label]) / n, p, p <= limit, moved)


def tuned(record: AnyArmRecord | None, labels: Sequence[str], size: int) -> tuple[Seen, ...]:
    """`size` answers that the arm's router was tuned with, each by a head that had not seen its prompt: what
    drift can be held against from the first window on. LabError, with the reason, where there are none.
    """
    if not isinstance(record, ArmRecord) or record.router_file is None:
        raise LabError("it is no tuned router")
    path = Path(record.router_file)
    if not path.is_file():
        raise LabError(f"{path} is not here")
    router = load_router(path)
    if canonical_sha256(router) != record.router_sha256:
        raise LabError(f"{path} is another router by now")
    return drawn(load_oof(path.parent, router.evidence.answers, router.name), labels, size)


def drawn(oof: OutOfFold, labels: Sequence[str], size: int) -> tuple[Seen, ...]:
    """`size` of the answers, always the same, at random and each once: decisions that are draws of the same
    kind can then not be told from them, and the tests of two samples of one size hold. LabError where there
    are too few."""
    if len(oof.ids) < size:
        raise LabError(f"it was tuned with {len(oof.ids)} cases, fewer than a window has")
    known = oof.familiarity
    return tuple(
        Seen(
            labels[oof.shares[i].argmax()],
            float(oof.shares[i].max()),
            None if known is None else float(known[i]),
        )
        for i in np.random.default_rng(0).choice(len(oof.ids), size, replace=False)
    )


class Drift:
    """One arm's decisions as they come, a window of `size` after another, held against the `reference`, which
    has as many; where there is none, the first window is it."""

    def __init__(self, size: int = SIZE, rate: float = RATE, reference: Sequence[Seen] = ()) -> None:
        self.figures: tuple[Figure, ...] = ()
        """Those of the last window that was full."""
        self.looks = 0
        self.against = "tuning" if reference else f"the first {size}"
        """What the reference is, in words."""
        self._size = size
        self._rate = rate
        self._reference = tuple(reference)
        self._window: list[Seen] = []

    def add(self, prediction: Prediction) -> tuple[Figure, ...]:
        """Take a decision in; the figures of the window that it fills, if it does. Some milliseconds then."""
        one = seen(prediction)
        if one is None or not self._size:
            return ()
        self._window.append(one)
        if len(self._window) < self._size:
            return ()
        window, self._window = tuple(self._window), []
        if not self._reference:
            self._reference = window
            return ()
        self.looks += 1
        self.figures = compare(self._reference, window, self.looks, self._rate)
        return self.figures


def told(arm: str, before: Sequence[Figure], now: Sequence[Figure], against: str) -> list[str]:
    """What is to be said of an arm's new figures after those of the window before: alarms, and their ends.
    `against` says what the reference is."""
    was = {figure.name for figure in before if figure.alarm}
    lines = [f"drift: {arm}: {f.name}: {f.moved} (p {f.p:.1g}, against {against})" for f in now if f.alarm]
    return lines + [
        f"drift is over: {arm}: {f.name}: {f.moved}" for f in now if f.name in was and not f.alarm
    ]
