"""Real arms for the tests of the pool: makers, conditions with a deadline, stand-ins for the worker."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arms.arm import ArmSpec, ArmState
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.names import ContractName
from routerlab.engine.lab.factory import ModelArms
from routerlab.settings import Settings
from tests.conftest import PATIENCE_S
from tests.engine import tiny
from tests.engine.asking import TWO, shots_for
from tests.proc import alive

SETTINGS = Settings(threads=1, gpu_layers=0, context=1024, annotator="ada")


def arms(
    settings: Settings = SETTINGS, of: Taxonomy = TWO, shots: Sequence[Exemplar] | None = None
) -> ModelArms:
    """A maker of real arms with a short prefix."""
    return ModelArms(of, shots_for(of.labels) if shots is None else shots, "e" * 64, settings)


def spec(model: Path, contract: ContractName = "score", name: str = "arm") -> ArmSpec:
    return ArmSpec(name=name, model=model, contract=contract)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until the condition holds; TimeoutError at the deadline."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def phase(arm: ModelArm, *wanted: str) -> ArmState:
    """Wait for one of these phases; the state then."""
    await until(lambda: arm.state.phase in wanted)
    return arm.state


def tiny_arm(files: dict[tiny.Family, Path], family: tiny.Family = "llama") -> ModelArm:
    return arms().model_arm(spec(files[family]))


def pid_of(arm: ModelArm) -> int:
    assert arm.state.pid is not None
    return arm.state.pid


def log_of(arm: ModelArm) -> str:
    assert arm.log is not None
    return arm.log.read_text(errors="replace")


def one_line(message: str) -> bool:
    return bool(message) and "\n" not in message and "Traceback" not in message


@asynccontextmanager
async def running(arm: ModelArm, start: bool = True) -> AsyncIterator[ModelArm]:
    """The arm, started, and stopped whatever happens; no process of it is left."""
    pids: set[int] = set()
    watched = arm.on_change

    def note(changed: object) -> None:
        if arm.state.pid is not None:
            pids.add(arm.state.pid)
        watched(arm)

    arm.on_change = note
    try:
        if start:
            async with asyncio.timeout(PATIENCE_S):
                await arm.start()
        yield arm
    finally:
        async with asyncio.timeout(PATIENCE_S):
            await arm.stop()
        assert not [pid for pid in pids if alive(pid)]


def fake_worker(patch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    """Have the pool start a small script instead of the worker. `say(text)` writes a line to the protocol,
    `hear()` reads one; READY is a whole ready message."""
    script = folder / "fake_worker.py"
    script.write_text(_PRELUDE + body)
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    program.chmod(0o755)
    patch.setattr("routerlab.engine.arms.process.sys.executable", str(program))


_PRELUDE = """
import os, sys, time, json
def say(text):
    os.write(1, text if isinstance(text, bytes) else text.encode() + b"\\n")
def hear():
    while True:
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        heard = json.loads(line)
        if heard["kind"] != "ping":
            return heard
        say(json.dumps({"kind": "pong", "cpu_s": time.process_time()}))
READY = json.dumps({"kind": "ready", "info": dict(
    model_sha256="a" * 64, model_size=1, architecture="fake", parameters=1, quantization="F32",
    contract="score", encoding="x", template="plain", prompt_sha256="b" * 64, prefix_tokens=1, n_ctx=1,
    threads=1, layers=1, layers_on_gpu=0, devices=[], gpu_build=False, llama_cpp="x", load_ms=1.0)})
def answer(ask, label="yes"):
    return json.dumps({"kind": "answer", "id": ask["id"], "prediction": {"status": "ok", "label": label}})
"""
