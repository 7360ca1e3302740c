"""Reads what chosen layers compute while the library decodes, through its evaluation callback."""

import ctypes
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from llama_cpp import llama_cpp as c
from llama_cpp._ggml import libggml
from numpy.typing import NDArray

from routerlab.engine.contract.head import THIRDS

GGML_TYPE_F32 = 0

_NORMED = "blk.{}.layer_output_norm.bias"
ENCODERS = {"bert": _NORMED, "nomic-bert": _NORMED, "modern-bert": "ffn_inp-{}", "gemma-embedding": ""}
"""Encoders by architecture. The library gives the output of a layer no name in most of them: it is the sum
whose second term has this one."""


def features(rows: NDArray[np.float32], n_prompt: int) -> NDArray[np.float32]:
    """(PARTS x n_embd) from a layer's output for each token, the first `n_prompt` of which are the prompt's.

    The output at the answer position, the mean over what follows the prompt, and the means over the first,
    the middle and the last third of the prompt: where in a long request something stands tells what it is.
    """
    return np.concatenate([rows[-1], rows[n_prompt:].mean(axis=0), *_thirds(rows, n_prompt)])


def encoder_features(rows: NDArray[np.float32], lead: int, n_prompt: int) -> NDArray[np.float32]:
    """The same of an encoder, where each token has seen all others; `lead` tokens are before the prompt.

    The mean over all tokens, the output at the first (CLS), and the means over the thirds of the prompt.
    """
    return np.concatenate([rows.mean(axis=0), rows[0], *_thirds(rows[min(lead, len(rows) - 1) :], n_prompt)])


def _thirds(rows: NDArray[np.float32], n_prompt: int) -> list[NDArray[np.float32]]:
    edges = [n_prompt * i // THIRDS for i in range(THIRDS + 1)]
    return [rows[a : max(b, a + 1)].mean(axis=0) for a, b in pairwise(edges)]


class _Tensor(ctypes.Structure):
    """The beginning of `struct ggml_tensor`; `ne` are its dimensions, the row length first, and `src` the
    tensors that it is computed from."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * 4),
        ("nb", ctypes.c_size_t * 4),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * 2),
    )


class LayerReader:
    """The outputs of some layers for every token of the decodes since `begin`.

    While it reads, nothing after the last of those layers is computed: the callback tells the library to stop
    there. The cache cells of such a decode are therefore unfit for anything but reading again.

    The library names a layer's output "l_out-N" in all decoders that this was tried with (of an `encoder`,
    see ENCODERS). A decoder's last layer cannot be read: there the library has already left out the tokens
    without an output.
    """

    def __init__(self, layers: Sequence[int], encoder: str | None = None, lead: int = 0) -> None:
        """`encoder` is the architecture of one, whose prompts come after `lead` tokens each."""
        self.layers = tuple(sorted(layers))
        self._encoder, self._lead = encoder, lead
        self._by_source = bool(encoder and ENCODERS[encoder])
        pattern = (encoder and ENCODERS[encoder]) or "l_out-{}"
        self._names = {pattern.format(layer).encode(): layer for layer in layers}
        self._rows: dict[int, list[NDArray[np.float32]]] = {}
        self._on = False
        self._error = ""
        self._lib: Any = libggml
        self._lib.ggml_get_name.argtypes = [ctypes.c_void_p]
        self._lib.ggml_get_name.restype = ctypes.c_char_p
        self._lib.ggml_backend_tensor_get.argtypes = [ctypes.c_void_p, ctypes.c_void_p] + [
            ctypes.c_size_t
        ] * 2
        self.callback = c.ggml_backend_sched_eval_callback(self._see)

    def _see(self, tensor: int, ask: bool, _: object) -> bool:
        if not self._on:
            return not ask
        named = _Tensor.from_address(tensor).src[1] if self._by_source else tensor
        layer = self._names.get(self._lib.ggml_get_name(named)) if named else None
        if ask:
            return layer is not None
        if layer is not None:
            found = _Tensor.from_address(tensor)
            if found.type != GGML_TYPE_F32:
                self._error = f"layer {layer} is computed in a type that cannot be read ({found.type})"
            else:
                rows = np.empty((found.ne[1], found.ne[0]), np.float32)
                self._lib.ggml_backend_tensor_get(tensor, rows.ctypes.data, 0, rows.nbytes)
                self._rows.setdefault(layer, []).append(rows)
        return layer != self.layers[-1]

    def begin(self) -> None:
        """Forget what was read, and read from now on."""
        self._rows.clear()
        self._on = True

    def stop(self) -> None:
        """Stop reading, and forget what was read."""
        self._on = False
        self._rows.clear()

    def end(self, asked: Sequence[tuple[int, int]]) -> list[NDArray[np.float32]]:
        """Stop reading. (layers, PARTS x n_embd) for each of the prompts that were decoded one after the
        other, given as (tokens of the prompt, all tokens decoded for it); see `features`.

        RuntimeError when the library did not show a layer for each token.
        """
        self._on = False
        ends = np.cumsum([n for _, n in asked])
        read = []
        for layer in self.layers:
            rows = np.concatenate(self._rows.get(layer) or [np.empty((0, 1), np.float32)])
            if len(rows) != ends[-1]:
                raise RuntimeError(self._error or f"the library does not show the output of layer {layer}")
            parts = np.split(rows, ends[:-1])
            read.append([self._features(own, n) for own, (n, _) in zip(parts, asked, strict=True)])
        return [np.stack(own) for own in zip(*read, strict=True)]

    def _features(self, rows: NDArray[np.float32], n_prompt: int) -> NDArray[np.float32]:
        return encoder_features(rows, self._lead, n_prompt) if self._encoder else features(rows, n_prompt)
