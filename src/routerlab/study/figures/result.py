"""The result of an analysis: what is in analysis.json, and what tables, checks and reports are made of."""

from collections.abc import Mapping
from typing import Literal

from routerlab.core.prediction import Record
from routerlab.core.statistics.gates import Answer
from routerlab.study.figures.arm import ArmFigures, Settings, Source


class Comparison(Record):
    """Two arms over the `n` cases that both answered. A case counts as right when more than half of its
    repeats are.

    `p` is exact McNemar's, `p_holm` adjusted over all pairs. `difference` is accuracy of a less that of b,
    repeats averaged within a case, with the paired bootstrap's interval. `agreed` of `answered` questions got
    the same label from both; of the `agreed_scored` with a gold label `agreed_right` are right.
    """

    a: str
    b: str
    n: int
    both: int
    only_a: int
    only_b: int
    neither: int
    p: float
    p_holm: float
    difference: float
    low: float | None
    high: float | None
    answered: int
    agreed: int
    agreed_scored: int
    agreed_right: int


class Cochran(Record):
    """Cochran's Q over the `n` cases that all arms answered: whether they differ at all."""

    n: int
    q: float
    df: int
    p: float


class Unanimity(Record):
    """Questions that all arms labelled; of them `agreed` got one label, and `right` of `scored` are right."""

    answered: int
    agreed: int
    scored: int
    right: int


class Pareto(Record):
    """Who is dominated: another arm is at least as good in every figure of `over`, and better in one.

    `members` are not; `dominated` says by whom the others are.
    """

    over: tuple[Literal["accuracy", "p95", "cost"], ...]
    members: tuple[str, ...]
    dominated: dict[str, str]


class Decision(Record):
    """What the decision matrix says: the `row` that holds (None: none does), what it asks for, and why."""

    row: str | None
    says: str
    primary: str | None = None
    fallback: str | None = None
    reasons: tuple[str, ...] = ()


class Verdict(Record):
    """`viable` tells for each arm with gates whether it passes them all; `undecided` are among neither."""

    viable: dict[str, Answer]
    pareto: Pareto | None
    decision: Decision


class Analysis(Record):
    """Everything that was computed from a file of answers.

    `labels` are in the taxonomy's order, `families` maps them. `cancelled` trials, which a person cut short,
    are in no figure. `priced` says where and when the prices are from.
    """

    schema_version: Literal[1] = 1
    kind: Literal["analysis"] = "analysis"
    lab_version: str
    source: Source
    settings: Settings
    labels: tuple[str, ...]
    families: dict[str, str]
    trials: int
    cases: int
    cancelled: int
    priced: str | None
    arms: tuple[ArmFigures, ...]
    pairs: tuple[Comparison, ...]
    cochran: Cochran | None
    unanimity: Unanimity | None
    gates: tuple[str, ...]
    verdict: Verdict
    warnings: tuple[str, ...]

    @property
    def by_name(self) -> Mapping[str, ArmFigures]:
        """Arm name -> its figures."""
        return {arm.arm: arm for arm in self.arms}
