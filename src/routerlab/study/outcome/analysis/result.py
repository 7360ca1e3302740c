"""What an analysis of outcomes says, as it is saved."""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from routerlab.core.errors import LabError
from routerlab.core.files.toml import invalid, read_text
from routerlab.core.prediction import Record
from routerlab.study.figures.arm import Estimate, Settings
from routerlab.study.outcome.analysis.policies import Kind

Finding = Literal["supported", "refuted", "undecided"]


class Standing(Record):
    """A policy. `quality` is its mean score, `good` the share of tasks that are good enough; `cost` is that
    of 1,000 tasks in the result's currency, `latency_ms` and `p95_ms` are milliseconds (the answer's, without
    the router's). `vs_control`, `vs_random` and `vs_mix` are differences of quality: to the control, to the
    best random mix of models at the same cost (its interval is that of `smallest`), to random routing with
    its own mix. None: not known, or not to be compared. `mix` is model -> share of tasks; `accuracy` is that
    of the labels it acts on, against gold."""

    name: str
    kind: Kind
    quality: Estimate
    good: Estimate
    cost: Estimate | None = None
    latency_ms: Estimate | None = None
    p95_ms: Estimate | None = None
    vs_control: Estimate | None = None
    vs_random: Estimate | None = None
    vs_mix: Estimate | None = None
    accuracy: float | None = None
    mix: dict[str, float]


class RightLabel(Record):
    """What a right label is worth, for one router: of `tasks` it gave `wrong` a wrong label (or none), which
    sent `strayed` of them to another model than the right one would have.

    `matched` is the score under the right label minus that under the wrong one, mean over the wrong ones,
    task by task; `p` is that of no effect (signs flipped). `matched_cost` is the same in cost of 1,000 tasks,
    and `net` the effect less what random routing would get for that much: at equal cost.
    `apart` is the score where the label is right minus that where it is wrong, among tasks of the same gold
    label and difficulty: other tasks, so it may be that they are harder. `per_point` is what one more
    percentage point of accuracy brings. `break_even` is the accuracy from which the router's answers are as
    good as the control's, `break_even_random` as random routing's at the same cost; `says` explains.
    """

    router: str
    tasks: int
    wrong: int
    strayed: int
    matched: Estimate | None
    matched_cost: Estimate | None
    net: Estimate | None
    p: float | None
    apart: Estimate | None
    per_point: float | None
    break_even: float | None
    break_even_random: float | None
    says: str


class Signal(Record):
    """Whether labels say anything about which model is best.

    `eta_squared` is the share of the variance of models' relative scores that labels explain, `p` that of
    labels which were shuffled doing as well; `within` and `p_within` the same within the sets that tasks are
    from. `best_single`, `by_label` (each label's best model, chosen on the same tasks), `by_label_cross` (on
    others: what a table can reach) and `by_task` (the best model each) are scores; `gain` is what
    by_label_cross has more than best_single (its interval is that of `smallest`, too), and `reach` the part
    of by_task's gain that this is.
    """

    labels: str
    n: int
    eta_squared: float
    p: float
    within: float | None
    p_within: float | None
    best_single: Estimate
    by_label: Estimate
    by_label_cross: Estimate
    by_task: Estimate
    gain: Estimate
    reach: Estimate | None


class Curve(Record):
    """A way of routing at all prices: `points` are (cost of 1,000 tasks, quality). `aiq` is the area below
    their hull, `vs_random` how much more it is than that of random mixes of models (for tables see
    `gap_over_costs`). `apgr`, `cpt50` and `cpt80` are of the share of tasks that the strongest model gets
    instead of the weakest; `deferral` are (share, gap recovered)."""

    name: str
    kind: Kind
    aiq: Estimate | None
    vs_random: Estimate | None = None
    apgr: Estimate | None
    cpt50: float | None
    cpt80: float | None
    points: tuple[tuple[float, float], ...]
    deferral: tuple[tuple[float, float], ...]


class Statement(Record):
    """One thing that is to be decided: `says` it, `finding` from `effect`'s interval against 0 and `worth`;
    `needed` tasks would decide, if they came out as these (None: decided, or no number below a million)."""

    key: Literal["label", "random", "table"]
    says: str
    finding: Finding
    effect: Estimate
    needed: int | None


class Verdict(Record):
    """About `router` (None without one). `sentences` are three."""

    router: str | None
    finding: Finding
    statements: tuple[Statement, ...]
    sentences: tuple[str, str, str]


class Failure(Record):
    """Tasks of a kind: `lost` is the mean score that the router's models lose to the best for each task."""

    router: str
    label: str | None
    difficulty: str | None
    tasks: int
    quality: float
    lost: float


class Win(Record):
    """Of `pairs` of answers with one by `model`, the `share` that it won, a tie being half."""

    model: str
    pairs: int
    share: Estimate


class Judged(Record):
    """What a judge model says, apart from all checked scores.

    Of `pairs` judged in both orders, `unread` had a verdict that is none and are in no figure. `consistent`
    is the share of pairs with the same verdict in both orders, `first` that of verdicts for the answer shown
    first. Of `apart` pairs whose checked scores differ, it prefers the `better` answer, or the `worse` one,
    in both orders; `kappa` is Cohen's with the checks, on these. Intervals are Wilson's, of as many pairs as
    those of the same tasks are worth; kappa's by bootstrap over pairs.
    """

    judge: str
    prompt_sha256: str
    seed: int
    pairs: int
    unread: int
    consistent: Estimate | None
    first: Estimate | None
    apart: int
    better: Estimate | None
    worse: Estimate | None
    kappa: Estimate | None
    wins: tuple[Win, ...]


class OutcomeResult(Record):
    """An analysis. `tasks` are those judged, in `groups` that were drawn together; `left_out` have not been
    answered by every model. `routes` names the table, None where every labeller got the table that suits it,
    fitted on other tasks. `worth` is the least difference of scores that matters."""

    schema_version: Literal[1] = 1
    kind: Literal["outcome"] = "outcome"
    lab_version: str
    session: str
    session_sha256: str | None
    name: str
    tasks: int
    groups: int
    left_out: int
    models: tuple[str, ...]
    weak: str
    strong: str
    currency: str
    routes: str | None
    worth: float
    settings: Settings
    verdict: Verdict
    policies: tuple[Standing, ...]
    effects: tuple[RightLabel, ...]
    signals: tuple[Signal, ...]
    curves: tuple[Curve, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    judged: tuple[Judged, ...] = ()


def load_outcome(path: Path) -> OutcomeResult:
    """What `outcome analyze --out` saved; LabError when it is something else."""
    try:
        return OutcomeResult.model_validate_json(read_text(path))
    except ValidationError as e:
        says = str(invalid("the file", e)).removeprefix("the file: ")
        raise LabError(
            f"{path}: not an analysis of outcomes of this version: {says}; make it again with "
            "`routerlab outcome analyze SESSION --out FILE`"
        ) from None
