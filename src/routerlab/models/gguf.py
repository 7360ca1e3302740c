"""The header of a GGUF file, read without loading the model and without trusting the file.

Every count, length and offset is checked against the file and against the bounds below before it is
used, and large arrays are stepped over, so that a hostile, truncated or damaged file costs one error.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable
from routerlab.models.gguf_types import FILE_TYPES, RECURRENT, SCALARS, TENSOR_TYPES

MAX_HEADER = 128 << 20  # bytes of metadata and tensor table; the largest vocabularies take about 25 MB
MAX_KEYS = 1 << 16
MAX_TENSORS = 1 << 20
MAX_NAME = 1 << 16  # the format's limit for keys
MAX_TEXT = 16 << 20
MAX_TEXTS = 1 << 22  # texts of an array; the largest vocabularies have some 300,000
MAX_KEPT = 1 << 12  # numbers of an array that are kept: one a layer; longer arrays keep their length only
MAX_LAYERS = 1 << 12
MAX_DIMS = 4
WINDOW = 4 << 20
EMBEDDING, OUTPUT = "token_embd.weight", "output.weight"

_STRING, _ARRAY = 8, 9


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF file says of itself; None where it says nothing. Sizes are in bytes.

    `heads` and `kv_heads` are one number, or one a layer. `parameters` counts the elements of all
    tensors. `recurrent` is a hint: the model keeps a state a sequence instead of (or beside) a KV cache.
    """

    version: int
    architecture: str
    name: str | None
    parameters: int
    quantization: str
    size: int
    tensors: int
    tensor_bytes: int
    n_layers: int | None
    context_length: int | None
    embedding_length: int | None
    feed_forward_length: int | None
    heads: int | tuple[int, ...] | None
    kv_heads: int | tuple[int, ...] | None
    key_length: int | None
    value_length: int | None
    vocab_size: int | None
    tokenizer: str | None
    chat_template: str | None
    sliding_window: int | None
    recurrent: bool
    state_per_layer: int
    """Numbers of the recurrent state, a layer and sequence; 0 where there is none or it is not known."""
    embedding_bytes: int = 0
    """Bytes of the token embeddings."""
    output_bytes: int = 0
    """Bytes of the output matrix; 0 where the model writes with its token embeddings."""
    encoder: bool = False
    """Whether each token sees all others: it writes nothing, and keeps nothing in a cache."""
    pooling: int = 0
    """How a text's vector is made of those of its tokens (LLAMA_POOLING_TYPE); 0 where none is wanted."""

    @property
    def embedding(self) -> bool:
        """Whether the model is made to give vectors of texts (mean, first or last token), not to write."""
        return self.encoder or self.pooling in (1, 2, 3)


@dataclass(frozen=True)
class _Length:
    """Stands for an array that was stepped over."""

    count: int


Value = int | float | bool | str | tuple[int | float | bool, ...] | _Length


def read_header(path: Path) -> GgufHeader:
    """The header of the file; LabError (missing) that names the file, the fault and its offset."""
    try:
        with path.open("rb") as f:
            return _Parser(path, f, path.stat().st_size).header()
    except FileNotFoundError:
        raise LabError(f"{path}: no such file", Exit.MISSING) from None
    except OSError as e:
        raise LabError(f"{path}: cannot be read: {e.strerror}", Exit.MISSING) from None


class _Parser:
    """Reads forward through a window of the file."""

    def __init__(self, path: Path, f: BinaryIO, size: int) -> None:
        self.path, self.f, self.size = path, f, size
        self.pos = 0
        self.start = 0  # file offset of the window
        self.window = b""
        self.found: dict[str, Value] = {}

    def fault(self, what: str) -> NoReturn:
        raise LabError(f"{printable(str(self.path))}: {what} (at byte {self.pos:,})", Exit.MISSING)

    def need(self, n: int) -> int:
        """Makes the next `n` bytes readable; returns their index in the window."""
        end = self.pos + n
        if end > self.size:
            self.fault(f"truncated: the header goes on after the file's {self.size:,} bytes; pull it again")
        if end > MAX_HEADER:
            self.fault(f"the header is larger than {MAX_HEADER >> 20} MiB")
        if self.pos < self.start or end > self.start + len(self.window):
            self.f.seek(self.pos)
            self.start = self.pos
            self.window = self.f.read(max(n, WINDOW))
            if len(self.window) < n:
                self.fault("the file became shorter while it was read")
        return self.pos - self.start

    def skip(self, n: int) -> None:
        if self.pos + n > min(self.size, MAX_HEADER):
            self.need(n)  # which faults
        self.pos += n

    def take(self, fmt: str) -> int | float | bool:
        s = struct.Struct(f"<{fmt}")
        at = self.need(s.size)
        value: int | float | bool = s.unpack_from(self.window, at)[0]
        self.pos += s.size
        return value

    def u32(self) -> int:
        return int(self.take("I"))

    def u64(self) -> int:
        return int(self.take("Q"))

    def text(self, limit: int) -> str:
        n = self.u64()
        if n > limit:
            self.fault(f"a text of {n:,} bytes, more than {limit:,}")
        at = self.need(n)
        value = self.window[at : at + n].decode("utf-8", "replace")
        self.pos += n
        return value

    def skip_texts(self, count: int) -> None:
        """Steps over `count` strings; this is where the time goes, hence the local names."""
        unpack = struct.Struct("<Q").unpack_from
        while count:
            self.need(8)
            window, start = self.window, self.start
            at, last = self.pos - start, len(window) - 8
            while count and at <= last:
                at += 8 + unpack(window, at)[0]
                count -= 1
            self.pos = start + at
            if self.pos > min(self.size, MAX_HEADER):
                self.need(0)  # which faults

    def value(self, kind: int) -> Value:
        if kind == _STRING:
            return self.text(MAX_TEXT)
        if kind != _ARRAY:
            if kind not in SCALARS:
                self.fault(f"value type {kind} does not exist")
            return self.take(SCALARS[kind])
        kind, count = self.u32(), self.u64()
        if kind == _STRING:
            if count > MAX_TEXTS:
                self.fault(f"an array of {count:,} texts")
            self.skip_texts(count)
            return _Length(count)
        if kind not in SCALARS:
            self.fault("an array of arrays" if kind == _ARRAY else f"value type {kind} does not exist")
        if count <= MAX_KEPT:
            return tuple(self.take(SCALARS[kind]) for _ in range(count))
        self.skip(count * struct.calcsize(f"<{SCALARS[kind]}"))
        return _Length(count)

    def metadata(self, count: int) -> None:
        for _ in range(count):
            key = self.text(MAX_NAME)
            if key in self.found:
                self.fault(f"key {printable(key)[:80]} twice")
            self.found[key] = self.value(self.u32())

    def string(self, key: str) -> str | None:
        value = self.found.get(key)
        if value is not None and not isinstance(value, str):
            self.fault(f"{key} is not a text")
        return value

    def number(self, key: str, limit: int = 1 << 32) -> int | None:
        """A whole number from 0 to `limit`."""
        value = self.found.get(key)
        return None if value is None else self.whole(key, value, limit)

    def whole(self, key: str, value: object, limit: int = 1 << 32) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
            self.fault(f"{key} is not a number from 0 to {limit:,}")
        return value

    def numbers(self, key: str) -> int | tuple[int, ...] | None:
        """A whole number, or one a layer."""
        value = self.found.get(key)
        if isinstance(value, tuple):
            return tuple(self.whole(key, v) for v in value)
        return self.number(key)

    def counts(self) -> tuple[int, int, int]:
        """The file's version, tensors and keys, once it is clear that it is one of ours."""
        magic = self.f.read(4)
        if magic != b"GGUF":
            self.fault(
                f"not a GGUF file (starts with {magic!r})" if magic else "not a GGUF file (it is empty)"
            )
        self.pos = 4
        version = self.u32()
        if version in (0x02000000, 0x03000000):
            self.fault("a big-endian GGUF file, which the library cannot load here")
        if version not in (2, 3):
            self.fault(f"GGUF version {version}; this lab reads versions 2 and 3")
        n_tensors, n_keys = self.u64(), self.u64()
        if n_tensors > MAX_TENSORS or n_keys > MAX_KEYS:
            self.fault(f"{n_tensors:,} tensors and {n_keys:,} keys cannot be right")
        if n_tensors == 0:
            self.fault("no tensors in it: a vocabulary, not a model")
        return version, n_tensors, n_keys

    def header(self) -> GgufHeader:
        version, n_tensors, n_keys = self.counts()
        self.metadata(n_keys)
        alignment = self.number("general.alignment", 1 << 20) or 32
        if alignment & (alignment - 1):
            self.fault(f"alignment {alignment} is not a power of two")
        parameters, data, by_type, sizes = self.tensors(n_tensors, alignment)
        promised = -(-self.pos // alignment) * alignment + data  # the data begin at the next multiple
        if promised > self.size:
            self.fault(
                f"truncated: the header promises {promised:,} bytes, "
                f"the file has {self.size:,}; pull it again"
            )
        file_type = self.number("general.file_type", 1 << 20)
        quantization = FILE_TYPES.get(-1 if file_type is None else file_type)
        arch = self.string("general.architecture")
        if not arch:
            self.fault("general.architecture is missing")
        tokens = self.found.get("tokenizer.ggml.tokens")
        vocab = tokens.count if isinstance(tokens, _Length) else self.number(f"{arch}.vocab_size")
        forward = self.numbers(f"{arch}.feed_forward_length")
        recurrent = any(key.removeprefix(f"{arch}.").startswith(RECURRENT) for key in self.found)
        return GgufHeader(
            version=version,
            architecture=arch,
            name=self.string("general.name"),
            parameters=parameters,
            quantization=quantization or max(by_type, key=by_type.__getitem__),
            size=self.size,
            tensors=n_tensors,
            tensor_bytes=data,
            n_layers=self.number(f"{arch}.block_count", MAX_LAYERS),
            context_length=self.number(f"{arch}.context_length"),
            embedding_length=self.number(f"{arch}.embedding_length"),
            feed_forward_length=max(forward, default=None) if isinstance(forward, tuple) else forward,
            heads=self.numbers(f"{arch}.attention.head_count"),
            kv_heads=self.numbers(f"{arch}.attention.head_count_kv"),
            key_length=self.number(f"{arch}.attention.key_length"),
            value_length=self.number(f"{arch}.attention.value_length"),
            vocab_size=vocab,
            tokenizer=self.string("tokenizer.ggml.model"),
            chat_template=self.string("tokenizer.chat_template"),
            sliding_window=self.number(f"{arch}.attention.sliding_window"),
            recurrent=recurrent,
            state_per_layer=self._state(arch),
            embedding_bytes=sizes[EMBEDDING],
            output_bytes=sizes[OUTPUT],
            # The library takes the second for one without being told.
            encoder=self.found.get(f"{arch}.attention.causal") is False or arch == "gemma-embedding",
            pooling=self.number(f"{arch}.pooling_type", 255) or 0,
        )

    def tensors(self, count: int, alignment: int) -> tuple[int, int, dict[str, int], dict[str, int]]:
        """Elements of all tensors, the end of the last one (from the data's start), bytes by type, and those
        of the tensors that belong to no layer."""
        parameters = end = 0
        by_type: dict[str, int] = {}
        sizes = dict.fromkeys((EMBEDDING, OUTPUT), 0)
        for _ in range(count):
            name = printable(self.text(MAX_NAME))[:80]
            n_dims = self.u32()
            if n_dims > MAX_DIMS:
                self.fault(f"tensor {name} has {n_dims} dimensions")
            dims = [self.u64() for _ in range(n_dims)]
            kind, offset = self.u32(), self.u64()
            # A type newer than this table has no known size; it still fits if its neighbours do.
            type_name, block, block_bytes = TENSOR_TYPES.get(kind, (f"type {kind}", 1, 0))
            elements = math.prod(dims)
            if offset % alignment:
                self.fault(f"tensor {name} starts at {offset:,}, not a multiple of {alignment}")
            if elements == 0 or (dims and dims[0] % block):
                self.fault(f"tensor {name} of shape {dims} cannot be {type_name}")
            size = elements // block * block_bytes
            parameters += elements
            end = max(end, offset + size)
            by_type[type_name] = by_type.get(type_name, 0) + size
            if name in sizes:
                sizes[name] = size
            if end > self.size:  # the exact sum is told at the end; this bounds the numbers
                self.fault(
                    f"truncated: tensor {name} ends {end:,} bytes into the data, "
                    f"the file has {self.size:,}; pull it again"
                )
        return parameters, end, by_type, sizes

    def _state(self, arch: str) -> int:
        """Mamba's convolution and state, or RWKV's matrices and token shift (as llama.cpp sizes them)."""
        inner = self.number(f"{arch}.ssm.inner_size") or 0
        if inner:
            state = self.number(f"{arch}.ssm.state_size") or 0
            groups = self.number(f"{arch}.ssm.group_count") or 0
            kernel = self.number(f"{arch}.ssm.conv_kernel") or 1
            return max(kernel - 1, 0) * (inner + 2 * groups * state) + state * inner
        head = self.number(f"{arch}.wkv.head_size") or 0
        return (head + 2) * (self.number(f"{arch}.embedding_length") or 0) if head else 0
