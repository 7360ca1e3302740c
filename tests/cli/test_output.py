"""How a command ends whose output nobody takes: the reader has gone, the disk is full, stdout is closed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from routerlab.cli.main import READER_GONE
from routerlab.core.errors import Exit
from tests.cli.results.test_check import ERROR, session
from tests.conftest import PATIENCE_S

ROUTERLAB = [sys.executable, "-m", "routerlab"]


def ended(stdout: int, *args: object, **env: str) -> tuple[int, str]:
    """The exit code, and what was said on stderr."""
    words = [*ROUTERLAB, *map(str, args)]
    done = subprocess.run(
        words,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_S,
        env=os.environ | env,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.fixture
def nobody() -> int:
    """A pipe that no one reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def test_a_reader_that_leaves_is_no_failed_gate(tmp_path: Path, nobody: int) -> None:
    """One command echoes, one prints a table, one prints."""
    path = session(tmp_path / "s.toml", 59, 0, 0)
    for words in (("check", path, "--require", ERROR), ("analyze", path), ("--version",)):
        for unbuffered in ("", "1"):
            assert ended(nobody, *words, PYTHONUNBUFFERED=unbuffered) == (READER_GONE, ""), words


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    path = session(tmp_path / "s.toml", 59, 0, 0)
    says = "error: output cannot be written: No space left on device; make room for it\n"
    with Path("/dev/full").open("w") as full:
        for words in (("check", path, "--require", ERROR), ("analyze", path), ("--version",)):
            for unbuffered in ("", "1"):
                assert ended(full.fileno(), *words, PYTHONUNBUFFERED=unbuffered) == (Exit.USAGE, says), words


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_the_shell_has_closed_is_no_error(tmp_path: Path, closed: str) -> None:
    path = session(tmp_path / "s.toml", 59, 0, 0)
    for words in (["check", str(path), "--require", ERROR], ["models", "list"], ["--version"]):
        shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *ROUTERLAB, *words]
        done = subprocess.run(shell, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert (done.returncode, done.stderr) == (Exit.OK, "")
