"""A typed layer over the C bindings: model, context, batches, sequences.

Only this module, its neighbours layers and devices, and the worker import llama_cpp. Everything here may
abort the process on misuse, so it runs in a worker (or a test), never in the process that draws the screen.
"""

import ctypes
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import llama_cpp
import numpy as np
from llama_cpp import llama_cpp as c
from numpy.typing import NDArray

from routerlab.engine.contract.contract import Piece, Render
from routerlab.engine.contract.thought import is_mark
from routerlab.engine.worker.build import BuildInfo
from routerlab.engine.worker.laps import Laps
from routerlab.engine.worker.layers import LayerReader
from routerlab.engine.worker.offload import devices, pointers
from routerlab.engine.worker.template import renderer
from routerlab.models.placement import Placement

BATCH = 512
"""Tokens decoded at once (n_batch and n_ubatch): larger prompts go in several decodes."""


MAX_SEQUENCES: int = c.llama_max_parallel_sequences()
"""Sequences that a context may have."""

LOG_LEVEL_DEBUG, LOG_LEVEL_ERROR = 1, 4
"""enum ggml_log_level; the binding does not name it."""

_NEVER = c.ggml_abort_callback(0)


class LoadError(Exception):
    """The library could not load a model or make a context."""


class AbortedError(Exception):
    """A decode was stopped by the abort callback."""


class Log:
    """Receives the library's log lines: passes them on, and remembers what it says about devices.

    `buffers` maps a device to the bytes of weights it holds; `layers` maps a layer to its device (the output
    comes after the last layer); `error` is the first error it told.
    """

    _installed: "ClassVar[Log | None]" = None
    """The library keeps only a pointer, so the latest log must live on though nobody else holds it."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.buffers: dict[str, int] = {}
        self.layers: dict[int, str] = {}
        self.error = ""
        self._write = write
        self._line = ""
        self._callback = c.llama_log_callback(self._receive)
        c.llama_log_set(self._callback, ctypes.c_void_p(0))
        Log._installed = self

    def _receive(self, level: int, text: bytes, _: ctypes.c_void_p) -> None:
        self._line += text.decode("utf-8", "replace")
        while "\n" in self._line:
            line, self._line = self._line.split("\n", 1)
            if found := re.search(r"(\S+)\s+model buffer size\s*=\s*([\d.]+) MiB", line):
                device = re.sub(r"(\[.*\])?(_Mapped|_REPACK|_Split)?$", "", found[1])
                device = "CPU" if device.endswith("_Host") else device  # its memory, pinned for a GPU
                self.buffers[device] = self.buffers.get(device, 0) + int(float(found[2]) * 2**20)
            if found := re.search(r"layer\s+(\d+) assigned to device ([^,\s]+)", line):
                self.layers[int(found[1])] = found[2]
            if level == LOG_LEVEL_ERROR:
                self.error = self.error or line.strip()
            if level != LOG_LEVEL_DEBUG:
                self._write(line)


def gpu_build() -> bool:
    """Whether this build of the library can put layers on a GPU."""
    return bool(c.llama_supports_gpu_offload())


def build_version() -> str:
    """The binding's version and the library's own."""
    return f"llama-cpp-python {llama_cpp.__version__}, llama.cpp {c.llama_version().decode()}"


def system_info() -> str:
    """The instruction sets and back ends of this build, as the library words them."""
    return str(c.llama_print_system_info().decode())


class Model:
    """Weights and vocabulary."""

    def __init__(
        self,
        path: Path,
        placed: Placement,
        progress: Callable[[float], None],
        encoder: str | None = None,
    ) -> None:
        """Load `path` as it is placed; LoadError when the library refuses. `encoder` is the architecture, if
        it is an encoder: each token of it sees all others, and nothing is kept between two questions."""

        def report(fraction: float, _: ctypes.c_void_p) -> bool:
            progress(fraction)
            return True

        c.llama_backend_init()
        params = c.llama_model_default_params()
        params.n_gpu_layers = placed.layers + 1 if placed.layers else 0  # the output counts as one
        params.split_mode = getattr(c, f"LLAMA_SPLIT_MODE_{placed.split.upper()}")
        self._devices = pointers(placed.devices)  # an empty list: else large products still go to the GPU
        params.devices = ctypes.cast(self._devices, ctypes.c_void_p)
        params.main_gpu = 0  # of this list
        self._shares = (ctypes.c_float * c.LLAMA_MAX_DEVICES)(*placed.shares)
        params.tensor_split = self._shares
        callback = c.llama_progress_callback(report)
        params.progress_callback = callback
        self.handle = c.llama_model_load_from_file(str(path).encode(), params)
        if not self.handle:
            raise LoadError(f"{path}: llama.cpp cannot load this file")
        self.vocab = c.llama_model_get_vocab(self.handle)
        self.n_vocab: int = c.llama_vocab_n_tokens(self.vocab)
        self.n_layers: int = c.llama_model_n_layer(self.handle)
        self.n_embd: int = c.llama_model_n_embd(self.handle)
        self.n_ctx_train: int = c.llama_model_n_ctx_train(self.handle)
        newline = self._tokenize("\n", special=False)
        self._lead = newline if newline and self.piece(newline[0]) == b" " else []
        self.encoder = encoder
        self.recurrent = bool(c.llama_model_is_recurrent(self.handle) or c.llama_model_is_hybrid(self.handle))
        if not c.llama_model_has_decoder(self.handle) or c.llama_model_has_encoder(self.handle):
            raise LoadError(f"{path}: not a decoder-only language model, so it cannot route by next tokens")
        self.adapter = None

    def adapt(self, path: Path) -> None:
        """Have the contexts that are made from now on compute with the LoRA adapter in `path`; LoadError when
        the library refuses it, as one of another model. It is freed with the weights."""
        self.adapter = c.llama_adapter_lora_init(self.handle, str(path).encode())
        if not self.adapter:
            raise LoadError(f"{path}: llama.cpp cannot use this adapter with the model")

    def tokenize(self, text: str, special: bool, start: bool = False) -> list[int]:
        """Token ids of `text`, without BOS; `special` lets the text name special tokens.

        Sentencepiece vocabularies put a space before a text. Ours are pieces that follow others (a label
        follows an opening quote), so there the space is kept off, unless it is the `start` of what an
        embedding model reads: it goes before a newline that is cut away.
        """
        lead = [] if start else self._lead
        tokens = self._tokenize("\n" + text if lead else text, special)
        return tokens[len(lead) :] if tokens[: len(lead)] == lead else self._tokenize(text, special)

    def around(self) -> tuple[list[int], list[int]]:
        """The tokens that an embedding model wants before and after each text, as its vocabulary says; after
        it one at least where it is no encoder, for there the last token has seen the text."""
        both = self._tokenize("", special=False, added=True)
        n = int(c.llama_vocab_get_add_bos(self.vocab))
        end = both[n:]
        if not end and not self.encoder:
            end = [c.llama_vocab_eos(self.vocab)]
        return both[:n], end

    def _tokenize(self, text: str, special: bool, added: bool = False) -> list[int]:
        data = text.encode("utf-8", "replace")
        n = -(len(data) + 8)
        while n < 0:  # room for fewer than there are, whose number this tells
            size = -n
            buffer = (c.llama_token * size)()
            n = c.llama_tokenize(self.vocab, data, len(data), buffer, size, added, special)
        return list(buffer[:n])

    def tokenize_pieces(self, pieces: Sequence[Piece], start: bool) -> list[int]:
        """Token ids of the pieces in turn; at the `start` of a context BOS is added if the model wants it."""
        tokens = [t for piece in pieces for t in self.tokenize(piece.text, piece.special)]
        bos = c.llama_vocab_bos(self.vocab)
        if start and c.llama_vocab_get_add_bos(self.vocab) and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        return tokens

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; nothing for a special token, unless it marks a thought."""
        buffer = ctypes.create_string_buffer(256)
        n = c.llama_token_to_piece(self.vocab, token, buffer, 256, 0, False)
        if n == 0 and is_mark(text := self._token_text(token)):
            return text.encode()
        return buffer.raw[: max(n, 0)]

    def ends(self, token: int) -> bool:
        """Whether the token ends a generation."""
        return bool(c.llama_vocab_is_eog(self.vocab, token))

    def chat_renderer(self) -> Render | None:
        """The file's chat template, rendering in a sandbox; None when the file has none."""
        raw = c.llama_model_chat_template(self.handle, None)
        if not raw:
            return None
        bos, eos = (self._token_text(of(self.vocab)) for of in (c.llama_vocab_bos, c.llama_vocab_eos))
        return renderer(raw.decode("utf-8", "replace"), bos, eos)

    def _token_text(self, token: int) -> str:
        return c.llama_vocab_get_text(self.vocab, token).decode("utf-8", "replace") if token >= 0 else ""

    def close(self) -> None:
        """Free the weights; the object is of no use afterwards."""
        c.llama_model_free(self.handle)


class Context:
    """A key-value cache of `n_ctx` tokens shared by `n_seq` sequences, and a batch to fill it. An encoder has
    no cache: there a decode must hold all of a text, and every token is an output."""

    def __init__(
        self,
        model: Model,
        n_ctx: int,
        n_seq: int,
        n_outputs: int,
        threads: int,
        reader: LayerReader | None = None,
    ) -> None:
        """LoadError when the memory cannot be had. `n_outputs`: most logits rows wanted from one decode."""
        self.reader = reader  # the library keeps only a pointer into it
        self.laps = Laps()
        self.model = model
        self._abort: Callable[[], bool] = lambda: False
        self._callback = c.ggml_abort_callback(lambda _: self._abort())
        params = c.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = min(BATCH, n_ctx)
        params.n_seq_max = n_seq
        params.n_outputs_max = max(n_outputs, n_seq)  # the library asserts one a sequence
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True
        params.swa_full = True  # else a sliding-window model silently loses the cached prefix
        params.no_perf = True
        # The same on every device: it rounds differently, which moves probabilities by up to 0.06, and heads
        # are fitted on CPUs, where it is slower too.
        params.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_DISABLED
        if model.encoder:  # else room for logits is made, which there are none of
            params.embeddings = True
            params.pooling_type = c.LLAMA_POOLING_TYPE_NONE
        params.abort_callback = self._callback
        if reader:
            params.cb_eval = reader.callback
        self.handle = c.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise LoadError(f"no memory for a context of {n_ctx} tokens and {n_seq} sequences")
        if model.adapter:
            one = (c.llama_adapter_lora_p_ctypes * 1)(model.adapter)
            if c.llama_set_adapters_lora(self.handle, one, 1, (ctypes.c_float * 1)(1.0)):
                raise LoadError("the model's adapter cannot be used in this context")
        self.memory = c.llama_get_memory(self.handle)  # NULL, which all that use it allow, for an encoder
        self.batch = c.llama_batch_init(BATCH, 0, n_seq)

    def decode(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        sequences: Sequence[Sequence[int]],
        outputs: frozenset[int],
    ) -> NDArray[np.float32]:
        """Decode the tokens; token i has position i of `positions` and belongs to all of `sequences[i]`.

        Returns the logits of the tokens whose index is in `outputs`, in order: (len(outputs), n_vocab).
        Raises AbortedError when the abort check said so, RuntimeError when the library refuses the batch.
        """
        rows = np.empty((len(outputs), self.model.n_vocab), np.float32)
        all_out = self.model.encoder is not None
        filled = 0
        for start in range(0, len(tokens), BATCH):
            chunk = range(start, min(start + BATCH, len(tokens)))
            batch = self.batch
            batch.n_tokens = len(chunk)
            for j, i in enumerate(chunk):
                batch.token[j] = tokens[i]
                batch.pos[j] = positions[i]
                batch.n_seq_id[j] = len(sequences[i])
                for s, seq in enumerate(sequences[i]):
                    batch.seq_id[j][s] = seq
                batch.logits[j] = all_out or i in outputs
            self.laps.mark("batch")
            code = (c.llama_encode if all_out else c.llama_decode)(self.handle, batch)
            c.llama_synchronize(self.handle)  # a GPU may still be at it
            self.laps.mark("decode")
            if code == 2:
                raise AbortedError
            if code != 0:
                raise RuntimeError(f"llama.cpp returned {code} for {len(chunk)} tokens")
            for j, i in enumerate(chunk):
                if i in outputs:
                    pointer = c.llama_get_logits_ith(self.handle, j)
                    rows[filled] = np.ctypeslib.as_array(pointer, shape=(self.model.n_vocab,))
                    filled += 1
            self.laps.mark("read")
        return rows

    def fork(self, source: int, targets: Sequence[int]) -> None:
        """Make each target sequence a copy of `source` (metadata only in a unified cache)."""
        for target in targets:
            c.llama_memory_seq_rm(self.memory, target, -1, -1)
            c.llama_memory_seq_cp(self.memory, source, target, -1, -1)

    def empty(self, sequences: Iterable[int]) -> None:
        """Forget what is in these sequences, which frees their cells."""
        for sequence in sequences:
            c.llama_memory_seq_rm(self.memory, sequence, -1, -1)

    def state(self, sequence: int) -> bytes:
        """What the cache holds for a sequence, to `restore` it in a context of the same model and kind."""
        size = c.llama_state_seq_get_size(self.handle, sequence)
        buffer = (ctypes.c_uint8 * size)()
        return memoryview(buffer)[: c.llama_state_seq_get_data(self.handle, buffer, size, sequence)].tobytes()

    def restore(self, sequence: int, state: bytes) -> bool:
        """Put back a `state`; False, and the sequence is empty, when the library does not take it."""
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        if c.llama_state_seq_set_data(self.handle, buffer, len(state), sequence) == len(state):
            return True
        c.llama_memory_seq_rm(self.memory, sequence, -1, -1)
        return False

    def abort_when(self, check: Callable[[], bool] | None) -> None:
        """Have decodes stop as soon as `check()` is true (CPU and Metal only); None: without being asked."""
        self._abort = check or (lambda: False)
        c.llama_set_abort_callback(self.handle, self._callback if check else _NEVER, None)

    def close(self) -> None:
        """Free the context and its batch."""
        c.llama_batch_free(self.batch)
        c.llama_free(self.handle)


if __name__ == "__main__":
    info = BuildInfo(
        version=build_version(), gpu=gpu_build(), system_info=system_info(), devices=tuple(devices())
    )
    print(info.model_dump_json())
