"""`routerlab outcome run`, as users start it: killed, stopped, gone on with."""

import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from routerlab.study.outcome.load import read_outcomes
from tests import program
from tests.conftest import PATIENCE_S
from tests.forked import workers
from tests.study.outcome.harness import plan_file, task, tiny_model

TASKS = [task(i) for i in range(12)]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    models = {"a": tiny_model(tmp_path), "b": tiny_model(tmp_path, "b", seed=1)}
    plan_file(tmp_path, TASKS, models, together=2, chat={"max_tokens": 100}, threads=1)
    return tmp_path


COMMAND = ("outcome", "run", "plan.toml", "--out", "s.toml")


def answers(folder: Path) -> int:
    path = folder / "s.toml"
    return len(re.findall(rb"^checked = ", path.read_bytes(), re.MULTILINE)) if path.exists() else 0


def until_answers(folder: Path, n: int, process: "program.Begun | subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while answers(folder) < n:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_kill_9_loses_nothing_and_asks_nothing_twice(here: Path) -> None:
    process = program.begin(here, *COMMAND)
    until_answers(here, 3, process)
    left_behind = workers(process.pid)
    assert left_behind
    process.kill()
    process.communicate()
    assert not psutil.wait_procs(left_behind, timeout=PATIENCE_S)[1]
    before = read_outcomes(here / "s.toml").of
    assert 3 <= len(before) < 24
    again = program.run(here, *COMMAND)
    assert again.returncode == 2
    assert "--resume goes on with it" in again.stderr
    done = program.run(here, *COMMAND, "--resume")
    assert done.returncode == 0, done.stderr
    assert f"going on: {len(before)} of 24" in done.stderr
    after = read_outcomes(here / "s.toml").of
    assert len(after) == answers(here) == 24
    assert {key: after[key] for key in before} == before


def test_ctrl_c_keeps_all_and_ends_with_130(here: Path) -> None:
    process = program.started(here, *COMMAND)  # as users do, workers too
    until_answers(here, 3, process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    n = len(read_outcomes(here / "s.toml").of)
    assert 3 <= n < 24
    assert f"stopped: {n} answers are in s.toml; --resume goes on" in told


def test_faults_are_a_line_each_and_nothing_is_made(here: Path) -> None:
    plan = here / "plan.toml"
    plan.write_text(plan.read_text().replace("b.gguf", "c.gguf"))
    failed = program.run(here, *COMMAND)
    assert failed.returncode == 3
    assert "model b:" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (here / "s.toml").exists()


def test_scored_anew(here: Path) -> None:
    plan_file(here, TASKS[:2], {"a": str(here / "a.gguf")})
    assert program.run(here, *COMMAND).returncode == 0
    done = program.run(here, "outcome", "score", "s.toml", "--tasks", "tasks.toml", "--out", "anew.toml")
    assert done.returncode == 0, done.stderr
    assert "2 answers, 0 of another score than before" in done.stderr
    assert read_outcomes(here / "anew.toml").of == read_outcomes(here / "s.toml").of
