"""What a session says of its arms. The last key of every record is required: its commit mark."""

from typing import Literal

from routerlab.core.files.toml import canonical_sha256
from routerlab.core.moment import Moment
from routerlab.core.names import Parse, Reasoning
from routerlab.core.prediction import Record
from routerlab.core.remote import Body, Hosting, Prices


class ArmRecord(Record):
    """An arm that is a model became ready. A later record of its name (the arm was reloaded) replaces it.

    `model_size` is in bytes; `encoding` is how labels are written for the contract; `split` is how the model
    lies on several GPUs; `concurrency` is how many questions that come at once are decoded together, None
    where each is alone. `plain_text` is why plain text stands in for a chat template, None where it does not.
    `max_error` is what its router promises (see `Promise`), `parse` how generated answers are read where that
    is not strictly. `load_ms` is a cold start only where the prefix was not kept on the disk from an earlier
    one.
    """

    at: Moment
    kind: Literal["gguf"]
    model_file: str
    model_sha256: str
    model_size: int
    architecture: str
    parameters: int
    quantization: str
    contract: str
    encoding: str
    plain_text: str | None = None
    prompt_sha256: str
    exemplars_sha256: str | None = None
    router_file: str | None = None
    router_sha256: str | None = None
    window: int | None = None
    max_error: float | None = None
    llama_cpp: str
    device: str
    threads: int
    n_ctx: int
    layers_on_gpu: int
    layers: int
    split: Literal["layer", "row"] | None = None
    concurrency: int | None = None
    prefix_kept: bool | None = None
    parse: Parse | None = None
    load_ms: float
    name: str

    @property
    def identity(self) -> tuple[str, ...]:
        """What its answers depend on: two records of one name that differ in it are two arms."""
        return (self.model_sha256, self.prompt_sha256, self.router_sha256 or "", self.parse or "strict")


class BaselineRecord(Record):
    """An arm that is no model of its own became ready: a baseline, or the control (contract "none").

    `source_file` is where it has its labels from, `source_sha256` the hash of its canonical content; `member`
    are the models that it asks, as they were loaded.
    """

    at: Moment
    kind: Literal["baseline"]
    contract: Literal["majority", "keywords", "agreement", "none"]
    source_file: str | None = None
    source_sha256: str | None = None
    member: tuple[ArmRecord, ...] = ()
    load_ms: float
    name: str

    @property
    def identity(self) -> tuple[str, ...]:
        """What its answers depend on (see ArmRecord)."""
        return (self.contract, self.source_sha256 or "", *(part for m in self.member for part in m.identity))


class RemoteRecord(Record):
    """An arm behind an OpenAI-compatible endpoint became ready, or said something else of itself than before.

    `remote` is its name in the settings or the plan, `model` what was asked for, `body` what went with every
    request; `served_model` and `system_fingerprint` are what the server called itself in its answers.
    `reasoning`, `reasoning_tokens` and `parse` are as they were asked for (see Remote). `sent` are the
    parameters of every request where they are not the contract's own, `adapted` says in words what the server
    did not take, which was left out or put otherwise. A
    "recorded" arm asked nobody: it gave again what is in the session `recording`.
    """

    at: Moment
    kind: Literal["remote", "recorded"]
    remote: str
    base_url: str
    model: str
    served_model: str | None = None
    system_fingerprint: str | None = None
    contract: Literal["json"]
    prompt_sha256: str
    client: str
    hosting: Hosting
    retries: int
    prices: Prices | None = None
    body: Body | None = None
    reasoning: Reasoning | None = None
    reasoning_tokens: int | None = None
    parse: Parse | None = None
    sent: Body | None = None
    adapted: tuple[str, ...] | None = None
    recording: str | None = None
    recording_sha256: str | None = None
    load_ms: float
    name: str

    @property
    def identity(self) -> tuple[str, ...]:
        """What its answers depend on (see ArmRecord), as far as a server says so."""
        body = canonical_sha256({**(self.body or {}), **(self.sent or {}), **self._ways})
        return (self.base_url, self.model, self.served_model or "", body, self.prompt_sha256)

    @property
    def _ways(self) -> dict[str, object]:
        """How it is asked and read where that is not the contract's own way."""
        ways = {"adapted": self.adapted and list(self.adapted), "parse": self.parse}
        return {key: value for key, value in ways.items() if value and value != "strict"}


AnyArmRecord = ArmRecord | BaselineRecord | RemoteRecord
