"""The child process behind the tune screen: real processes, real signals."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.resources import TAXONOMY
from routerlab.tui.tune.process import learn_arguments, tune_arguments
from tests.conftest import PATIENCE_S
from tests.proc import alive
from tests.tui.tune.child import JOB, RESULT, ROWS, says, script, tuning, until


async def test_the_child_tells_how_far_it_is_and_what_came_of_it() -> None:
    t, ended = tuning(), []
    t.on_end = lambda: ended.append(t.phase)
    junk = "print('no json'); print('[1]'); say(stage=1); assert sys.stdin.read() == ''"
    t.start(JOB, script("say(stage='reading', done=3, total=9)", junk, "time.sleep(0.3)", says(RESULT)))
    await until(lambda: t.step is not None)
    assert (t.phase, t.step and (t.step.stage, t.step.done, t.step.total)) == ("running", ("reading", 3, 9))
    with pytest.raises(LabError, match="cancel it first"):
        t.start(JOB, script("pass"))
    await until(lambda: not t.active)
    assert ended == ["done"]
    assert t.outcome is not None
    assert [row.method for row in t.outcome.rows] == [row[0] for row in ROWS]
    assert t.outcome.curve[-1].n == 316
    assert t.outcome.done == Path("routers/smollm2-135m.toml")
    assert t.elapsed > 0.2


async def test_lines_of_some_hundred_kilobytes_are_read_and_endless_ones_passed_over() -> None:
    t = tuning()
    big = RESULT | {"notes": ["x" * 900_000]}
    t.start(
        JOB,
        script(
            "print('y' * (20 << 20))",
            f"print(json.dumps({big!r}))".replace("'" + "x" * 900_000 + "'", "'x' * 900_000"),
        ),
    )
    await until(lambda: not t.active)
    assert t.outcome is not None
    assert len(t.outcome.notes[0]) == 900_000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sys.exit('warning: one\\nerror: no \\x1b[2Jmodel')", "no \\x1b[2Jmodel"),
        ("sys.exit(3)", "the command ended with exit code 3"),
        ("pass", "the command ended without a result"),
        (says(RESULT) + "; sys.exit('error: the disk is full')", "the disk is full"),
    ],
)
async def test_a_child_that_fails_is_said_in_words(line: str, message: str) -> None:
    t = tuning()
    t.start(JOB, script(line))
    await until(lambda: not t.active)
    assert (t.phase, t.message, t.outcome) == ("failed", message, None)


async def test_a_command_that_is_not_there() -> None:
    t = tuning()
    t.command = ["/nowhere/python"]
    t.start(JOB, [])
    t.cancel()
    await until(lambda: not t.active)
    assert t.phase == "failed"
    assert "cannot be started: No such file" in t.message


async def test_an_interrupted_child_keeps_what_it_read() -> None:
    t = tuning()
    t.start(
        JOB,
        script(
            "try: say(stage='reading', done=1, total=9); time.sleep(60)",
            "except KeyboardInterrupt: sys.exit(130)",
        ),
    )
    await until(lambda: t.step is not None)
    t.cancel()
    assert t.active
    t.cancel()
    await until(lambda: not t.active)
    assert (t.phase, t.message) == (
        "cancelled",
        "cancelled; what was read is kept, and tuning again goes on from there",
    )
    t.start(JOB, script(says(RESULT)))
    await until(lambda: not t.active)
    assert t.phase == "done"


STUBBORN = (
    "import os, signal, subprocess",
    "signal.signal(signal.SIGINT, signal.SIG_IGN)",
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])",
    "say(stage=f'{os.getpid()} {child.pid}', done=0, total=0)",
    "time.sleep(60)",
)


async def test_a_stubborn_child_is_killed_with_its_own() -> None:
    t = tuning(patience_s=0.2)
    t.start(JOB, script(*STUBBORN))
    await until(lambda: t.step is not None)
    assert t.step is not None
    pids = [int(pid) for pid in t.step.stage.split()]
    t.cancel()
    await until(lambda: not t.active)
    assert t.phase == "cancelled"
    assert "was killed; what it had read is kept" in t.message
    await until(lambda: not any(map(alive, pids)))


async def test_a_child_that_is_killed_from_outside() -> None:
    t = tuning()
    t.start(JOB, script("import os", "say(stage=str(os.getpid()), done=0, total=0)", "time.sleep(60)"))
    await until(lambda: t.step is not None)
    assert t.step is not None
    os.kill(int(t.step.stage), signal.SIGKILL)
    await until(lambda: not t.active)
    assert (t.phase, t.message) == (
        "failed",
        "the command was ended by SIGKILL; what it had read is kept",
    )


async def test_closing_ends_the_child_even_while_it_starts() -> None:
    t = tuning(patience_s=0.3)
    await t.close()
    t.start(JOB, script("time.sleep(60)"))
    await asyncio.wait_for(t.close(), PATIENCE_S)
    assert t.phase == "cancelled"


def test_the_command_lines() -> None:
    assert tune_arguments(Path("/m/a.gguf"), 15.0, TAXONOMY) == [
        *("tune", "/m/a.gguf", "--progress", "json", "--budget", "15")
    ]
    labels = Path("/t/labels.toml")
    assert tune_arguments(Path("/m/a.gguf"), 1.5, labels)[-2:] == ["--taxonomy", "/t/labels.toml"]
    assert learn_arguments(Path("/r/a.toml"), Path("/s/b.toml")) == [
        *("tune", "learn", "/r/a.toml", "--session", "/s/b.toml", "--progress", "json")
    ]
