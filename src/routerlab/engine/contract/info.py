"""What an arm turned out to be when it was ready: of any arm, and of one that is a model."""

from typing import Literal

from routerlab.core.names import Split
from routerlab.core.prediction import Record
from routerlab.engine.contract.names import ContractName


class DeviceUse(Record):
    """Bytes of weights that really lie on a device, as the library reports them after loading."""

    device: str
    weights: int


class Info(Record):
    """What an arm turned out to be when it was ready; written to the session's arm record."""

    contract: ContractName
    load_ms: float = 0.0
    note: str = ""
    """What was not done as it was asked for, in one line; "" when all was."""
    concurrency: int | None = None
    """How many questions that come at once it decodes together at most, None where it takes one at a time."""

    @property
    def device(self) -> str:
        """Where it computes, in one line for people; "" where that is not worth a word."""
        return ""

    @property
    def computes_on(self) -> frozenset[str]:
        """The devices that other arms are slowed down on while this one computes."""
        return frozenset()


class ArmInfo(Info):
    """What really happened when a model was loaded."""

    model_sha256: str
    model_size: int
    architecture: str
    parameters: int
    quantization: str
    encoding: str
    template: Literal["chat", "folded", "plain", "own"]
    plain_text: str | None = None
    """Why plain text stands in for a chat template."""
    encoder: bool = False
    """Whether each token sees all others."""
    prompt_sha256: str
    exemplars_sha256: str | None = None
    router_sha256: str | None = None
    window: int | None = None
    max_error: float | None = None
    """The share of answers that the router promises at most to be wrong, of those it does not abstain
    from."""
    prefix_tokens: int
    prefix_kept: bool = False
    """Whether the prefix came from the disk."""
    n_ctx: int
    threads: int
    layers: int
    layers_on_gpu: int
    devices: tuple[DeviceUse, ...]
    gpu_build: bool
    llama_cpp: str
    load_ms: float
    split: Split | None = None
    """How the model lies on several devices, None where it is on one."""

    @property
    def device(self) -> str:
        """One line for people: "CPU 92 MiB", "CUDA0 1.0 GiB + CPU 70 MiB"."""
        used = [d for d in self.devices if d.weights] or list(self.devices[:1])
        return " + ".join(f"{d.device} {_size(d.weights)}" for d in used) or "CPU"

    @property
    def computes_on(self) -> frozenset[str]:
        """The devices that have layers of the model: the CPU only where some are left to it."""
        gpus = {d.device for d in self.devices if d.device != "CPU" and d.weights}
        return frozenset(gpus if gpus and self.layers_on_gpu >= self.layers else gpus | {"CPU"})


def share_a_device(one: Info, other: Info) -> bool:
    """Whether the two would slow each other down if they computed at the same time."""
    return not one.computes_on.isdisjoint(other.computes_on)


def _size(n: int) -> str:
    return f"{n / 2**30:.1f} GiB" if n >= 2**30 else f"{n / 2**20:.0f} MiB"
