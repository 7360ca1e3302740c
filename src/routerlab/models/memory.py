"""How much memory a model will take, and how much there is."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable
from routerlab.models.gguf import GgufHeader
from routerlab.models.progress import human

UBATCH = 512  # tokens decoded at once
OUTPUTS = 32  # positions whose logits are kept
KV_BYTES = 2  # a 16-bit float


@dataclass(frozen=True)
class Estimate:
    """Bytes a loaded model takes, by purpose."""

    weights: int
    kv: int
    buffers: int
    layers: int = 1
    embedding: int = 0
    """Weights of the token embeddings: the library reads them on the CPU, whatever else lies on a GPU."""
    output: int = 0
    """Weights of the output matrix; 0 where the token embeddings serve, of which a GPU then gets a copy."""

    @property
    def total(self) -> int:
        """All of it, in bytes."""
        return self.weights + self.kv + self.buffers

    @property
    def head(self) -> int:
        """Bytes that a GPU with the output takes besides its layers."""
        return self.output or self.embedding

    def of_layers(self, n: int) -> int:
        """Weights and KV cache of `n` layers, in bytes: all layers count the same."""
        return (self.weights - self.embedding - self.output + self.kv) * n // self.layers

    def offloaded(self, n: int) -> int:
        """Bytes that leave the CPU with `n` layers, and the output, on GPUs."""
        return self.of_layers(n) + self.output if n else 0


def estimate(header: GgufHeader, n_ctx: int, n_seq: int = 1) -> Estimate:
    """What the model takes with a unified cache of `n_ctx` tokens shared by `n_seq` sequences.

    - weights: the tensors' bytes in the file.
    - kv: n_ctx x sum over layers of KV heads x (key + value length) x 2 bytes; sliding-window layers
      count in full, as the lab keeps them (`swa_full`). A recurrent model adds its state, in 32-bit
      floats, for every layer and sequence. An encoder has none.
    - buffers: 4 bytes x (512 tokens x (4 x embedding + 2 x feed-forward + n_ctx for the mask) + 32 x
      vocabulary), with flash attention. Without it the attention scores add heads x n_ctx x 512 x 4.

    Compared with what llama.cpp reported for SmolLM2-135M and Gemma-3-270M at 4096 tokens: kv exact
    (90 and 72 MiB), buffers a little above (24 against 19 MiB, 53 against 40).
    """
    layers = header.n_layers or 0
    heads = max(_each(header.heads)) or 1
    embedding = header.embedding_length or 0
    key = header.key_length if header.key_length is not None else embedding // heads
    value = header.value_length if header.value_length is not None else embedding // heads
    kv_heads = _each(header.kv_heads if header.kv_heads is not None else heads)
    total_heads = sum(kv_heads[:layers]) if len(kv_heads) > 1 else kv_heads[0] * layers
    no_cache = header.encoder or (header.recurrent and header.kv_heads is None)
    kv = 0 if no_cache else n_ctx * total_heads * (key + value) * KV_BYTES
    state = header.state_per_layer * layers * n_seq * 4
    row = 4 * embedding + 2 * (header.feed_forward_length or 0) + n_ctx
    buffers = 4 * (UBATCH * row + OUTPUTS * (header.vocab_size or 0))
    return Estimate(
        header.tensor_bytes, kv + state, buffers, layers or 1, header.embedding_bytes, header.output_bytes
    )


def _each(value: int | tuple[int, ...] | None) -> tuple[int, ...]:
    if isinstance(value, tuple):
        return value or (0,)
    return (value or 0,)


def check_fits(header: GgufHeader, n_ctx: int, path: Path, n_seq: int = 1, offloaded: int = 0) -> None:
    """LabError (missing) with the numbers when the model needs more memory than there is; `offloaded` bytes
    of it lie in a GPU's own memory."""
    free = available_memory()
    need = estimate(header, n_ctx, n_seq)
    if need.total - offloaded > free:
        elsewhere = f", of which {human(offloaded)} on a GPU" if offloaded else ""
        raise LabError(
            f"{printable(path.name)} needs about {human(need.total)} of memory "
            f"({human(need.weights)} weights, {human(need.kv)} for {n_ctx:,} tokens of context, "
            f"{human(need.buffers)} buffers{elsewhere}); "
            f"{human(free)} are available: use a smaller model or a shorter context",
            Exit.MISSING,
        )


def available_memory() -> int:
    """Bytes this process can still get: the system's, bounded by its cgroups."""
    return max(min([int(psutil.virtual_memory().available), *_cgroup_room()]), 0)


def total_memory() -> int:
    """Bytes of memory in the machine, whatever a cgroup allows."""
    return int(psutil.virtual_memory().total)


def _cgroup_room(
    root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> Iterator[int]:
    """For every version 2 cgroup above this process that has a limit: what is left under it."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    inside = next((line[3:].strip().strip("/") for line in lines if line.startswith("0::")), None)
    if inside is None:
        return
    group = root / inside
    for folder in (group, *group.parents):
        if folder == root.parent:
            return
        with suppress(OSError, ValueError):  # no such file, or "max": no limit here
            limit = int((folder / "memory.max").read_text())
            used = int((folder / "memory.current").read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            yield limit - used + int(stat.get("inactive_file", 0))  # page cache gives way
