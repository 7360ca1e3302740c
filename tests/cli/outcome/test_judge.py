"""`routerlab outcome judge`, as users start it: killed, stopped, gone on with, reported apart."""

import json
import signal
import time
from pathlib import Path

import psutil
import pytest

from routerlab.study.outcome.judge.record import read_judgements
from tests import program
from tests.conftest import PATIENCE_S
from tests.forked import workers
from tests.study.outcome.harness import tiny_model
from tests.study.outcome.judge.harness import session

JUDGE = ("outcome", "judge", "s.toml", "--with", "./a.gguf", "--pairs", "60")
OUT = "s-judged-by-a.toml"


def interrupted(folder: Path, sign: signal.Signals, *args: str) -> tuple[int | None, str]:
    """The command, sent this signal when there are two judgements more; it has ended, workers too. How, and
    what it said on stderr."""
    before = count(folder)
    process = program.begin(folder, *JUDGE, *args)
    deadline = time.monotonic() + PATIENCE_S
    while count(folder) < before + 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    left_behind = workers(process.pid)
    assert left_behind
    process.send_signal(sign)
    _, told = process.communicate()
    assert not psutil.wait_procs(left_behind, timeout=PATIENCE_S)[1]
    return process.returncode, told


def count(folder: Path) -> int:
    path = folder / OUT
    return path.read_bytes().count(b"\n[[judgement]]") if path.exists() else 0


def test_killed_stopped_gone_on_with_and_reported_apart(tmp_path: Path) -> None:
    tiny_model(tmp_path)
    session(tmp_path, [[0, 0.5, 1], [1, 0, 0]] * 10)
    interrupted(tmp_path, signal.SIGKILL)
    before = read_judgements(tmp_path / OUT).of
    assert 1 <= len(before) < 120
    code, told = interrupted(tmp_path, signal.SIGINT, "--resume")
    assert code == 130, told
    assert "--resume goes on" in told
    assert "Traceback" not in told
    done = program.run(tmp_path, *JUDGE, "--resume", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["pairs"], found["unread"]) == (60, 60), "random weights say nothing that is a verdict"
    after = read_judgements(tmp_path / OUT).of
    assert len(after) == count(tmp_path) == 120
    assert {key: after[key] for key in before} == before

    results = []
    for judged in ([], ["--judged", OUT]):
        args = ("outcome", "analyze", "s.toml", "--resamples", "200", "--format", "json", *judged)
        done = program.run(tmp_path, *args)
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
    without, with_judge = results
    assert with_judge.pop("judged") == [found]
    assert without.pop("judged") == []
    assert without == with_judge  # no score knows of it
    with (tmp_path / "s.toml").open("a") as file:
        file.write("\n")
    refused = program.run(tmp_path, "outcome", "analyze", "s.toml", "--judged", OUT)
    assert refused.returncode == 2
    assert "judges another session" in refused.stderr


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [(("--with", "nothing-here"), 3, "no model of this name"), (("--with", "remote:x"), 3, "no remote 'x'")],
)
def test_a_judge_that_is_not_there(tmp_path: Path, args: tuple[str, ...], code: int, says: str) -> None:
    session(tmp_path, [[0, 1, 1]])
    failed = program.run(tmp_path, "outcome", "judge", "s.toml", *args)
    assert failed.returncode == code, failed.stderr
    assert says in failed.stderr
    assert "Traceback" not in failed.stderr
