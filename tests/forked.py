"""Workers and peers that tests start, forked from a server that has imported what they import.

What hundreds of them import takes longer than what they do. They are real processes, with pipes, a log and an
exit code, that load real models; programs that tests run as users do start theirs from nothing.
"""

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from routerlab.bench import memory, rawdata
from routerlab.bench.peers import parent
from routerlab.core.files.atomic import write_new
from routerlab.engine.arms import local, process
from routerlab.engine.worker import build
from routerlab.engine.worker.protocol import LINE_LIMIT
from tests import server
from tests.proc import leads_to

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

_spawn, _executable, _describe = process.spawn, sys.executable, build.describe_build


def use(patch: pytest.MonkeyPatch) -> None:
    """Have this process fork its workers and peers."""
    for module in (local, parent):
        patch.setattr(module, "spawn", spawn)
    for module in (build, rawdata, memory):
        patch.setattr(module, "describe_build", describe_build)


def describe_build() -> build.BuildInfo:
    """What the first who asked was told: it takes a process that imports the library."""
    kept = server.folder() / "build.json"
    if sys.executable != _executable:
        return _describe()
    if not kept.exists():
        write_new(kept, _describe().model_dump_json().encode())
    return build.BuildInfo.model_validate_json(kept.read_bytes())


class Forked:
    """A process that the server forked: what is used here of asyncio.subprocess.Process."""

    def __init__(
        self, process: "ForkServerProcess", stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader
    ) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self.returncode: int | None = None
        self.stdin = stdin
        self.stdout = stdout
        self._process = process
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(process.sentinel, self._end)

    def _end(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        self.returncode = self._process.exitcode
        self.stdin.close()
        self._ended.set()

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # it has ended, and the server knows it before this loop does
            os.kill(self.pid, signal.SIGKILL)


async def spawn(
    module: str, log: Path, hide_gpus: bool, env: Mapping[str, str]
) -> asyncio.subprocess.Process | Forked:
    """Like the lab's own; a test that has the lab start another program gets that."""
    if sys.executable != _executable:
        return await _spawn(module, log, hide_gpus, env)
    context, loop = get_context("forkserver"), asyncio.get_running_loop()
    its_in, our_in = context.Pipe(duplex=False)
    our_out, its_out = context.Pipe(duplex=False)
    env = {**env, **(process.NO_GPUS if hide_gpus else {})}
    forked = context.Process(target=_become, args=(module, log, env, its_in, its_out))
    server.start(forked)
    its_in.close()
    its_out.close()
    into, out = (os.fdopen(os.dup(end.fileno()), mode, 0) for end, mode in ((our_in, "wb"), (our_out, "rb")))
    our_in.close()
    our_out.close()
    reader = asyncio.StreamReader(LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), out)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, into)
    return Forked(forked, asyncio.StreamWriter(transport, protocol, None, loop), reader)


def workers(pid: int) -> list[psutil.Process]:
    """The workers that a forked program has started (their parent is the server): who reads from a pipe that
    it holds."""
    held = {link for fd in Path(f"/proc/{pid}/fd").iterdir() if (link := leads_to(fd)).startswith("pipe:")}
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(psutil.Error):
            if leads_to(folder / "fd" / "0") in held and int(folder.name) != pid:
                found.append(psutil.Process(int(folder.name)))
    return found


def _become(module: str, log: Path, env: dict[str, str], stdin: Connection, stdout: Connection) -> None:
    """Be `python -m module`: a session of its own, its environment, pipes and log."""
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    for number, file in enumerate(
        (stdin.fileno(), stdout.fileno(), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT))
    ):
        os.dup2(file, number)
    stdin.close()
    stdout.close()
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in enumerate("rww"))
    importlib.import_module(module).main()
