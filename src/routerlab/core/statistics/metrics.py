"""Figures of an arm from its trials: accuracy, parse rate, latency. All accuracies weight cases equally."""

from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from routerlab.core.familiarity import is_unfamiliar
from routerlab.core.prediction import Trial
from routerlab.core.statistics.intervals import wilson
from routerlab.core.statistics.quantiles import of_sorted


@dataclass(frozen=True)
class ArmSummary:
    """One arm's row of the final table.

    `n` counts trials that were not cancelled, `scored` the cases with a gold label. `accuracy` weights cases
    equally, `low` and `high` are its 95 % Wilson interval over cases. `families` holds the accuracy by the
    gold label's family. `p50` and `p95` are total latencies in milliseconds of the trials that were answered;
    `contended` tells that some of those ran beside other arms. `lenient_rate` is the share with a label of an
    arm that is read leniently; its `parse_rate` counts what the strict reading has too. `unfamiliar` is the
    share of the answers that tell a familiarity whose prompt is unfamiliar, `abstained` counts those not to
    be acted on. None means: nothing to compute it from.
    """

    arm: str
    n: int
    scored: int
    accuracy: float | None
    low: float | None
    high: float | None
    families: dict[str, float | None]
    parse_rate: float | None
    p50: float | None
    p95: float | None
    contended: bool
    lenient_rate: float | None = None
    unfamiliar: float | None = None
    abstained: int = 0


@dataclass
class CaseMean:
    """Share of right answers where every case counts the same, however often it was asked."""

    _cases: dict[str, tuple[int, int]] = field(default_factory=dict)
    _sum: float = 0.0

    def add(self, case: str, correct: bool) -> None:
        """Count one answer; constant time."""
        right, asked = self._cases.get(case, (0, 0))
        after = (right + correct, asked + 1)
        self._sum += after[0] / after[1] - (right / asked if asked else 0.0)
        self._cases[case] = after

    @property
    def n(self) -> int:
        """Cases counted."""
        return len(self._cases)

    @property
    def value(self) -> float | None:
        """The mean over cases, 0..1; None before the first."""
        return min(max(self._sum / self.n, 0.0), 1.0) if self._cases else None


@dataclass
class Running:
    """An arm's figures for the sitting, kept up to date trial by trial at O(log n) each."""

    n: int = 0
    contended: bool = False
    _right: CaseMean = field(default_factory=CaseMean)
    _ordered: list[float] = field(default_factory=list)

    def add(self, trial: Trial) -> None:
        """Count one trial, unless it was cancelled. Latency counts only where there was an answer, and not
        where others were computed with it."""
        if trial.status == "cancelled":
            return
        self.n += 1
        if trial.correct is not None:
            self._right.add(trial.group[0], trial.correct)
        if trial.status in ("ok", "unparsed", "unrouted") and not trial.batched:
            insort(self._ordered, trial.latency_ms.total)
            self.contended = self.contended or trial.contended

    @property
    def scored(self) -> int:
        """Cases with a gold label so far."""
        return self._right.n

    @property
    def accuracy(self) -> float | None:
        """Case-weighted accuracy, 0..1; None before the first case with a gold label."""
        return self._right.value

    @property
    def p50(self) -> float | None:
        """Median total latency in milliseconds; None before the first answer."""
        return of_sorted(self._ordered, 0.5)

    @property
    def p95(self) -> float | None:
        """95th percentile of the total latency in milliseconds; None before the first answer."""
        return of_sorted(self._ordered, 0.95)


def accuracy(trials: Iterable[Trial]) -> float | None:
    """One arm's exact-match accuracy: repeats averaged within a case, then cases averaged; None without gold.

    A trial without a label counts as wrong, except a cancelled one, which does not count.
    """
    mean = CaseMean()
    for trial in trials:
        if trial.correct is not None:
            mean.add(trial.group[0], trial.correct)
    return mean.value


def parse_rate(trials: Iterable[Trial]) -> float | None:
    """Share of the trials that gave a label, cancelled and unrouted ones left out; None without trials.

    A refusal, crash or timeout counts against it, as it does against accuracy; so does a label that only a
    lenient reading found.
    """
    return _share(trials, lambda trial: trial.status == "ok" and trial.strict is not False)


def lenient_rate(trials: Sequence[Trial]) -> float | None:
    """The same with what only a lenient reading found; None where nothing was read so."""
    if all(trial.strict is None for trial in trials):
        return None
    return _share(trials, lambda trial: trial.status == "ok")


def _share(trials: Iterable[Trial], good: Callable[[Trial], bool]) -> float | None:
    asked = [good(trial) for trial in trials if trial.status not in ("cancelled", "unrouted")]
    return sum(asked) / len(asked) if asked else None


def family_accuracy(trials: Iterable[Trial], families: Mapping[str, str]) -> dict[str, float | None]:
    """One arm's accuracy by family of the gold label (`families`: label -> family), in the given order."""
    by_family: dict[str, list[Trial]] = {family: [] for family in families.values()}
    for trial in trials:
        if trial.gold is not None and trial.gold in families:
            by_family[families[trial.gold]].append(trial)
    return {family: accuracy(some) for family, some in by_family.items()}


def summarise(trials: Iterable[Trial], families: Mapping[str, str]) -> list[ArmSummary]:
    """A row for each arm, in the order in which the arms first answered."""
    by_arm: dict[str, list[Trial]] = {}
    for trial in trials:
        by_arm.setdefault(trial.arm, []).append(trial)
    return [_summary(arm, some, families) for arm, some in by_arm.items()]


def _summary(arm: str, trials: list[Trial], families: Mapping[str, str]) -> ArmSummary:
    running = Running()
    for trial in trials:
        running.add(trial)
    low = high = None
    if running.accuracy is not None:
        low, high = wilson(running.accuracy * running.scored, running.scored)
    known = [trial.familiarity for trial in trials if trial.familiarity is not None]
    return ArmSummary(
        arm=arm,
        n=running.n,
        scored=running.scored,
        accuracy=running.accuracy,
        low=low,
        high=high,
        families=family_accuracy(trials, families),
        parse_rate=parse_rate(trials),
        p50=running.p50,
        p95=running.p95,
        contended=running.contended,
        lenient_rate=lenient_rate(trials),
        unfamiliar=sum(map(is_unfamiliar, known)) / len(known) if known else None,
        abstained=sum(trial.abstained is True for trial in trials),
    )
