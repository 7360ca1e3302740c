"""Workers that are killed, do not obey, or crash again and again: the arm comes back, or says why not."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from routerlab.engine.arms import local as pool
from routerlab.engine.arms.arm import Arm, ArmState
from routerlab.engine.arms.local import ModelArm
from tests.conftest import PATIENCE_S, REPO
from tests.engine import tiny
from tests.engine.workers import (
    arms,
    fake_worker,
    log_of,
    one_line,
    phase,
    pid_of,
    running,
    spec,
    tiny_arm,
    until,
)
from tests.proc import alive

LONG = "Tell me everything about whales, and do not stop."


async def test_worker_killed_in_mid_answer(smollm2: Path) -> None:
    async with running(arms().model_arm(spec(smollm2, "json"))) as arm:
        pid = pid_of(arm)
        asking = asyncio.create_task(arm.ask(LONG, 60.0))
        await phase(arm, "busy")
        os.kill(pid, signal.SIGKILL)
        prediction = await asking
        assert prediction.status == "crashed"
        assert prediction.error is not None
        assert "killed (signal 9)" in prediction.error
        assert one_line(prediction.error)
        assert prediction.latency_ms.total > 0
        assert (await phase(arm, "ready", "failed")).restarts == 1
        assert pid_of(arm) != pid
        assert (await arm.ask("hello", 60.0)).status in ("ok", "unparsed")
        assert arm.state.restarts == 0


async def test_worker_killed_between_answers_is_replaced_unasked(tiny_files: dict[tiny.Family, Path]) -> None:
    async with running(tiny_arm(tiny_files)) as arm:
        pid = pid_of(arm)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: arm.state.phase == "ready" and arm.state.pid != pid)
        assert "killed (signal 9)" in arm.state.message
        assert (await arm.ask("hello", 30.0)).status == "ok"


async def crash(arm: ModelArm) -> None:
    """Kill the worker, and wait until the arm is ready with another one or was given up."""
    pid = pid_of(arm)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: arm.state.phase in ("ready", "failed") and arm.state.pid != pid)


async def test_crashes_in_a_row_give_up_after_growing_pauses(
    tiny_files: dict[tiny.Family, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PAUSES_S", (0.0, 0.1, 0.2))
    async with running(tiny_arm(tiny_files)) as arm:
        seen: list[ArmState] = []
        watched = arm.on_change

        def note(changed: Arm) -> None:
            seen.append(arm.state)
            watched(changed)

        arm.on_change = note
        for _ in range(4):
            await crash(arm)
        assert arm.state.phase == "failed"
        assert arm.state.message == "given up after 4 crashes in a row: the worker was killed (signal 9)"
        assert 1 < len(arm.state.log_tail) <= pool.TAIL_LINES
        assert all(line in log_of(arm) for line in arm.state.log_tail)
        assert log_of(arm).rstrip().endswith(arm.state.log_tail[-1])
        pauses = [(s.restarts, s.stage) for s in seen if s.stage.startswith("restarting")]
        assert pauses == [(2, "restarting in 0.1 s"), (3, "restarting in 0.2 s")]
        for i, state in enumerate(seen):
            if state.stage == "restarting in 0.2 s":
                assert seen[i + 1].since - state.since >= 0.19
        prediction = await arm.ask("hello", 30.0)
        assert prediction.status == "crashed"
        await arm.start()  # a person restarts it
        assert (arm.state.phase, arm.state.restarts, arm.state.log_tail) == ("ready", 0, ())
        assert (await arm.ask("hello", 30.0)).status == "ok"


async def test_an_answer_forgives_earlier_crashes(tiny_files: dict[tiny.Family, Path]) -> None:
    async with running(tiny_arm(tiny_files)) as arm:
        for _ in range(len(pool.PAUSES_S) + 2):
            await crash(arm)
            assert arm.state.restarts == 1
            assert (await arm.ask("hello", 30.0)).status == "ok"


@pytest.mark.parametrize("then", ["stop", "start"])
async def test_a_person_does_not_wait_for_a_pause(
    tiny_files: dict[tiny.Family, Path], monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    monkeypatch.setattr(pool, "PAUSES_S", (10 * PATIENCE_S,))
    async with running(tiny_arm(tiny_files)) as arm:
        os.kill(pid_of(arm), signal.SIGKILL)
        await until(lambda: arm.state.stage.startswith("restarting in"))
        assert arm.state.phase == "starting"
        assert "killed (signal 9)" in arm.state.message
        async with asyncio.timeout(PATIENCE_S):
            await getattr(arm, then)()
            await arm._restart
        if then == "stop":
            assert (arm.state.phase, arm.state.pid) == ("stopped", None)
        else:
            assert (await arm.ask("hello", 30.0)).status == "ok"


async def test_worker_killed_while_loading_is_tried_again(smollm2: Path) -> None:
    arm = arms().model_arm(spec(smollm2))
    killed: list[int] = []

    def kill_once(_: Arm) -> None:
        if arm.state.phase == "loading" and not killed:
            killed.append(pid_of(arm))
            os.kill(killed[0], signal.SIGKILL)

    arm.on_change = kill_once
    async with running(arm):
        assert (arm.state.phase, arm.state.restarts) == ("ready", 1)
        assert arm.state.message == "while loading, the worker was killed (signal 9)"
        assert (await arm.ask("hello", 30.0)).status == "ok"


async def test_loads_that_always_crash_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path]
) -> None:
    monkeypatch.setattr(pool, "PAUSES_S", (0.0, 0.01))
    body = "hear(); print('one\\ntwo\\x1b[2J\\n' + 'x' * 999, file=sys.stderr, flush=True); os.abort()"
    fake_worker(monkeypatch, tmp_path, body)
    async with running(tiny_arm(tiny_files)) as arm:
        assert arm.state.phase == "failed"
        start = (
            "given up after 3 crashes in a row: while loading, the worker was ended by signal 6; its log ends"
        )
        assert arm.state.message == f"{start}: {'x' * 200}"
        assert arm.state.log_tail[-3:] == ("one", "two\\x1b[2J", "x" * 200)
        assert (await arm.ask("hello", 1.0)).error == arm.state.message


async def test_a_worker_that_dies_right_after_its_answer_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path]
) -> None:
    """The end falls between the answer and the moment when the arm counts as ready again."""
    fake_worker(monkeypatch, tmp_path, "hear(); say(READY); say(answer(hear())); sys.exit(4)")
    async with running(tiny_arm(tiny_files)) as arm:
        for _ in range(3):
            await phase(arm, "ready")
            pid = pid_of(arm)
            assert (await arm.ask("hello", 30.0)).label == "yes"
            await until(lambda: arm.state.phase == "ready" and arm.state.pid != pid)  # noqa: B023
            assert "ended with code 4" in arm.state.message


async def test_stopped_worker_times_out_and_is_replaced(tiny_files: dict[tiny.Family, Path]) -> None:
    """Also with a prompt larger than the pipe: a worker that reads nothing must not hold its sender."""
    async with running(tiny_arm(tiny_files)) as arm:
        pid = pid_of(arm)
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(PATIENCE_S):
            prediction = await arm.ask("hello " * 100_000, 0.3)
        assert prediction.status == "timeout"
        assert prediction.error == "no answer in 0.3 s"
        await phase(arm, "ready")
        assert pid_of(arm) != pid
        await until(lambda: not alive(pid))
        assert (await arm.ask("hello", 30.0)).status == "ok"


async def test_cancel_is_obeyed_and_the_next_answer_is_right(smollm2: Path) -> None:
    async with running(arms().model_arm(spec(smollm2, "json"))) as arm:
        pid = pid_of(arm)
        first = await arm.ask("hello", 60.0)
        asking = asyncio.create_task(arm.ask(LONG, 60.0))
        await phase(arm, "busy")
        arm.cancel()
        arm.cancel()
        async with asyncio.timeout(pool.CANCEL_DEADLINE_S + 1.0):
            assert (await asking).status == "cancelled"
        assert pid_of(arm) == pid  # it obeyed, it was not killed
        again = await arm.ask("hello", 60.0)
        assert (again.answer, again.status) == (first.answer, first.status)
        arm.cancel()  # nothing to cancel
        assert arm.state.phase == "ready"


async def test_cancel_kills_a_worker_that_does_not_obey(
    tiny_files: dict[tiny.Family, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CANCEL_DEADLINE_S", 0.1)
    async with running(tiny_arm(tiny_files)) as arm:
        pid = pid_of(arm)
        os.kill(pid, signal.SIGSTOP)
        asking = asyncio.create_task(arm.ask("hello", 60.0))
        await phase(arm, "busy")
        arm.cancel()
        assert (await asking).status == "cancelled"
        await phase(arm, "ready")
        assert pid_of(arm) != pid
        assert (await arm.ask("hello", 30.0)).status == "ok"


_PARENT = """
import asyncio, sys
from pathlib import Path
from tests.engine.workers import arms, spec
async def main():
    arm = arms().model_arm(spec(Path(sys.argv[1]), sys.argv[2]))
    await arm.start()
    print(arm.state.phase, arm.state.pid, flush=True)
    if sys.argv[3] == "busy":
        await arm.ask("go on and on", 60.0)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize(("contract", "state"), [("score", "idle"), ("json", "busy"), ("score", "stopped")])
def test_worker_goes_when_its_lab_is_killed(smollm2: Path, contract: str, state: str) -> None:
    command = [sys.executable, "-c", _PARENT, str(smollm2), contract, state]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPO) as parent:
        assert parent.stdout is not None
        said, pid = parent.stdout.readline().split()
        assert said == "ready"
        assert alive(int(pid))
        if state == "stopped":
            os.kill(int(pid), signal.SIGSTOP)
        parent.kill()
    asyncio.run(until(lambda: not alive(int(pid))))


async def test_stop_at_any_point_leaves_no_process(tiny_files: dict[tiny.Family, Path]) -> None:
    """`running` checks the processes; here the stop falls into each phase of starting."""
    make = arms().model_arm
    for wanted in ("starting", "loading", "ready"):
        arm = make(spec(tiny_files["llama"], name=wanted))
        async with running(arm, start=False):
            starting = asyncio.create_task(arm.start())
            await phase(arm, wanted)
            if wanted == "starting":  # let it get as far as making the process
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            await arm.stop()
            assert arm.state.phase == "stopped"
            async with asyncio.timeout(PATIENCE_S):
                await starting
            assert arm.state.phase == "stopped"
            await arm.stop()
            assert arm._worker is None or not alive(arm._worker.process.pid)


async def test_restart_while_loading_keeps_one_worker(tiny_files: dict[tiny.Family, Path]) -> None:
    pids: set[int] = set()
    arm = tiny_arm(tiny_files)

    def note(_: Arm) -> None:
        if arm.state.pid is not None:
            pids.add(arm.state.pid)

    arm.on_change = note
    async with running(arm, start=False):
        first = asyncio.create_task(arm.start())
        await phase(arm, "loading")
        await arm.stop()
        second = asyncio.create_task(arm.start())
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(first, second)
        assert arm.state.phase == "ready"
        assert [pid for pid in pids if alive(pid)] == [arm.state.pid]
        assert (await arm.ask("hello", 30.0)).status == "ok"
