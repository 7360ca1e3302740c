"""Workers that are stuck: noticed whatever they were doing, and nobody is called stuck who only is slow."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from routerlab.engine.arms import process
from routerlab.engine.arms.local import ModelArm
from tests.engine import tiny
from tests.engine.workers import LIMIT_S, arms, fake_worker, phase, pid_of, running, spec, tiny_arm, until

LONG = "Tell me everything about whales, and do not stop."

# A worker of ours whose model, instead of answering, waits in the library or runs in circles.
STUCK = """
import ctypes
from routerlab.engine.worker import worker
def circle(*_):
    while True:
        pass
def wait(*_):
    ctypes.CDLL(None).pause()
"""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beats in quick succession, and short limits."""
    monkeypatch.setattr(process, "BEAT_S", 0.05)
    monkeypatch.setattr(process, "SILENCE_S", 0.6)
    monkeypatch.setattr(process, "STALL_S", 0.8)


@pytest.mark.usefixtures("quick")
async def test_idle_worker_that_is_stopped_is_replaced(tiny_files: dict[tiny.Family, Path]) -> None:
    async with running(tiny_arm(tiny_files)) as arm:
        pid = pid_of(arm)
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: arm.state.phase == "ready" and arm.state.pid != pid)
        assert arm.state.message.startswith("the worker did not move for 0.6 s; its log ends: ")
        assert (await arm.ask("hello", 30.0)).status == "ok"


@pytest.mark.usefixtures("quick")
async def test_busy_worker_that_is_stopped_is_replaced(smollm2: Path) -> None:
    async with running(arms().model_arm(spec(smollm2, "json"))) as arm:
        pid = pid_of(arm)
        asking = asyncio.create_task(arm.ask(LONG, LIMIT_S))
        await phase(arm, "busy")
        os.kill(pid, signal.SIGSTOP)
        prediction = await asking
        assert prediction.status == "crashed"
        assert prediction.error is not None
        assert prediction.error.startswith("the worker did not move for 0.6 s")
        await phase(arm, "ready")
        assert pid_of(arm) != pid


@pytest.mark.usefixtures("quick")
async def test_worker_that_is_stopped_while_loading_is_replaced(smollm2: Path) -> None:
    async with running(arms().model_arm(spec(smollm2)), start=False) as arm:
        starting = asyncio.create_task(arm.start())
        await until(lambda: arm.state.stage not in ("", "waiting for its turn to load", "starting"))
        os.kill(pid_of(arm), signal.SIGSTOP)
        async with asyncio.timeout(LIMIT_S):
            await starting
        assert (arm.state.phase, arm.state.restarts) == ("ready", 1)
        assert arm.state.message.startswith("while loading, the worker did not move for 0.6 s")


@pytest.mark.usefixtures("quick")
async def test_a_load_that_waits_for_ever_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path]
) -> None:
    """Its reader thread still answers: what gives it away is that it uses no processor time."""
    once = tmp_path / "once"
    fake_worker(
        monkeypatch,
        tmp_path,
        f"{STUCK}\nif not os.path.exists({str(once)!r}):\n"
        f"    open({str(once)!r}, 'w').close()\n    worker.load = wait\nworker.main()",
    )
    async with running(tiny_arm(tiny_files)) as arm:
        assert arm.state.phase == "ready"
        assert "had work and did nothing for 0.8 s" in arm.state.message


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("instead", "status", "why"),
    [("wait", "crashed", "had work and did nothing for 0.8 s"), ("circle", "timeout", "no answer in 2.5 s")],
)
async def test_a_question_that_never_ends_is_noticed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_files: dict[tiny.Family, Path],
    instead: str,
    status: str,
    why: str,
) -> None:
    """A deadlock by its idleness, a loop, which looks like work, by the question's time limit."""
    fake_worker(monkeypatch, tmp_path, f"{STUCK}\nworker.answer = {instead}\nworker.main()")
    async with running(tiny_arm(tiny_files)) as arm:
        prediction = await arm.ask("hello", 2.5)
        assert prediction.status == status
        assert why in (prediction.error or "")


@pytest.mark.usefixtures("quick")
async def test_slow_work_is_not_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path]
) -> None:
    """Work that tells nothing for longer than every limit, but computes."""
    slow = "\nplain = worker.answer\ndef answer(*a):\n    end = time.monotonic() + 1.5\n"
    slow += "    while time.monotonic() < end: pass\n    return plain(*a)\n"
    fake_worker(monkeypatch, tmp_path, f"{STUCK}{slow}worker.answer = answer\nworker.main()")
    async with running(tiny_arm(tiny_files)) as arm:
        pid = pid_of(arm)
        assert (await arm.ask("hello", LIMIT_S)).status == "ok"
        await asyncio.sleep(1.0)  # longer than STALL_S without work
        assert (arm.state.phase, arm.state.pid) == ("ready", pid)


@pytest.mark.usefixtures("quick")
async def test_a_lab_that_was_suspended_does_not_blame_its_workers(
    tiny_files: dict[tiny.Family, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "SILENCE_S", 0.3)
    async with running(tiny_arm(tiny_files)) as arm:
        pid = pid_of(arm)
        for _ in range(3):
            time.sleep(0.5)  # the whole process stands still
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
    fake_worker(monkeypatch, tmp_path, counting(tmp_path))
    async with running(tiny_arm(tiny_files)) as arm:
        heard = tmp_path / "lines"
        for _ in range(20):  # together three beats
            assert (await arm.ask("0.03", LIMIT_S)).status == "ok"
        before = heard.read_text().split()
        assert before.count("ask") == 20
        assert "ping" not in before[1:]
        assert (await arm.ask("0.7", LIMIT_S)).status == "ok"
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
