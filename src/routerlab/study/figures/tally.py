"""An arm's standing while its answers come in: the figures that the gates need, kept row by row."""

from bisect import insort
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from routerlab.core.session.arm import AnyArmRecord, RemoteRecord
from routerlab.core.statistics.gates import Answer, Gate
from routerlab.core.statistics.intervals import clopper_pearson, wilson
from routerlab.core.statistics.metrics import CaseMean
from routerlab.study.figures.arm import Accuracy, GateFigure, LabelScore, Settings, Times
from routerlab.study.figures.gates import apply
from routerlab.study.figures.rows import ANSWERED, PARTS, Row
from routerlab.study.figures.times import quantile
from routerlab.study.figures.verdict import viability

LAST = 60
"""Latencies of the last answers that are kept in their order."""


@dataclass(frozen=True)
class Counts:
    """What a standing is made of, as it was at one moment.

    `right` is the sum over `judged` cases of the share of their repeats that are right, `hits` of `scored`
    trials. `timed` are (case, milliseconds) as they came, `ordered` the milliseconds in ascending order,
    `last` the latest; `parts` are milliseconds in all; `timed_out` and `contended` as in Times, `silent` the
    cases of its `unanswered` trials.
    `answered` have a label, `abstained` of those are not to be acted on; `spent` is the cost of `priced`
    trials.
    """

    trials: int
    cases: int
    right: float
    judged: int
    hits: int
    scored: int
    timed: tuple[tuple[str, float], ...]
    ordered: tuple[float, ...]
    timed_out: int
    silent: tuple[str, ...]
    contended: int
    answered: int
    abstained: int
    parts: dict[str, float]
    last: tuple[float, ...]
    spent: float
    priced: int
    currency: str

    @property
    def coverage(self) -> float | None:
        """The share of the labels that are to be acted on; None for an arm that never abstained."""
        return 1 - self.abstained / self.answered if self.abstained else None

    @property
    def per_1000(self) -> float | None:
        """The mean cost of 1,000 prompts; None where no price is known."""
        return 1000 * self.spent / self.priced if self.priced else None


@dataclass
class RunningArm:
    """Takes an arm's rows one by one, in O(log n) each but for the shifting of a list of numbers."""

    _asked: set[str] = field(default_factory=set)
    _right: CaseMean = field(default_factory=CaseMean)
    _timed: list[tuple[str, float]] = field(default_factory=list)
    _ordered: list[float] = field(default_factory=list)
    _silent: list[str] = field(default_factory=list)
    _last: deque[float] = field(default_factory=lambda: deque(maxlen=LAST))
    _n: Counter[str] = field(default_factory=Counter)
    _parts: dict[str, float] = field(default_factory=dict)
    _spent: float = 0.0
    _currency: str = ""

    def add(self, row: Row, record: AnyArmRecord | None = None) -> None:
        """Count a row, unless a person cut it short; `record` says in which currency its cost is."""
        if row.status == "cancelled":
            return
        n = self._n
        n["trials"] += 1
        self._asked.add(row.case)
        if row.right is not None:
            self._right.add(row.case, row.right)
            n["scored"] += 1
            n["hits"] += row.right
        n["answered"] += row.label is not None
        n["abstained"] += row.label is not None and row.abstained
        if row.latency_ms is None:
            self._silent += [row.case] * (row.status not in ANSWERED)
        else:
            self._timed.append((row.case, row.latency_ms))
            insort(self._ordered, row.latency_ms)
            self._last.append(row.latency_ms)
            n["timed_out"] += row.status == "timeout"
            n["contended"] += row.contended
            for part in PARTS:
                self._parts[part] = self._parts.get(part, 0.0) + (row.parts_ms or {}).get(part, 0.0)
        if row.cost is not None:
            self._spent += row.cost
            n["priced"] += 1
            if isinstance(record, RemoteRecord) and record.prices:
                self._currency = record.prices.currency

    def counts(self) -> Counts:
        """What there is so far, to be judged elsewhere while more comes in."""
        n = self._n
        return Counts(
            trials=n["trials"],
            cases=len(self._asked),
            right=(self._right.value or 0.0) * self._right.n,
            judged=self._right.n,
            hits=n["hits"],
            scored=n["scored"],
            timed=tuple(self._timed),
            ordered=tuple(self._ordered),
            timed_out=n["timed_out"],
            silent=tuple(self._silent),
            contended=n["contended"],
            answered=n["answered"],
            abstained=n["abstained"],
            parts=dict(self._parts),
            last=tuple(self._last),
            spent=self._spent,
            priced=n["priced"],
            currency=self._currency,
        )


@dataclass(frozen=True)
class Standing:
    """What is to be said of an arm so far. `labels` are none: no gate on a label's F1 is judged here."""

    counts: Counts
    accuracy: Accuracy | None
    latency: Times | None
    gates: tuple[GateFigure, ...] = ()
    labels: tuple[LabelScore, ...] = ()

    @property
    def cases(self) -> int:
        """How many cases were asked."""
        return self.counts.cases

    @property
    def viable(self) -> Answer | None:
        """As in a verdict: None without an accuracy, for then nothing is judged."""
        return viability(self.gates) if self.accuracy and self.gates else None

    @property
    def more(self) -> int | None:
        """How many more cases would decide every gate that is undecided, if they came out as those so far;
        None where none is, or nobody can say of one."""
        needed = [gate.more for gate in self.gates if gate.answer == "undecided"]
        known = [more for more in needed if more is not None]
        return max(known) if known and len(known) == len(needed) else None


def standing(counts: Counts, gates: Sequence[Gate], settings: Settings | None = None) -> Standing:
    """The standing, judged by the gates as `analyse` does; O(n), and the bootstraps are left out."""
    settings = settings or Settings()
    found = Standing(counts, _accuracy(counts, settings), _times(counts, settings))
    return Standing(counts, found.accuracy, found.latency, apply(gates, found, settings))


def _accuracy(counts: Counts, settings: Settings) -> Accuracy | None:
    right, n, level = counts.right, counts.judged, settings.confidence
    if not n:
        return None
    return Accuracy(
        value=right / n,
        right=right,
        n=n,
        wilson=wilson(right, n, level),
        clopper_pearson=clopper_pearson(right, n, level),
        bootstrap=None,
        by_trial=counts.hits / counts.scored,
        trials=counts.scored,
        by_trial_bootstrap=None,
    )


def _times(counts: Counts, settings: Settings) -> Times | None:
    timed, ordered = counts.timed, counts.ordered
    if not timed:
        return None
    return Times(
        n=len(ordered),
        timed_out=counts.timed_out,
        unanswered=len(counts.silent),
        contended=counts.contended,
        mean=sum(ordered) / len(ordered),
        p50=quantile(timed, ordered, 0.5, settings, counts.silent),
        p95=quantile(timed, ordered, 0.95, settings, counts.silent),
        p99=quantile(timed, ordered, 0.99, settings, counts.silent),
        parts={},
        values=ordered,
    )
