"""What both worker programs are made of: the pipe to the lab, and how a model's file is opened.

worker.py answers with labels, downstream.py with text.
"""

import ctypes
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, TypeVar

from routerlab.core.errors import LabError
from routerlab.core.prediction import Record
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.worker import llama
from routerlab.engine.worker.inference import PromptTooLongError
from routerlab.engine.worker.offload import choose
from routerlab.engine.worker.protocol import (
    Ask,
    Cancel,
    Chat,
    Failed,
    Load,
    LoadChat,
    Loading,
    LoadModel,
    Ping,
    Pong,
    Ready,
    Stage,
    Weigh,
    encode,
    to_worker,
)
from routerlab.models.fingerprint import file_sha256
from routerlab.models.gguf import GgufHeader, read_header
from routerlab.models.placement import Placement, shortfall

T = TypeVar("T")
PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""


def end_with_the_lab() -> None:
    """Have the kernel kill this process when the lab is gone (Linux): while it is stopped, or stuck with the
    interpreter's lock, it cannot see its stdin close."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def log_line(line: str) -> None:
    """Write a line to the log; a full disk must not stop the work."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


class Pipe:
    """The lab's end of this process: requests in a queue, cancellations in a set, replies written whole."""

    def __init__(self, source: BinaryIO, sink: int) -> None:
        self.requests: queue.Queue[Load | LoadChat | Ask | Chat | Weigh] = queue.Queue()
        self.cancelled: set[int] = set()
        self._source = source
        self._sink = sink
        self._sending = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._source:
            try:
                message = to_worker.validate_json(line)
            except ValueError as e:
                log_line(f"not a message of the protocol, ending: {e}")
                os._exit(2)
            if isinstance(message, Cancel):
                self.cancelled.add(message.id)
            elif isinstance(message, Ping):  # here and not in the queue: the model may be at work for minutes
                self.send(Pong(cpu_s=time.process_time() - time.thread_time()))
            else:
                self.requests.put(message)
        os._exit(0)  # the lab closed the pipe or died: nothing here is worth finishing

    def send(self, message: Record) -> None:
        """Write one message; ends the process when nobody reads any more."""
        data = memoryview(encode(message))
        try:
            with self._sending:
                while data:
                    data = data[os.write(self._sink, data) :]
        except BrokenPipeError:
            os._exit(0)


def loading(pipe: Pipe, stage: Stage, fraction: float | None) -> None:
    """Tell the lab how far loading is."""
    pipe.send(Loading(stage=stage, fraction=fraction, gpu_build=llama.gpu_build()))


def throttled(send: Callable[[float], None], every_s: float = 0.1) -> Callable[[float], None]:
    """`send`, but at most once in `every_s`, and always at 1.0."""
    last = 0.0

    def report(fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if fraction >= 1.0 or now - last >= every_s:
            last = now
            send(fraction)

    return report


def own_pipe() -> Pipe:
    """The pipe to the lab, with whose end this process ends too."""
    end_with_the_lab()
    sink = os.dup(1)
    os.dup2(2, 1)  # whatever native code prints goes to the log, never into the protocol
    return Pipe(sys.stdin.buffer, sink)


def start(
    request: LoadModel,
    sequences: int,
    check: Callable[[GgufHeader], None],
    load: Callable[[GgufHeader, Placement, Pipe, llama.Log], tuple[T, ArmInfo]],
    pipe: Pipe,
) -> T:
    """Check the file before the library sees it, place it for so many `sequences`, hash it, load it, and tell
    the lab; ends the process when that fails. `check` says by a LabError what cannot be done with it."""
    log = llama.Log(log_line)
    try:
        loading(pipe, "checking file", None)
        header = read_header(request.model)
        check(header)
        placed, need = choose(request, header, sequences)
        file_sha256(request.model)
        loaded, info = load(header, placed, pipe, log)
        where = placed.note or shortfall(placed, need, log.layers, log.buffers)
        info = info.model_copy(update={"note": "; ".join(filter(None, [where, info.note]))})
    except (LabError, PromptTooLongError) as e:
        pipe.send(Failed(message=str(e), retry=False))
    except Exception as e:
        log_line(f"load failed: {e!r}")
        message = ": ".join(filter(None, [str(e) or repr(e), log.error]))
        pipe.send(Failed(message=message, retry=llama.gpu_build() and request.wanted.layers != 0))
    else:
        pipe.send(Ready(info=info))
        return loaded
    os._exit(1)  # sys.exit would wait for the reader, which waits for the lab, and abort
