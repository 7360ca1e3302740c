"""How any command ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from routerlab.cli.main import run
from routerlab.core.errors import Exit
from tests.conftest import PATIENCE_S


def test_a_name_that_is_not_utf8_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["routerlab", "corpus", "check", "caf\udce9.toml"])
    assert run() == Exit.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: caf")
    assert line.endswith("is not UTF-8, so no record could hold it; rename or write it so")


def test_ctrl_c_ends_a_command_that_waits_for_a_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "routerlab", "route", "-", "--arm", "control"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("one\n")
        process.stdin.flush()
        assert "control" in process.stdout.readline()  # and now it waits for the next
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == Exit.INTERRUPTED
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[-1] == "interrupted"
