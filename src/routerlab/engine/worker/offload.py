"""Asks the library for its devices, and chooses those for a model: the worker's side of placement."""

import ctypes
from collections.abc import Sequence
from typing import Any, Literal

from llama_cpp import llama_cpp as c
from llama_cpp._ggml import libggml

from routerlab.engine.worker.protocol import LoadModel
from routerlab.models.devices import Device
from routerlab.models.gguf import GgufHeader
from routerlab.models.memory import Estimate
from routerlab.models.placement import Placement, plan

KINDS: dict[int, Literal["cpu", "gpu", "igpu", "accel"]] = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accel"}
"""enum ggml_backend_dev_type"""

# The registry of devices that libllama itself uses: of libggml the package may load a second copy, which has
# another. Windows looks only in the library that is named, but there is one copy there.
_lib: Any = next(lib for lib in (c._lib, libggml) if hasattr(lib, "ggml_backend_dev_count"))
_TYPES: dict[str, tuple[object, ...]] = {  # the result, then the arguments
    "dev_count": (ctypes.c_size_t,),
    "dev_get": (ctypes.c_void_p, ctypes.c_size_t),
    "dev_by_name": (ctypes.c_void_p, ctypes.c_char_p),
    "dev_name": (ctypes.c_char_p, ctypes.c_void_p),
    "dev_description": (ctypes.c_char_p, ctypes.c_void_p),
    "dev_type": (ctypes.c_int, ctypes.c_void_p),
    "dev_memory": (None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
    "dev_backend_reg": (ctypes.c_void_p, ctypes.c_void_p),
    "reg_get_proc_address": (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p),
}
for _name, (_result, *_arguments) in _TYPES.items():
    _function = getattr(_lib, f"ggml_backend_{_name}")
    _function.restype, _function.argtypes = _result, _arguments


def devices() -> list[Device]:
    """Every device of the loaded build, the CPU included."""
    c.llama_backend_init()
    return [_describe(_lib.ggml_backend_dev_get(i)) for i in range(_lib.ggml_backend_dev_count())]


def _describe(pointer: int) -> Device:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    _lib.ggml_backend_dev_memory(pointer, ctypes.byref(free), ctypes.byref(total))
    back_end = _lib.ggml_backend_dev_backend_reg(pointer)
    rows = back_end and _lib.ggml_backend_reg_get_proc_address(back_end, b"ggml_backend_split_buffer_type")
    return Device(
        name=_lib.ggml_backend_dev_name(pointer).decode(),
        description=_lib.ggml_backend_dev_description(pointer).decode(),
        kind=KINDS.get(_lib.ggml_backend_dev_type(pointer), "other"),
        memory_total=total.value,
        memory_free=free.value,
        row_split=bool(rows),
    )


def pointers(names: Sequence[str]) -> "ctypes.Array[ctypes.c_void_p]":
    """The devices of these names as the library wants them: a list that ends with NULL."""
    found = [_lib.ggml_backend_dev_by_name(name.encode()) for name in names]
    assert all(found), names
    return (ctypes.c_void_p * (len(found) + 1))(*found, None)


def choose(request: LoadModel, header: GgufHeader, n_seq: int) -> tuple[Placement, Estimate]:
    """Where the model goes on the devices of this build, and the memory it needs (see `plan`)."""
    return plan(header, request.model, request.n_ctx, n_seq, devices(), request.wanted)
