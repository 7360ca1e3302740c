"""Peers of the lab: other ways to get a label from the same file, each a child process (see child.py)."""

import asyncio
import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Literal

from routerlab.core.errors import Exit, LabError
from routerlab.core.prediction import Record
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arms.process import log_tail, new_log, spawn

PeerKind = Literal["chat", "grammar", "schema", "server"]
PEERS: dict[PeerKind, str] = {
    "chat": "llama-cpp-python create_chat_completion, the answer parsed as JSON",
    "grammar": "the same, held to the labels by a GBNF grammar",
    "schema": "the same, held to a JSON schema",
    "server": "llama-cpp-python's server on loopback, held to a JSON schema",
}
START_S = 300.0
"""Time to load a model, and for the server to answer for the first time."""


class PeerSetup(Record):
    """First line to a peer: what to load, and how. `gpu_layers` -1 means all."""

    kind: PeerKind
    model: Path
    taxonomy: Taxonomy
    n_ctx: int
    threads: int
    gpu_layers: int


class PeerReply(Record):
    """A peer's answer, or the `error` that its user would have got instead.

    `ms` is the time its user waited: the call and the reading of the answer.
    """

    ms: float = 0.0
    label: str | None = None
    answer: str = ""
    generated: int = 0
    error: str | None = None


class Peer:
    """A peer's process. LabError from `start` when it cannot be had here, with the reason."""

    def __init__(self, setup: PeerSetup) -> None:
        self._setup = setup
        self._log = new_log(f"peer-{setup.kind}")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Load the model; returns when the peer waits for a question. With its server it is a group."""
        hide_gpus = self._setup.gpu_layers == 0
        self._process = await spawn("routerlab.bench.peers.child", self._log, hide_gpus, os.environ)
        await self._exchange(self._setup.model_dump_json(), START_S)

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
            raise LabError(f"peer {self._setup.kind}: no answer in {timeout_s:g} s", Exit.MISSING) from None
        if not reply:
            reason = (log_tail(self._log, 1) or ("it said nothing",))[0]
            hint = "; pip install 'routerlab[bench]'" if "No module named" in reason else ""
            raise LabError(f"peer {self._setup.kind}: {reason}{hint}", Exit.MISSING)
        return reply

    async def stop(self) -> None:
        """End the peer and whatever it started."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):  # it may have ended this moment
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
