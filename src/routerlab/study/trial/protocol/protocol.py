"""A trial's protocol: everything that is decided before the first session, and how its result is judged."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from routerlab.core.files.toml import once, unless
from routerlab.core.prediction import Record
from routerlab.core.remote import Remote
from routerlab.study.benchmark.plan import Decided
from routerlab.study.trial.protocol.assignment import Method
from routerlab.study.trial.protocol.boundaries import Sprt
from routerlab.study.trial.protocol.traffic import Pattern

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Level = Annotated[float, Field(gt=0, lt=0.5)]
ENDPOINT = re.compile(r"accuracy|cost|macro_f1|p95|f1:\S+|cost:measured|quality:(control|random)")

TEMPLATE = Path(__file__).with_name("template.toml")
"""The protocol that `trial new` writes, every decision with its reason; what is in braces is filled in."""


class Traffic(Record):
    """When sessions are sent. `rate` is sessions a second over all arms, for the open patterns: "poisson",
    "bursty" (`burst` sessions together on average), "replay" (the gaps in the file `stamps`; without a rate
    at their own pace). "closed" keeps `users` sessions under way, each sent `think_s` after the one before.

    At most `concurrency` sessions are under way; one that waited `patience_s` for its turn is given up. With
    "exclusive" arms on this machine take turns; with "parallel" they compete for it.
    """

    pattern: Pattern = "poisson"
    rate: Positive | None = None
    burst: float = Field(default=4.0, ge=1)
    stamps: str | None = None
    users: int = Field(default=1, ge=1)
    think_s: float = Field(default=0.0, ge=0)
    concurrency: int | None = Field(default=None, ge=1)
    patience_s: Positive | None = None
    schedule: Literal["exclusive", "parallel"] = "exclusive"

    @model_validator(mode="after")
    def _has_what_its_pattern_needs(self) -> "Traffic":
        if self.pattern in ("poisson", "bursty") and self.rate is None:
            raise ValueError(f"{self.pattern} traffic needs a rate: sessions a second")
        if (self.pattern == "replay") != (self.stamps is not None):
            raise ValueError("stamps names the recording of replay traffic, and of no other")
        if self.pattern == "closed" and (self.rate is not None or self.patience_s is not None):
            raise ValueError("closed traffic has users instead of a rate, and they wait as long as it takes")
        return self


class Looks(Record):
    """When outcomes are looked at before the end, and what follows.

    "obrien-fleming": at these `fractions` of the cases, pairs of arms are tested within the error rate of the
    hypothesis about accuracy. "sprt": after every new case, each arm's accuracy is tested between `p0` and
    `p1`. `action` is what a decision does: "record" nothing, "drop" an arm that lost to another (or is not
    viable), "stop" the trial once all is decided.
    """

    rule: Literal["none", "obrien-fleming", "sprt"] = "none"
    fractions: tuple[float, ...] = ()
    p0: float = Field(default=0.75, gt=0, lt=1)
    p1: float = Field(default=0.85, gt=0, lt=1)
    alpha: Level = 0.05
    beta: Level = 0.05
    action: Literal["record", "drop", "stop"] = "record"

    @model_validator(mode="after")
    def _is_a_plan(self) -> "Looks":
        ascending = all(a < b for a, b in zip((0.0, *self.fractions), (*self.fractions, 1.0), strict=True))
        if (self.rule == "obrien-fleming") != bool(self.fractions) or not ascending:
            raise ValueError(
                "fractions are those of obrien-fleming looks, ascending between 0 and 1: the end is none"
            )
        if self.p0 >= self.p1:
            raise ValueError("p0 is the accuracy that is too low, p1 the one that is good enough: p0 < p1")
        return self

    @property
    def sprt(self) -> Sprt:
        """Wald's test with these error rates."""
        return Sprt(self.p0, self.p1, self.alpha, self.beta)


class Hypothesis(Record):
    """One registered hypothesis. Its tests, one a routed arm or pair, are corrected together (Holm).

    `endpoint`: "accuracy" (no limit: every pair of arms, exact McNemar), "cost" (the limit is a share of what
    it costs without a router), "macro_f1", "f1:LABEL" (at least the limit) or "p95" (milliseconds at most).

    With measured outcomes also "cost:measured" (as "cost", of the answers' own tokens), and the mean score of
    the answers that an arm's labels lead to, against the table's default for all ("quality:control") or
    random routing at the same cost ("quality:random"): `direction` "better" by more than `margin`, or
    "not-worse" by as much.
    """

    id: str = Field(pattern=r"^H\d+[a-z]?$")
    says: str = Field(min_length=1)
    endpoint: str
    limit: Positive | None = None
    direction: Literal["better", "not-worse"] | None = None
    margin: float | None = Field(default=None, ge=0, lt=1)
    alpha: Level = 0.05
    correction: Literal["holm", "none"] = "holm"

    @model_validator(mode="after")
    def _can_be_tested(self) -> "Hypothesis":
        if not ENDPOINT.fullmatch(self.endpoint):
            raise ValueError(
                "endpoint is accuracy, cost, macro_f1, f1:LABEL or p95; with outcomes also cost:measured, "
                "quality:control or quality:random"
            )
        compares = self.endpoint == "accuracy" or self.about_quality
        if compares != (self.limit is None):
            raise ValueError("every endpoint but accuracy and quality, which compare, needs a limit")
        decided = self.direction is not None and self.margin is not None
        if self.about_quality != decided or (not decided and (self.direction or self.margin is not None)):
            raise ValueError("direction and margin are those of a hypothesis about quality, which needs both")
        if self.direction == "not-worse" and not self.margin:
            raise ValueError("not-worse needs a margin above 0: how much worse does not matter")
        if self.endpoint != "p95" and self.limit is not None and self.limit >= 1:
            raise ValueError(f"the limit of {self.endpoint} is a share, above 0 and below 1")
        return self

    @property
    def about_quality(self) -> bool:
        """Whether it is about the answers, not the labels."""
        return self.endpoint.startswith("quality:")

    @property
    def needs_outcomes(self) -> bool:
        """Whether it takes answers that were measured."""
        return self.about_quality or self.endpoint == "cost:measured"

    @property
    def at(self) -> float:
        """The difference in quality that is tested against."""
        return (self.margin or 0.0) * (-1 if self.direction == "not-worse" else 1)


class Protocol(Decided):
    """A trial's: which routers are asked when, and how the answers are judged.

    `sessions` are those of each arm (on average, with assignment "hash"). `latency` is what P95 is of: the
    "response" from the moment a session was due to the whole answer, or the "service" alone; where arms take
    turns, the wait for another arm's turn is no part of a response. `limit_minutes` ends a run, whatever is
    left. `outcomes` are measured answers to the corpus's prompts by the routing table's models.
    """

    schema_version: Literal[1]
    routes: str | None = None
    outcomes: str | None = None
    sessions: int = Field(ge=1)
    assignment: Method = "blocks"
    seed: int = Field(default=0, ge=0)
    latency: Literal["response", "service"] = "response"
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=10_000, ge=100, le=1_000_000)
    limit_minutes: Positive = 240.0
    decision_matrix: Literal["study"] = "study"
    remote: tuple[Remote, ...] = ()
    traffic: Traffic
    looks: Looks = Looks()
    hypothesis: tuple[Hypothesis, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_a_thing_once(self) -> "Protocol":
        unless(
            once("hypothesis", "id", [one.id for one in self.hypothesis], "hypothesis {} appears twice"),
            once("remote", "name", [one.name for one in self.remote], "remote {} appears twice"),
        )
        if len(same := [one.id for one in self.hypothesis if one.endpoint == "accuracy"]) > 1:
            raise ValueError(f"{' and '.join(same)} are both about accuracy, which looks test once: keep one")
        if self.looks.rule == "obrien-fleming" and self.primary is None:
            raise ValueError("obrien-fleming looks test the accuracy of pairs: register that hypothesis")
        if self.outcomes is None and (needs := [one.id for one in self.hypothesis if one.needs_outcomes]):
            raise ValueError(f"{needs[0]} is about measured answers: name their session as `outcomes`")
        return self

    @property
    def primary(self) -> Hypothesis | None:
        """The hypothesis about accuracy, which looks test; None where none is registered."""
        return next((one for one in self.hypothesis if one.endpoint == "accuracy"), None)
