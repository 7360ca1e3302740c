"""Peers of the lab: other ways to get a label, each a child process (see child.py)."""

import asyncio
import json
import os
import signal
import time
from contextlib import suppress
from importlib.util import find_spec

from routerlab.bench.peers.kinds import PEERS
from routerlab.bench.peers.protocol import PeerReady, PeerReply, PeerSetup
from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable
from routerlab.engine.arms.process import log_tail, new_log, spawn

START_S = 900.0
"""Time to load a model and fit to the examples, and for the server to answer for the first time."""


class Peer:
    """A peer's process. LabError from `start` when it cannot be had here, with the reason."""

    def __init__(self, setup: PeerSetup) -> None:
        self._setup = setup
        self._hint = f"pip install 'routerlab[{PEERS[setup.kind].extra}]'"
        self._log = new_log(f"peer-{setup.kind}")
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process that the peer runs in, and its own children below; None when it was not started."""
        return self._process.pid if self._process else None

    async def start(self) -> tuple[float, float]:
        """Load the model; returns when the peer waits for a question: seconds since the process was spawned,
        without those that fitting took, and the latter. With its server it is a group."""
        if find_spec(PEERS[self._setup.kind].library) is None:
            raise LabError(f"not installed: {self._hint}", Exit.MISSING)
        began = time.perf_counter()
        hide_gpus = self._setup.gpu_layers == 0
        self._process = await spawn("routerlab.bench.peers.child", self._log, hide_gpus, os.environ)
        ready = PeerReady.model_validate_json(await self._exchange(self._setup.model_dump_json(), START_S))
        if ready.error is not None:
            raise self._fault(ready.error)
        return time.perf_counter() - began - ready.fit_s, ready.fit_s

    async def ask(self, prompt: str, timeout_s: float) -> PeerReply:
        """The peer's answer. One that dies or takes longer than `timeout_s` is started again, and its reply
        says so; LabError when it cannot be started any more."""
        try:
            return PeerReply.model_validate_json(await self._exchange(json.dumps(prompt), timeout_s))
        except LabError as e:
            await self.stop()
            await self.start()
            return PeerReply(error=str(e))

    async def _exchange(self, line: str, timeout_s: float) -> bytes:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line.encode() + b"\n")
        try:
            reply = await asyncio.wait_for(process.stdout.readline(), timeout_s)
        except TimeoutError:
            raise self._fault(f"no answer in {timeout_s:g} s") from None
        if not reply:
            raise self._fault((log_tail(self._log, 1) or ("it said nothing",))[0])
        return reply

    def _fault(self, reason: str) -> LabError:
        hint = f"; {self._hint}" if "No module named" in reason else ""
        return LabError(f"peer {self._setup.kind}: {printable(reason)}{hint}", Exit.MISSING)

    async def stop(self) -> None:
        """End the peer and whatever it started."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):  # it may have ended this moment
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
