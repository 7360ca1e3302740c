"""Commands on a terminal that obeys no escape codes, or whose user wants no colours."""

import os
import re
import sys
from pathlib import Path

import pytest

from routerlab.cli.shared.progress import Bar, teller
from routerlab.core.errors import Exit
from routerlab.engine.lab.runner import Progress
from tests.conftest import REPO
from tests.tui.terminal import Terminal

ROUTERLAB = [sys.executable, "-m", "routerlab"]


def test_the_lab_says_that_a_dumb_terminal_cannot_show_it(tmp_path: Path) -> None:
    with Terminal([*ROUTERLAB, "lab"], str(tmp_path), os.environ, columns=200, kind="dumb") as terminal:
        assert terminal.wait_end() == Exit.USAGE
    assert terminal.raw.decode().splitlines() == [
        "error: the lab needs a terminal that can place text, and TERM=dumb cannot; without one use "
        "`routerlab replay` or `routerlab route`"
    ]


@pytest.mark.parametrize(("kind", "codes"), [("dumb", set()), ("xterm-256color", {"0", "1", "3"})])
def test_a_report_has_no_colour(tmp_path: Path, kind: str, codes: set[str]) -> None:
    """Bold and italics are no colours; without NO_COLOR there may be more on a terminal."""
    command = [*ROUTERLAB, "report", str(REPO / "sessions" / "example.toml")]
    with Terminal(command, str(tmp_path), {**os.environ, "NO_COLOR": "1"}, kind=kind) as terminal:
        assert terminal.wait_end() == Exit.OK
    assert b"smollm2-135m" in terminal.raw
    assert set(re.findall(r"\x1b(?:\[([^m]*)m)?", terminal.raw.decode())) == codes


def test_progress_on_a_dumb_terminal_is_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    for kind, drawn in (("dumb", False), ("xterm", True)):
        monkeypatch.setenv("TERM", kind)
        teller("text")("fitting", 3, 3)
        assert ("\x1b" in capsys.readouterr().err) is drawn
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("routerlab.cli.shared.progress.EVERY_S", 0.0)
    with Bar("replaying") as bar:
        bar.show(Progress("running", 3, 12, eta_s=4.0))
    assert capsys.readouterr().err == "3/12 trials, about 4 s left\n"
