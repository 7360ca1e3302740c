"""The figures of an arm, as they are written down (the whole result: result.py).

Shares are 0..1, times milliseconds. `low` and `high` are the ends of the two-sided interval at the settings'
confidence; None is an open end, or no interval at all where the figure says so.
"""

from math import inf
from typing import Literal

from pydantic import Field

from routerlab.core.prediction import Record
from routerlab.core.remote import Hosting as Hosting
from routerlab.core.session.arm import AnyArmRecord
from routerlab.core.session.session import Pin, TaxonomyPin
from routerlab.core.statistics.calibration import Bin, Kept
from routerlab.core.statistics.gates import Answer
from routerlab.core.statistics.quantiles import Convention

Range = tuple[float, float]
Basis = Literal["logged", "machine time", "tokens"]


class Source(Record):
    """Where the rows are from. `sha256` is that of the file's bytes; `columns` maps what is needed to the
    columns it was read from. The rest is what a session says of itself."""

    path: str
    format: Literal["session", "csv", "jsonl", "json", "yaml", "xlsx", "parquet", "eval", "log"]
    read_as: str | None = None
    """What a log was taken for, in a line for people."""
    sha256: str | None = None
    columns: dict[str, str] | None = None
    session: str | None = None
    machine: str | None = None
    lab_version: str | None = None
    corpus: Pin | None = None
    taxonomy: TaxonomyPin | None = None
    schedule: str | None = None


class Settings(Record):
    """How the figures were computed. Tests are at the level `alpha`, bootstraps draw `resamples` times."""

    percentile: Convention = "study"
    confidence: float = 0.95
    alpha: float = 0.05
    resamples: int = 10_000
    seed: int = 0


class Share(Record):
    """A share of `n` cases with Wilson's interval; `hits` is a fraction where repeats were averaged.
    `by_trial` weights trials equally."""

    value: float
    hits: float
    n: int
    low: float
    high: float
    by_trial: float


class Accuracy(Record):
    """Exact match. `value` weights cases equally: `right` is the sum over `n` cases of the share of their
    repeats that are right; three intervals over cases. `by_trial` is the share of all `trials`, with the
    cluster bootstrap's interval; the two differ where cases were not asked equally often."""

    value: float
    right: float
    n: int
    wilson: Range
    clopper_pearson: Range
    bootstrap: Range | None
    by_trial: float
    trials: int
    by_trial_bootstrap: Range | None


class Estimate(Record):
    """A figure with its interval, by bootstrap over cases where nothing else is said."""

    value: float
    low: float | None
    high: float | None


class LabelScore(Record):
    """One label. `support` is the number of cases with it as gold; the F1's interval is by bootstrap over
    cases. None: there is nothing to divide by (precision of a label that was never given)."""

    label: str
    support: int
    precision: float | None
    recall: float | None
    f1: float | None
    low: float | None
    high: float | None


class Cell(Record):
    """One cell of the confusion matrix, `label` None for no label. `n` is in cases, a fraction where only
    some repeats of a case fell here; `cases` are their ids."""

    gold: str
    label: str | None
    n: float
    cases: tuple[str, ...]


class QuantileFigure(Estimate):
    """A quantile in milliseconds with its order-statistic interval. Repeats of a case are alike: all
    latencies together count there as `n_effective` of them, and in the interval, but not in the value,
    questions that were never answered took longer than any. `beyond`: so many were not that all of the
    interval is beyond every answer; `low` is then the longest."""

    n_effective: float
    beyond: bool = False

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """The interval as gates are answered from it, with infinity where it is `beyond`."""
        return (inf if self.beyond else self.low, self.high)


class Times(Record):
    """Latencies of the `n` answers, in ascending order in `values`; those that timed out count with the time
    until then. `unanswered` trials have no latency and count in intervals and gates only; `contended` ran
    beside other
    arms. `parts` are medians of where time went."""

    n: int
    timed_out: int
    unanswered: int
    contended: int
    mean: float
    p50: QuantileFigure
    p95: QuantileFigure
    p99: QuantileFigure
    parts: dict[str, float]
    values: tuple[float, ...]


class Spread(Record):
    """How long answers are: median, 95th percentile and longest of `n`."""

    n: int
    p50: float
    p95: float
    most: float


class CostFigure(Record):
    """What routing costs, in `currency`: 1,000 prompts, and the `trials` here that have a cost. `basis` says
    whether each request's own cost was logged, or it comes from a price of machine time or of tokens."""

    per_1000: float
    total: float
    trials: int
    currency: str
    basis: Basis


class Calibration(Record):
    """How far confidence means what it says, over `n` answers that have one.

    From "probabilities" over the labels, or from the confidence that a model claims ("self-reported"). The
    Brier score is over all labels (0..2) for probabilities, of right or wrong (0..1) for claims. `distinct`
    counts different confidences: one means that it tells nothing. `surely_wrong` is the share of the answers
    that are wrong with a confidence above 0.95. `kept` is accuracy against coverage, the most confident
    first. Where familiarity is known, `by_familiarity` is the same with the most familiar first, and
    `among_familiar` with the most confident first of those whose prompt is not unfamiliar.
    """

    source: Literal["probabilities", "self-reported"]
    n: int
    confidence: float
    accuracy: float
    ece: float
    brier: float
    log_loss: float | None
    distinct: int
    bins: tuple[Bin, ...]
    kept: tuple[Kept, ...]
    surely_wrong: float | None = None
    by_familiarity: tuple[Kept, ...] = ()
    among_familiar: tuple[Kept, ...] = ()


Grouping = Literal["language", "length", "source", "fit"]


class KindFigures(Record):
    """The cases of one `kind`, `by` what they have in common (fit: whether a label fits at all). `ece` and
    `surely_wrong` are of the `answers` that have a confidence, None where none has."""

    by: Grouping
    kind: str
    accuracy: Share
    answers: int
    ece: float | None
    surely_wrong: float | None


class Apart(Estimate):
    """The AUROC of familiarity between the `unfit` cases, which no label fits, and the `others`: the chance
    that one of the others is the more familiar; DeLong's interval."""

    unfit: int
    others: int


class Determinism(Record):
    """Of `cases` that were asked more than once, those whose label `changed` between repeats."""

    cases: int
    changed: tuple[str, ...]


class GateFigure(Record):
    """A gate's answer for an arm. `value` is None where there is no such figure. `more` is how many more
    cases would decide it if they came out as those so far; None where it is decided, or nobody can say."""

    gate: str
    value: float | None
    low: float | None
    high: float | None
    answer: Answer
    more: int | None

    @property
    def undecidable(self) -> bool:
        """Undecided, and how many more cases would decide is not known."""
        return self.value is not None and self.answer == "undecided" and self.more is None


class ArmFigures(Record):
    """Everything about one arm. `repeats` is the least and the most often that a case was asked; `statuses`
    count trials. Figures are None where nothing can be computed: accuracy without gold (a control), families
    without a taxonomy. `answered_error` is the share of wrong answers among those not abstained from, where
    there is a promise or an abstention. `parse_rate` is of the strict reading, whatever the arm,
    `lenient_rate` of one that is read leniently. `kinds` are there where the corpus is at hand. `macro_f1` is
    the mean over labels that are gold of a case. `memory` is bytes of the arm's workers: when ("loaded",
    "end") -> part -> how many."""

    arm: str
    contract: str | None
    hosting: Hosting
    trials: int
    cases: int
    repeats: tuple[int, int]
    statuses: dict[str, int]
    accuracy: Accuracy | None
    task_accuracy: Share | None
    macro_f1: Estimate | None
    labels: tuple[LabelScore, ...]
    families: dict[str, Share]
    parse_rate: Share | None
    answered_error: Share | None = None
    confusion: tuple[Cell, ...]
    latency: Times | None
    tokens_out: Spread | None
    chars_out: Spread | None
    cost: CostFigure | None
    calibration: Calibration | None
    determinism: Determinism | None
    kinds: tuple[KindFigures, ...] = ()
    apart: Apart | None = None
    gates: tuple[GateFigure, ...] = ()
    record: AnyArmRecord | None = None
    memory: dict[str, dict[str, int]] = Field(default_factory=dict)
    lenient_rate: Share | None = None

    @property
    def corridors(self) -> tuple[Cell, ...]:
        """The cells off the diagonal: where cases go wrong, the busiest first."""
        return tuple(cell for cell in self.confusion if cell.gold != cell.label)
