"""`routerlab` as a program: one that ends by itself, in a process of its own that need not import anything.

A server has imported everything (server.py): what a hundred commands import takes longer than what they do.
Programs that are stopped, or that tell something by what they import, are started as users do.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest

from routerlab.__main__ import main
from tests import forked, server
from tests.conftest import PATIENCE_S


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


def run(
    folder: Path, *args: object, env: Mapping[str, str] | None = None, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """`routerlab ARGS` in `folder`, without a terminal: what it printed, and how it ended."""
    words = list(map(str, args))
    with tempfile.TemporaryDirectory() as own:
        files = [Path(own, name) for name in ("in", "out", "err")]
        files[0].write_text(stdin)
        context = get_context("forkserver")
        known = (folder, words, {**(env or os.environ)}, files, server.address())
        process = context.Process(target=_program, args=known)
        server.start(process)
        process.join(PATIENCE_S)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(words, PATIENCE_S)
        out, err = (path.read_text() for path in files[1:])
    return subprocess.CompletedProcess(["routerlab", *words], process.exitcode, out, err)


def _program(
    folder: Path, words: list[str], env: dict[str, str], files: list[Path], address: Mapping[str, object]
) -> None:
    """Become the program: its folder, environment, files and words."""
    server.reuse(address)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:0] = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    for number, path in enumerate(files):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in enumerate("rww"))
    sys.argv = ["routerlab", *words]
    forked.use(pytest.MonkeyPatch())
    main()
