"""`routerlab` as a program, in a process of its own that need not import anything.

A server has imported everything (server.py): what a hundred commands import takes longer than what they do.
Programs that tell something by what they import, or are killed while they do, are started as users do.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from routerlab.__main__ import main
from tests import forked, server
from tests.conftest import PATIENCE_S

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

FILES = ("in", "out", "err")


@asynccontextmanager
async def serving(
    folder: Path, command: str, *args: object, **env: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`routerlab COMMAND --port 0 ARGS` as a process of its own, and the first line that it printed: its
    address. Killed if it still runs at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "routerlab", command, "--port", "0", *map(str, args)),
        cwd=folder,
        env=os.environ | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        yield process, line.decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Begun:
    """A program that was begun: what is used here of subprocess.Popen. Its output goes to files."""

    def __init__(self, process: "ForkServerProcess", own: Path) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self._process, self._own = process, own

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float = PATIENCE_S) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("routerlab", timeout)
        return self.returncode

    def said(self) -> tuple[str, str]:
        """What it has printed, and what it has said on stderr."""
        out, err = (Path(self._own, name).read_text() for name in FILES[1:])
        return out, err

    def communicate(self, timeout: float = PATIENCE_S) -> tuple[str, str]:
        """What it said, when it has ended; only once."""
        self.wait(timeout)
        said = self.said()
        shutil.rmtree(self._own)
        return said

    def send_signal(self, sign: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # as subprocess does: it may have ended already
            os.kill(self.pid, sign)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def begin(folder: Path, *args: object, env: Mapping[str, str] | None = None, stdin: str = "") -> Begun:
    """`routerlab ARGS` in `folder`, without a terminal; `forked.workers` finds its workers."""
    own = Path(tempfile.mkdtemp())
    for name, text in zip(FILES, (stdin, "", ""), strict=True):
        (own / name).write_text(text)
    words, address = list(map(str, args)), server.address()
    known = (folder, words, {**(env or os.environ)}, own, address)
    process = get_context("forkserver").Process(target=_program, args=known)
    server.start(process)
    return Begun(process, own)


def started(folder: Path, *args: object, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """`routerlab ARGS` in `folder`, started as users do, workers too."""
    command = [sys.executable, "-m", "routerlab", *map(str, args)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True, env=env)


def run(
    folder: Path, *args: object, env: Mapping[str, str] | None = None, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """`routerlab ARGS` in `folder`, without a terminal: what it printed, and how it ended."""
    process = begin(folder, *args, env=env, stdin=stdin)
    try:
        out, err = process.communicate()
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode is not None
    return subprocess.CompletedProcess(["routerlab", *map(str, args)], process.returncode, out, err)


def _program(
    folder: Path, words: list[str], env: dict[str, str], own: Path, address: Mapping[str, object]
) -> None:
    """Become the program: its folder, environment, files and words."""
    server.reuse(address)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:0] = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    for number, name in enumerate(FILES):
        os.dup2(os.open(own / name, os.O_RDWR), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in enumerate("rww"))
    sys.argv = ["routerlab", *words]
    forked.use(pytest.MonkeyPatch())
    main()
