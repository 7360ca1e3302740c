"""What an outcome session says: its header, then an [[outcome]] for every question asked, appended only."""

from typing import Literal

from pydantic import Field, JsonValue

from routerlab.core.moment import Moment
from routerlab.core.names import Reasoning
from routerlab.core.prediction import Record
from routerlab.core.remote import Body

Method = Literal["window", "self-information", "llmlingua"]
"""How a prompt is made shorter before it is sent (see compress/methods.py)."""
KEEP = 0.7
"""The share of tokens that is kept where nobody says another: H9 wants 30 % fewer."""
Finish = Literal["stop", "length"]
"""Whether the model ended its answer, or the limit of tokens did."""


class TaskRecord(Record):
    """A task as the matrix knows it, without its text: `prompt_sha256` is that of the folded prompt."""

    id: str
    prompt_sha256: str | None = None
    label: str | None = None
    difficulty: str | None = None
    group: str | None = None
    good: float = 1.0
    source: str | None = None


class ModelRecord(Record):
    """A downstream model, as it was asked. Prices are the routing table's, per million tokens, per request;
    a local model's file is pinned, a remote one's address and request are told. What is sent to a variant of
    `whole` is compressed to the share `keep` of the tokens, as the reader counts them."""

    name: str
    tier: int | None = None
    hosting: str | None = None
    region: str | None = None
    input_per_million: float = 0.0
    output_per_million: float = 0.0
    per_request: float = 0.0
    model_file: str | None = None
    model_sha256: str | None = None
    quantization: str | None = None
    llama_cpp: str | None = None
    device: str | None = None
    threads: int | None = None
    n_ctx: int | None = None
    base_url: str | None = None
    model: str | None = None
    body: Body | None = None
    reasoning: Reasoning | None = None
    chat: dict[str, JsonValue] = Field(default_factory=dict)
    whole: str | None = None
    compress: Method | None = None
    keep: float | None = None
    reader_file: str | None = None
    reader_sha256: str | None = None


class OutcomeHeader(Record):
    """What the outcomes are of. `sandbox` says in what answers' code ran; `currency` is that of the costs."""

    schema_version: Literal[1]
    kind: Literal["outcomes"]
    lab_version: str
    created: Moment
    name: str
    taxonomy: str
    currency: str = "USD"
    source: str | None = None
    tasks_sha256: str | None = None
    plan_sha256: str | None = None
    routes_sha256: str | None = None
    sandbox: str | None = None
    model: tuple[ModelRecord, ...] = Field(min_length=1)
    task: tuple[TaskRecord, ...] = Field(min_length=1)


class Outcome(Record):
    """One model's answer to one task. A later one of the same task and model replaces it.

    `score` is 0..1, None where nothing could be checked (`error` says why; a model that crashed, timed out or
    refused is wrong, score 0). `said` are the checks' words. Times are in milliseconds: `latency_ms` from the
    question to the whole answer, `first_ms` to its first token. `cost` is in the header's currency. `sent` is
    what was asked instead of the task's prompt, where that was compressed.
    """

    at: Moment
    task: str
    model: str
    status: Literal["ok", "crashed", "timeout", "refused", "cancelled"]
    sent: str | None = None
    answer: str | None = None
    finish: Finish | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_ms: float | None = None
    first_ms: float | None = None
    cost: float | None = None
    said: tuple[str, ...] = ()
    error: str | None = None
    contended: bool = False
    score: float | None = None
    checked: bool
