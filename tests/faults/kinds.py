"""The faults. Each takes a sitting and a seeded source of chance, does its harm, and waits until it shows."""

import asyncio
import errno
import fcntl
import os
import random
import signal
import termios
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from routerlab.core.errors import LabError
from routerlab.engine.arms.arm import ArmSpec
from tests.faults.fuzz import damaged_gguf, damaged_lines, odd_prompt
from tests.faults.sitting import SETTLED, Sitting, Violation
from tests.proc import leads_to

LONG = "Tell me everything about whales, and do not stop. " * 12
NATIVE = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
"""How native code ends a process."""

Fault = Callable[[Sitting, random.Random], Awaitable[None]]


async def _nap(rng: random.Random, most_s: float) -> None:
    await asyncio.sleep(rng.random() ** 2 * most_s)


async def _busy(it: Sitting, rng: random.Random, most_s: float) -> asyncio.Task[object]:
    """Have the subject work; returns somewhere in the middle of it, with the answer to wait for."""
    asking = asyncio.create_task(it.ask(LONG))
    await it.until("the subject to be busy", lambda: it.arm().state.phase == "busy" or asking.done())
    await _nap(rng, most_s)
    return asking


async def _hit(it: Sitting, rng: random.Random, how: int) -> None:
    """A signal while the subject is idle, busy or loading."""
    when = rng.choice(("idle", "busy", "loading"))
    asking: Awaitable[object] | None = None
    if when == "busy":
        asking = await _busy(it, rng, 0.03)
    elif when == "loading":
        await it.lab.restart_arm("subject")
        await it.until("the subject to load", lambda: it.arm().state.phase == "loading")
        if how == signal.SIGSTOP and rng.random() < 0.8:  # a worker that has said nothing gets more time
            await it.until("the first word", lambda: it.arm().state.stage != "starting")
        await _nap(rng, 0.5)
    pid = it.pid
    os.kill(pid, how)
    if asking:
        await asking
    await it.replaced(pid)


async def kill(it: Sitting, rng: random.Random) -> None:
    """SIGKILL."""
    await _hit(it, rng, signal.SIGKILL)


async def stop(it: Sitting, rng: random.Random) -> None:
    """SIGSTOP: only the heartbeat tells."""
    await _hit(it, rng, signal.SIGSTOP)


async def abort(it: Sitting, rng: random.Random) -> None:
    """The signals by which native code dies."""
    await _hit(it, rng, rng.choice(NATIVE))


async def garbage_from_worker(it: Sitting, rng: random.Random) -> None:
    """Bytes on the worker's end of the pipe that are no message, or one that nobody waits for."""
    pid = it.pid
    messages = [
        {"kind": "answer", "id": -1, "prediction": {"status": "ok", "label": "yes"}},
        {"kind": "loading", "stage": "loading weights", "fraction": 0.5, "gpu_build": False},
        {"kind": "failed", "message": "no", "retry": False},
        {"kind": "pong", "cpu_s": 1.0},
    ]
    asking = await _busy(it, rng, 0.02) if rng.random() < 0.5 else None
    worker = it.worker
    await _write_as_worker(it, damaged_lines(messages, rng))
    if asking:
        await asking
    if worker.fault:
        await it.replaced(pid)


async def _write_as_worker(it: Sitting, data: bytes) -> None:
    """Write into the pipe that the lab reads, through the worker's own descriptor, until all is read."""
    worker = it.worker
    mine = worker._stdout._transport.get_extra_info("pipe").fileno()  # type: ignore[attr-defined]
    name = os.readlink(f"/proc/self/fd/{mine}")
    (theirs,) = (fd for fd in Path(f"/proc/{it.pid}/fd").iterdir() if leads_to(fd) == name)
    pipe = os.open(theirs, os.O_WRONLY | os.O_NONBLOCK)
    try:
        while data and not worker.ended.done():
            with suppress(BlockingIOError):
                data = data[os.write(pipe, data) :]
            await asyncio.sleep(0.001)
        while not worker.ended.done() and any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))):
            await asyncio.sleep(0.001)
    except BrokenPipeError:
        pass
    finally:
        os.close(pipe)
    await asyncio.sleep(0.01)


async def garbage_to_worker(it: Sitting, rng: random.Random) -> None:
    """Bytes to the worker that are no message."""
    pid = it.pid
    asking = await _busy(it, rng, 0.02) if rng.random() < 0.5 else None
    it.worker._stdin.write(rng.randbytes(rng.choice((1, 100, 200_000))) + b"\n")
    if asking:
        await asking
    await it.replaced(pid)


async def fuzzed_lines(it: Sitting, rng: random.Random) -> None:
    """Lines to the worker that are almost messages."""
    load = it.arm()._load.model_dump(mode="json")
    window = {"kind": "ask", "id": -2, "prompt": "hello", "window": 40}
    ask = {"kind": "ask", "id": -3, "prompt": odd_prompt(rng, 2000).encode("utf-8", "replace").decode()}
    it.worker._stdin.write(damaged_lines([ask, ask, window, load, {"kind": "cancel", "id": -3}], rng))
    await _nap(rng, 0.1)
    for trial in await it.ask("between the lines"):
        if trial.status not in ("ok", "unparsed", "crashed"):
            raise Violation(f"{trial.status}: {trial.error}")


async def closed_pipe(it: Sitting, rng: random.Random) -> None:
    """One of the two pipes is closed under the worker."""
    pid = it.pid
    asking = await _busy(it, rng, 0.02) if rng.random() < 0.5 else None
    if rng.random() < 0.5:
        it.worker._stdin.transport.close()
    else:
        it.worker._stdout._transport.close()  # type: ignore[attr-defined]
    if asking:
        await asking
    await it.replaced(pid)


async def _try_file(it: Sitting, rng: random.Random, data: bytes) -> None:
    """An arm with a file that is no good: it says so in one line, or it answers; then it is removed."""
    path = it.lab.path
    assert path is not None
    file = path.with_name("damaged.gguf")
    file.write_bytes(data)
    it.lab.add_arm(ArmSpec(name="damaged", model=file))
    await it.phase(*SETTLED, name="damaged")
    state = it.arm("damaged").state
    if state.phase == "ready":
        await it.ask("does it answer?")
        await it.phase(*SETTLED, name="damaged")
        state = it.arm("damaged").state
    it.seen[f"file {'given up' if state.log_tail else state.phase}"] += 1
    if state.phase == "failed" and (not state.message or "\n" in state.message):
        raise Violation(f"not one line: {state.message!r}")
    await it.lab.remove_arm("damaged")
    file.unlink()


async def truncated_file(it: Sitting, rng: random.Random) -> None:
    """A GGUF file that ends too early."""
    data = it.arm("bystander").spec.model.read_bytes()
    await _try_file(it, rng, data[: int(len(data) * rng.random())])


async def fuzzed_file(it: Sitting, rng: random.Random) -> None:
    """A GGUF file with a damaged header, or rotten weights."""
    await _try_file(it, rng, damaged_gguf(it.arm("bystander").spec.model.read_bytes(), rng))


async def shrunk_file(it: Sitting, rng: random.Random) -> None:
    """A GGUF file that is cut while its model answers: the library reads it through a mapping."""
    path = it.lab.path
    assert path is not None
    file = path.with_name("shrunk.gguf")
    file.write_bytes(it.arm("bystander").spec.model.read_bytes())
    it.lab.add_arm(ArmSpec(name="shrunk", model=file))
    await it.phase("ready", name="shrunk")
    os.truncate(file, int(file.stat().st_size * rng.random() * 0.5))
    await it.ask("is anything missing?")
    await it.phase(*SETTLED, name="shrunk")
    await it.lab.remove_arm("shrunk")
    file.unlink()


async def full_disk(it: Sitting, rng: random.Random) -> None:
    """No room for the session and the logs, while questions are answered and workers die."""
    path = it.lab.path
    assert path is not None
    with it.disk.full(path, rng.randrange(400)):
        try:
            with path.with_name("probe").open("wb", buffering=0) as probe:
                probe.seek(path.stat().st_size)
                probe.write(bytes(1 << 20))
                probe.write(bytes(1 << 20))  # the first may have been cut short
        except OSError as e:
            if e.errno not in (errno.ENOSPC, errno.EFBIG):
                raise
        else:
            raise AssertionError("the disk is not full")
        for _ in range(rng.randint(1, 3)):
            await it.ask(odd_prompt(rng, 3000) + "?")
        if rng.random() < 0.5:
            await _hit(it, rng, signal.SIGKILL)
        if rng.random() < 0.3:
            pid = it.pid
            it.worker._stdin.write(b"what?\n")
            await it.replaced(pid)
        await it.lab.annotate(it.delivered[-1].id, note="on a full disk")
    path.with_name("probe").unlink(missing_ok=True)


async def odd_prompts(it: Sitting, rng: random.Random) -> None:
    """A prompt that nobody would type."""
    try:
        trials = await it.ask(odd_prompt(rng))
    except LabError:  # nothing but white space
        return
    for trial in trials:
        if trial.status not in ("ok", "unparsed", "refused"):
            raise Violation(f"{trial.arm}: {trial.status}: {trial.error}")


KINDS: dict[str, tuple[int, Fault]] = {
    "SIGKILL": (14, kill),
    "SIGSTOP": (8, stop),
    "abort": (8, abort),
    "garbage from worker": (8, garbage_from_worker),
    "garbage to worker": (5, garbage_to_worker),
    "fuzzed lines": (10, fuzzed_lines),
    "closed pipe": (6, closed_pipe),
    "truncated file": (6, truncated_file),
    "fuzzed file": (12, fuzzed_file),
    "shrunk file": (2, shrunk_file),
    "full disk": (7, full_disk),
    "odd prompt": (14, odd_prompts),
}
"""By name: how many in a hundred, and what to do."""
