"""The result of a trial: what is written as JSON, and what tables and reports are made of.

Shares are 0..1, times milliseconds, money in the currency of the routing table. `low` and `high` are ends of
two-sided intervals at the protocol's confidence.
"""

from datetime import datetime
from typing import Literal

from routerlab.core.prediction import Record
from routerlab.study.figures.arm import QuantileFigure, Share
from routerlab.study.figures.result import Analysis
from routerlab.study.trial.protocol.assignment import Balance
from routerlab.study.trial.protocol.lock import Lock

Finding = Literal["supported", "refuted", "undecided", "not tested"]


class Loss(Record):
    """Sessions that did not come as far as `before` ("sent", "answered", "parsed"), and why."""

    before: Literal["sent", "answered", "parsed"]
    reason: str
    n: int


class ArmFlow(Record):
    """An arm's sessions, step by step. `analysed` are those in its figures: without an answer they count as
    wrong. `parsed` is None for the control, which answers without a label."""

    arm: str
    assigned: int
    sent: int
    answered: int
    parsed: int | None
    analysed: int
    lost: tuple[Loss, ...]


class Flow(Record):
    """From the sessions that were generated to those that were analysed; `excluded` is case -> reason."""

    generated: int
    excluded: dict[str, str]
    arms: tuple[ArmFlow, ...]


class ArmTimes(Record):
    """Quantiles of an arm's `n` answers: `response` from when a session was due, which is `queue` (the wait
    behind its own sessions) and `service`. `lab` is the response as it was here, where arms may have taken
    turns."""

    arm: str
    n: int
    response: dict[str, QuantileFigure]
    queue: dict[str, QuantileFigure]
    service: dict[str, QuantileFigure]
    lab: dict[str, QuantileFigure]


class Effect(Record):
    """How large the difference of two arms is, whatever its p: Cohen's h of their accuracies, Cohen's d of
    the logarithms of their latencies (positive: a is higher). Intervals by bootstrap over cases."""

    a: str
    b: str
    h: float
    h_low: float | None
    h_high: float | None
    d: float | None
    d_low: float | None
    d_high: float | None


class Tested(Record):
    """One test of a hypothesis, for an arm or a pair ("a - b": the value is the difference). `p` is
    two-sided, `p_adjusted` after the registered correction; `note` says what a reader should know."""

    subject: str
    value: float | None
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    finding: Finding
    note: str = ""


class HypothesisResult(Record):
    """A registered hypothesis and what became of it. `direction` and `margin` are those of quality."""

    id: str
    says: str
    endpoint: str
    limit: float | None
    direction: Literal["better", "not-worse"] | None = None
    margin: float | None = None
    alpha: float
    correction: str
    tests: tuple[Tested, ...]
    why_not: str | None = None

    @property
    def found(self) -> str:
        """The findings in a line, such as "supported 1, undecided 2"; why there are none."""
        if not self.tests:
            return f"not tested: {self.why_not}"
        findings = [test.finding for test in self.tests]
        return ", ".join(f"{one} {findings.count(one)}" for one in dict.fromkeys(findings))


class Subgroup(Record):
    """Exploratory: an arm's accuracy on the cases of a group."""

    arm: str
    by: Literal["family", "label", "difficulty", "language"]
    group: str
    share: Share


class Misroute(Record):
    """Requests of a gold label that another model answered than the right one. `extra` is what that cost
    beyond the right route, in all; `forbidden` of them went where their label may not go. `weaker`: the model
    was of a lower tier."""

    gold: str
    label: str | None
    n: int
    right: str
    went: str
    weaker: bool
    extra: float
    forbidden: int


class Economics(Record):
    """What an arm's `n` requests cost. `default` is without a router; `routed` what the models cost that the
    labels chose; `router` the router itself, None where no price is known (it then counts as nothing).
    `ratio` is (routed + router) / default, None where that is nothing.

    `outcome_accuracy` counts a wrong label that leads to the right model as right. `break_even` is the
    accuracy at which nothing is saved, if misroutes stay as costly as they were; `break_even_says` explains.
    """

    arm: str
    n: int
    currency: str
    default: float
    routed: float
    router: float | None
    saved_per_1000: float
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    outcome_accuracy: Share
    break_even: float | None
    break_even_says: str
    misroutes: tuple[Misroute, ...]


class Deviation(Record):
    """Something that was not as planned."""

    at: datetime | None
    arm: str | None
    reason: str


class TrialResult(Record):
    """Everything that a trial says. `complete` is false for an analysis before the end.

    `begun_at` is when the first run began; `locked_s` is how long before that the protocol was locked.
    `routes` says which prices economics are from, `outcomes` which measured answers. `analysis` has the arms'
    figures, whose latencies are responses or service as the protocol says.
    """

    schema_version: Literal[1] = 1
    kind: Literal["trial"] = "trial"
    lab_version: str
    session: str
    session_sha256: str
    name: str
    lock: Lock
    begun_at: datetime
    locked_s: float
    runs: int
    commands: tuple[str, ...]
    versions: dict[str, str]
    ended: str | None
    complete: bool
    control: str | None
    flow: Flow
    balance: Balance
    analysis: Analysis
    times: tuple[ArmTimes, ...]
    effects: tuple[Effect, ...]
    hypotheses: tuple[HypothesisResult, ...]
    subgroups: tuple[Subgroup, ...]
    routes: str | None
    outcomes: str | None = None
    economics: tuple[Economics, ...]
    looks: tuple[str, ...]
    dropped: dict[str, str]
    deviations: tuple[Deviation, ...]
    warnings: tuple[str, ...]
