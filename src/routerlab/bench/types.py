"""Which quantization types this CPU reads quickly: the same weights in each type, timed."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from routerlab.bench.prefill import TOKENS, Setup, Tell, busy_share, measure
from routerlab.core.prediction import Record
from routerlab.models.cpus import usable_numbers
from routerlab.models.quantize import quantize

TYPES = ("Q4_0", "Q4_1", "Q4_K_M", "Q5_K_M", "Q8_0", "F16")
ROUNDS = 3
WIDTH, FORWARD, HEADS, LAYERS = 768, 2048, 12, 2
"""Of the model: as wide as small models are, and a multiple of 256, without which a K type is not one."""


class TypeSpeed(Record):
    """`ms` is the median time of reading TOKENS; `times` that divided by the quickest type's."""

    type: str
    ms: float
    times: float


class TypesFound(Record):
    """All types, the quickest first; `busy` is the share of the CPUs that others took before."""

    tokens: int = TOKENS
    threads: int
    types: tuple[TypeSpeed, ...]
    busy: float


def measure_types(threads: int, tell: Tell, types: Sequence[str] = TYPES) -> TypesFound:
    """Time a small model of random weights in each type. LabError when it cannot be made or loaded."""
    busy = busy_share(usable_numbers())
    with TemporaryDirectory(prefix="routerlab-types-") as folder:
        source = synthetic(Path(folder) / "small.F16.gguf")
        paths = []
        for i, name in enumerate(types, 1):
            made = source if name == "F16" else quantize(source, name, None, lambda _: None)[0]
            paths.append(made)
            tell("making models", i, len(types))
        found = measure([Setup(path, threads) for path in paths], ROUNDS, tell)
    quickest = min(times.ms for times in found)
    speeds = [
        TypeSpeed(type=name, ms=round(times.ms, 1), times=round(times.ms / quickest, 2))
        for name, times in zip(types, found, strict=True)
    ]
    return TypesFound(
        threads=threads,
        types=tuple(sorted(speeds, key=lambda s: s.times)),
        busy=round(busy, 2),
    )


def synthetic(path: Path) -> Path:
    """Write a model of the llama family with random F16 weights and a vocabulary of bytes to `path`."""
    import gguf  # takes a third of a second
    import numpy as np

    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(2 * TOKENS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256))]
    kinds = [gguf.TokenType.UNKNOWN, *[gguf.TokenType.CONTROL] * 2, *[gguf.TokenType.BYTE] * 256]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    shapes = {"token_embd.weight": (len(tokens), WIDTH)}
    for i in range(LAYERS):
        shapes |= {f"blk.{i}.attn_{n}.weight": (WIDTH, WIDTH) for n in ("q", "k", "v", "output")}
        shapes |= {f"blk.{i}.ffn_{n}.weight": (FORWARD, WIDTH) for n in ("gate", "up")}
        shapes[f"blk.{i}.ffn_down.weight"] = (WIDTH, FORWARD)
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{i}.{norm}.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for name, shape in shapes.items():
        weights = rng.standard_normal(shape, np.float32) / np.sqrt(shape[1])
        writer.add_tensor(name, weights.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
