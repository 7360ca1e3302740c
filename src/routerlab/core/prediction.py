"""What is recorded when an arm is asked: a prediction, and the trial it belongs to."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from routerlab.core.moment import Moment

Status = Literal["ok", "unparsed", "refused", "crashed", "timeout", "cancelled", "unrouted"]
"""How a question ended. "unrouted" is the control's answer: no label was asked for, so it is neither right
nor wrong, and its latency is what having no router costs."""


class Record(BaseModel):
    """Base of everything written to a file: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values, without what the original had worked out of its own: a hash, an index."""
        copy = super().model_copy(update=update, deep=deep)
        for name in copy.__dict__.keys() - type(self).model_fields.keys():
            del copy.__dict__[name]
        return copy


class Latency(Record):
    """Where the time went, in milliseconds.

    `queue` is the wait between the request and the arm's turn. `total` runs from the arm's turn to
    the whole answer, measured on the lab's side of the pipe; it does not contain `queue`. `tokenize`,
    `prefill` and `generate` are measured inside the worker.
    """

    queue: float = 0.0
    tokenize: float = 0.0
    prefill: float = 0.0
    generate: float = 0.0
    total: float = 0.0


class Tokens(Record):
    """Tokens taken from the cached prefix, decoded in the prefill, and generated; `dropped` are those of the
    prompt that the router's window left out, if any (at least so many, of a huge one whose middle is not
    read). `reasoning` are those of the generated that a remote model thought with, if its server says so."""

    cached: int = 0
    evaluated: int = 0
    generated: int = 0
    dropped: int | None = None
    reasoning: int | None = None


class Attempt(Record):
    """A request to a remote arm's server: sent `at_ms` after the first, over after `took_ms`.

    `http` is the status it was answered with, `error` what was wrong with that or why there is none, `wait_s`
    how long the server asked to wait before another. All attempts and waits are in the latency.
    """

    at_ms: float
    took_ms: float
    http: int | None = None
    error: str | None = None
    wait_s: float | None = None


class Prediction(Record):
    """An arm's answer to one prompt.

    `label` is None unless `status` is "ok". `probabilities` are a softmax over the taxonomy's labels (they
    sum to 1) and `mass` is the probability, before that softmax, that the model writes any of the labels at
    all; both are None for contracts that do not score. `familiarity` (0..1) is the share of the prompts that
    a probe was fitted for that are at least as far off as this one: 1 is as familiar as anything, 0.01
    farther off than all but one in a hundred; None where the arm has no such measure. `abstained` is true of
    an answer not to be acted on, as its prompt is too unfamiliar or it is too little probable: the label
    stands, but the prompt goes where one without a label would go (see `routed`). `confidence` is what the
    model itself claimed under the `json` contract. `answer` is the raw text of a generated answer, `error`
    says why there is no label or, where there is one, which members of the arm failed on the way to it.
    `strict` is there where an answer was read leniently: whether the contract's own reading has a label too.
    `member` names the one whose answer it is, of an arm that is made of several. `batched` is true for an
    answer that was computed together with others: its times are its share of theirs, or those of a busy
    server, and no latency. `together` is how many questions that came at once were decoded together, this one
    among them: its times are those of all, for so long its answer took. `attempts` are those of a remote arm;
    `recorded` is the trial that a recorded arm repeats, times and all.
    """

    status: Status
    label: str | None = None
    probabilities: dict[str, float] | None = None
    mass: float | None = None
    familiarity: float | None = Field(default=None, ge=0, le=1)
    abstained: bool | None = None
    confidence: float | None = None
    answer: str | None = None
    error: str | None = None
    strict: bool | None = None
    member: str | None = None
    batched: bool | None = None
    together: int | None = None
    attempts: tuple[Attempt, ...] | None = None
    recorded: str | None = None
    latency_ms: Latency = Latency()
    tokens: Tokens = Tokens()

    @property
    def routed(self) -> str | None:
        """The label to act on; None where there is none, or the arm abstained: the default of a routing
        table is meant for these."""
        return None if self.abstained else self.label


class Item(Record):
    """One prompt to ask: a case of the corpus (`case` is its id), or a typed prompt (`case` is None)."""

    prompt: str
    case: str | None = None
    gold: str | None = None


class Trial(Prediction):
    """One item, one arm, one repeat: the record of a session.

    `prompt` is written for typed prompts only; a case's prompt is in the corpus that the session pins. Of one
    that came over the network there is `prompt_sha256` (that of core/corpus.py), its text only where keeping
    was asked for, and `target`, the model that it was sent on to. `session` and `due` are there in a
    randomised trial: the id of the session that asked, and when it was to be sent. `contended` comes last on
    purpose: it is the commit mark of a record (see session/session.py).
    """

    id: str
    at: Moment
    arm: str
    repeat: int = 1
    case: str | None = None
    prompt: str | None = None
    prompt_sha256: str | None = None
    target: str | None = None
    gold: str | None = None
    session: str | None = None
    due: Moment | None = None
    contended: bool

    @property
    def key(self) -> tuple[str, str, int]:
        """(what was asked, arm, repeat): what a replay resumes by."""
        return (self.question, self.arm, self.repeat)

    @property
    def group(self) -> tuple[str, int]:
        """(what was asked, repeat): the trials that answer the same question side by side."""
        return (self.question, self.repeat)

    @property
    def question(self) -> str:
        """What was asked: a case's id, a typed prompt, or the hash of one that was not kept."""
        return self.case or self.prompt or self.prompt_sha256 or ""

    @property
    def correct(self) -> bool | None:
        """Exact match with gold; None where there is no gold, a person cut the trial short, or no label was
        asked for."""
        if self.gold is None or self.status in ("cancelled", "unrouted"):
            return None
        return self.label == self.gold
