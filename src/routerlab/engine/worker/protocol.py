"""Messages between the lab and a worker: one JSON object a line, `kind` first."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from routerlab.core.names import Parse
from routerlab.core.prediction import Prediction, Record
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.names import ContractName, Encoding, Instruction
from routerlab.engine.contract.router import Abstain, Router
from routerlab.models.placement import Wanted

Stage = Literal["checking file", "loading weights", "reading exemplars"]
Finish = Literal["stop", "length"]
"""Whether a model ended its answer, or the limit of tokens did."""
Measure = Literal["steps", "bare"]
"""What a benchmark wants of a question: the steps of the prediction, or those of a bare decode instead."""


class LoadModel(Record):
    """What a worker's first message says whatever the model is for: which one, and where it is wanted."""

    model: Path
    n_ctx: int
    threads: int | None
    wanted: Wanted
    slots: int = 1
    """Prompts that go into one decode (see `Ask.more`)."""
    template_limit_s: float = 5.0
    """Time the chat template may take: it is a stranger's program."""


class Load(LoadModel):
    """A model that routes, and how it will be asked."""

    kind: Literal["load"] = "load"
    contract: ContractName
    encoding: Encoding
    instruction: Instruction = "full"
    parse: Parse = "strict"
    taxonomy: Taxonomy
    exemplars: tuple[Exemplar, ...]
    exemplars_sha256: str | None
    prefix_cache: int = 0
    """Bytes that prefixes kept on disk may take, 0 for none (see Prefixes)."""
    concurrency: int = 1
    """How many of the slots are for questions that come at once."""
    layers: tuple[int, ...] = ()
    """Layers to read for a probe without a head: its answers carry features instead of a label."""
    router: Router | None = None
    router_folder: Path | None = None
    """What the arm was tuned to, whose pins must hold, and where its head lies."""
    abstain: Abstain = Abstain()


class LoadChat(LoadModel):
    """A model that answers prompts, after the instruction `system` if there is one."""

    kind: Literal["load chat"] = "load chat"
    system: str | None = None
    weighs: bool = False
    """Whether it is to `Weigh` prompts, too, which needs room for the logits of many tokens."""


class Ask(Record):
    """Route a prompt; the worker answers with the same `id`."""

    kind: Literal["ask"] = "ask"
    id: int
    prompt: str
    window: int | None = None
    """The routing window to try, 0 for none. Without it: that of the router, or of the last question."""
    more: tuple[str, ...] = ()
    """Prompts that are computed together with this one; the answer then has `more` predictions."""
    timed: bool = False
    """Of prompts that are computed together: whether each has the whole time as its own, or its share."""
    measure: Measure | None = None
    """For benchmarks: the answer carries `Answer.steps`."""


class Chat(Record):
    """Answer a prompt, greedily, until the model ends, a text of `stop` is there, or `max_tokens` are.
    Several may be under way; each is answered with its `id`."""

    kind: Literal["chat"] = "chat"
    id: int
    prompt: str
    max_tokens: int
    stop: tuple[str, ...] = ()


class Weigh(Record):
    """How little is each token of a prompt expected where a user's prompt stands? Or, instead of a prompt, of
    these `tokens`, as an earlier answer had them. Not while chats are under way. `split`: only the tokens are
    wanted, and the model need not read them."""

    kind: Literal["weigh"] = "weigh"
    id: int = 0
    prompt: str = ""
    tokens: tuple[int, ...] = ()
    split: bool = False


class Cancel(Record):
    """Stop the question `id` as soon as the library allows; it ends as "cancelled"."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Ping(Record):
    """Are you there? Answered with a pong at once, whatever the model does."""

    kind: Literal["ping"] = "ping"


class Pong(Record):
    """The process runs. `cpu_s` is the processor time, in seconds, that it has used for the model so far."""

    kind: Literal["pong"] = "pong"
    cpu_s: float


class Loading(Record):
    """How far loading is: `fraction` (0..1) of the stage, None where it cannot be told."""

    kind: Literal["loading"] = "loading"
    gpu_build: bool
    stage: Stage
    fraction: float | None


class Ready(Record):
    """The model is loaded and the prefix decoded."""

    kind: Literal["ready"] = "ready"
    info: ArmInfo


class Answer(Record):
    """The prediction for question `id`; `latency_ms` holds the worker's share only."""

    kind: Literal["answer"] = "answer"
    id: int
    prediction: Prediction
    features: str | None = None
    """For `Load.layers`: base64 of little-endian float32, (layers, PARTS x n_embd)."""
    more: tuple[Prediction, ...] = ()
    steps: dict[str, float] | None = None
    """For `Ask.measure`: milliseconds by step (see Laps); they add up to the worker's share."""


class Said(Record):
    """The answer to chat `id`. `first_ms` is the time to its first token, in the worker; without a `finish`
    there is no answer, and `error` says why."""

    kind: Literal["said"] = "said"
    id: int
    text: str = ""
    finish: Finish | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    first_ms: float = 0.0
    error: str | None = None


class Surprisals(Record):
    """The answer to weigh `id`: each token, its bytes (as Latin-1: a piece may be half a character), and
    its surprisal, minus the logarithm of its probability, in nats (none if it was only split); or the
    `error` why there is none."""

    kind: Literal["surprisals"] = "surprisals"
    id: int
    tokens: tuple[int, ...] = ()
    pieces: tuple[str, ...] = ()
    nats: tuple[float, ...] = ()
    error: str | None = None


class Failed(Record):
    """Loading failed and the worker ends. `retry` says that fewer layers on the GPU might help."""

    kind: Literal["failed"] = "failed"
    message: str
    retry: bool


ToWorker = Annotated[Load | LoadChat | Ask | Chat | Weigh | Cancel | Ping, Field(discriminator="kind")]
FromWorker = Annotated[
    Pong | Loading | Ready | Answer | Said | Surprisals | Failed, Field(discriminator="kind")
]
to_worker: TypeAdapter[ToWorker] = TypeAdapter(ToWorker)
from_worker: TypeAdapter[FromWorker] = TypeAdapter(FromWorker)

LINE_LIMIT = 64 * 2**20
"""Longest line either side accepts, in bytes."""


def encode(message: Record) -> bytes:
    """The message as one line."""
    return message.model_dump_json().encode() + b"\n"
