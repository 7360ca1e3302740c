"""What a session says of the run that its trials belong to, besides the trials themselves."""

from typing import Literal

from routerlab.core.moment import Moment
from routerlab.core.prediction import Record, Status


class RunRecord(Record):
    """A benchmark or a trial was begun, or gone on with: what was planned, and what carried it out.

    `plan` is its canonical JSON and `sha256` the hash of that, which is the commit mark. `versions` are those
    of the programs and libraries, `percentile` names the convention for quantiles.
    """

    at: Moment
    kind: Literal["bench", "trial"]
    name: str
    plan: str
    percentile: str
    command: str
    versions: dict[str, str]
    seed: int
    sha256: str


MarkKind = Literal["warmup", "reference", "memory", "difference", "leak", "deviation", "look", "end"]


class Mark(Record):
    """Something beside the trials; nothing counts it as one.

    "warmup": a question before the first that counts; "reference": the same question again and again, which
    shows whether the machine keeps its speed; "memory": bytes of an arm's workers; "difference": what the
    arms do not have in common; "leak": an arm has seen what it is tested with; "deviation": the run was not
    as planned, for this `reason`; "look": a planned look at a trial's outcomes, and what it decided; "end": a
    trial is over, and why. `kind` is the commit mark.
    """

    at: Moment
    arm: str | None = None
    case: str | None = None
    status: Status | None = None
    took_ms: float | None = None
    memory: dict[str, int] | None = None
    reason: str | None = None
    kind: MarkKind
