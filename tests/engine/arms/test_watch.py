"""Workers that are stuck: noticed whatever they were doing, and nobody is called stuck who only is slow."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from routerlab.core.prediction import Record
from routerlab.engine.arms import process
from routerlab.engine.arms.arm import Arm
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.worker.protocol import Ping
from tests.conftest import PATIENCE_S
from tests.engine import tiny
from tests.engine.workers import arms, fake_worker, phase, pid_of, running, spec, tiny_arm, until

LONG = "Tell me everything about whales, and do not stop."

# A worker of ours whose model, instead of answering, waits in the library or runs in circles. (Not always: a
# quarter of a processor is as much work as a whole one to who looks for any.)
STUCK = """
import ctypes, time
from routerlab.engine.worker import worker
def turn():
    end = time.monotonic() + 0.02
    while time.monotonic() < end:
        pass
    time.sleep(0.06)
def circle(*_):
    while True:
        turn()
def wait(*_):
    ctypes.CDLL(None).pause()
"""


Impatient = Callable[[ModelArm], None]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Impatient:
    """Beats in quick succession; and, once it is called, short limits until a worker of the arm is called
    stuck. Before and after that they are the product's own: a worker that a busy machine starts slowly must
    not be called stuck as well."""
    monkeypatch.setattr(process, "BEAT_S", 0.05)
    usual = {"SILENCE_S": process.SILENCE_S, "STALL_S": process.STALL_S}

    def begin(arm: ModelArm) -> None:
        told = arm.on_change

        def changed(a: Arm) -> None:
            if a.state.phase in ("crashed", "failed"):
                for name, seconds in usual.items():
                    monkeypatch.setattr(process, name, seconds)
            told(a)

        arm.on_change = changed
        monkeypatch.setattr(process, "SILENCE_S", 0.6)
        monkeypatch.setattr(process, "STALL_S", 0.8)

    return begin


async def test_idle_worker_that_is_stopped_is_replaced(
    tiny_files: dict[tiny.Family, Path], impatient: Impatient
) -> None:
    async with running(tiny_arm(tiny_files)) as arm:
        pid = pid_of(arm)
        os.kill(pid, signal.SIGSTOP)
        impatient(arm)
        await until(lambda: arm.state.phase == "ready" and arm.state.pid != pid)
        assert arm.state.message.startswith("the worker did not move for 0.6 s; its log ends: ")
        assert (await arm.ask("hello", 30.0)).status == "ok"


async def test_busy_worker_that_is_stopped_is_replaced(smollm2: Path, impatient: Impatient) -> None:
    async with running(arms().model_arm(spec(smollm2, "json"))) as arm:
        pid = pid_of(arm)
        asking = asyncio.create_task(arm.ask(LONG, PATIENCE_S))
        await phase(arm, "busy")
        os.kill(pid, signal.SIGSTOP)
        impatient(arm)
        prediction = await asking
        assert prediction.status == "crashed"
        assert prediction.error is not None
        assert prediction.error.startswith("the worker did not move for 0.6 s")
        await phase(arm, "ready")
        assert pid_of(arm) != pid


async def test_worker_that_is_stopped_while_loading_is_replaced(smollm2: Path, impatient: Impatient) -> None:
    async with running(arms().model_arm(spec(smollm2)), start=False) as arm:
        starting = asyncio.create_task(arm.start())
        await until(lambda: arm.state.stage not in ("", "waiting for its turn to load", "starting"))
        os.kill(pid_of(arm), signal.SIGSTOP)
        impatient(arm)
        async with asyncio.timeout(PATIENCE_S):
            await starting
        assert (arm.state.phase, arm.state.restarts) == ("ready", 1)
        assert arm.state.message.startswith("while loading, the worker did not move for 0.6 s")


async def test_a_load_that_waits_for_ever_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path], impatient: Impatient
) -> None:
    """Its reader thread still answers: what gives it away is that it uses no processor time."""
    once = tmp_path / "once"
    fake_worker(
        monkeypatch,
        tmp_path,
        f"{STUCK}\nif not os.path.exists({str(once)!r}):\n"
        f"    open({str(once)!r}, 'w').close()\n    worker.load = wait\nworker.main()",
    )
    async with running(tiny_arm(tiny_files), start=False) as arm:
        starting = asyncio.create_task(arm.start())
        await until(once.exists)
        impatient(arm)
        async with asyncio.timeout(PATIENCE_S):
            await starting
        assert arm.state.phase == "ready"
        assert "had work and did nothing for 0.8 s" in arm.state.message


async def test_a_question_that_waits_for_ever_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path], impatient: Impatient
) -> None:
    """A deadlock by its idleness."""
    fake_worker(monkeypatch, tmp_path, f"{STUCK}\nworker.answer = wait\nworker.main()")
    async with running(tiny_arm(tiny_files)) as arm:
        impatient(arm)
        prediction = await arm.ask("hello", PATIENCE_S)
        assert prediction.status == "crashed"
        assert "had work and did nothing for 0.8 s" in (prediction.error or "")


async def test_a_question_that_runs_in_circles_ends_with_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path]
) -> None:
    """It looks like work, longer than a worker may idle."""
    monkeypatch.setattr(process, "BEAT_S", 0.05)
    monkeypatch.setattr(process, "STALL_S", 4.0)
    fake_worker(monkeypatch, tmp_path, f"{STUCK}\nworker.answer = circle\nworker.main()")
    async with running(tiny_arm(tiny_files)) as arm:
        prediction = await arm.ask("hello", 5.0)
        assert prediction.status == "timeout"
        assert "no answer in 5 s" in (prediction.error or "")


async def test_slow_work_is_not_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path]
) -> None:
    """Work that tells nothing for longer than every limit, but computes."""
    monkeypatch.setattr(process, "BEAT_S", 0.05)
    monkeypatch.setattr(process, "SILENCE_S", 4.0)
    monkeypatch.setattr(process, "STALL_S", 4.0)
    slow = "\nplain = worker.answer\ndef answer(*a):\n    end = time.monotonic() + 5.0\n"
    slow += "    while time.monotonic() < end: turn()\n    return plain(*a)\n"
    fake_worker(monkeypatch, tmp_path, f"{STUCK}{slow}worker.answer = answer\nworker.main()")
    async with running(tiny_arm(tiny_files)) as arm:
        pid = pid_of(arm)
        assert (await arm.ask("hello", PATIENCE_S)).status == "ok"
        await asyncio.sleep(4.4)  # longer than STALL_S without work
        assert (arm.state.phase, arm.state.pid) == ("ready", pid)


async def test_a_lab_that_was_suspended_does_not_blame_its_workers(
    tiny_files: dict[tiny.Family, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "BEAT_S", 0.05)
    async with running(tiny_arm(tiny_files)) as arm:
        pid = pid_of(arm)
        monkeypatch.setattr(process, "SILENCE_S", 0.7)
        for _ in range(3):
            time.sleep(0.8)  # the whole process stands still
            await asyncio.sleep(0.15)
        assert (arm.state.phase, arm.state.pid) == ("ready", pid)


def counting(folder: Path) -> str:
    """A worker that writes down every line it reads; a question is answered after the seconds it names."""
    return f"""
import select
log = open({str(folder / "lines")!r}, "w", buffering=1)
def listen(seconds):
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([0], [], [], left)[0]:
            heard = json.loads(os.read(0, 1 << 20).splitlines()[0])
            log.write(heard["kind"] + "\\n")
            if heard["kind"] != "ping":
                return heard
            say(json.dumps({{"kind": "pong", "cpu_s": 0.0}}))
listen(9); say(READY)
while ask := listen(99):
    listen(float(ask["prompt"]))
    say(answer(ask))
"""


async def test_short_questions_are_never_disturbed_by_pings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path]
) -> None:
    monkeypatch.setattr(process, "BEAT_S", 0.2)
    plain, ages = process.Worker.send, []

    def send(worker: process.Worker, message: Record) -> None:
        if isinstance(message, Ping) and worker._work_since is not None:
            ages.append(asyncio.get_running_loop().time() - worker._work_since)
        plain(worker, message)

    monkeypatch.setattr(process.Worker, "send", send)
    fake_worker(monkeypatch, tmp_path, counting(tmp_path))
    async with running(tiny_arm(tiny_files)) as arm:
        heard = tmp_path / "lines"
        for _ in range(20):  # together three beats
            assert (await arm.ask("0.03", PATIENCE_S)).status == "ok"
        before = heard.read_text().split()
        assert before.count("ask") == 20
        assert (await arm.ask("0.7", PATIENCE_S)).status == "ok"
        assert ages
        assert min(ages) >= 0.2  # a question that a busy machine makes long may get one
        assert "ping" in heard.read_text().split()[len(before) :]
        lines = len(heard.read_text().split())
        await until(lambda: len(heard.read_text().split()) >= lines + 2)  # idle: now and then


async def test_pongs_keep_an_idle_arm_as_it_is(
    tiny_files: dict[tiny.Family, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A beat is nobody's business: no change of state is told for it."""
    monkeypatch.setattr(process, "BEAT_S", 0.02)
    async with running(tiny_arm(tiny_files)) as arm:
        told: list[str] = []
        arm.on_change = lambda a: told.append(a.state.phase)
        pid, worker = pid_of(arm), worker_of(arm)
        await until(lambda: worker._cpu_s > 0)
        await asyncio.sleep(0.2)
        assert (told, arm.state.pid) == ([], pid)


def worker_of(arm: ModelArm) -> process.Worker:
    assert arm._worker is not None
    return arm._worker
