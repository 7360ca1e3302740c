"""`routerlab trial run --tui` on a real terminal, with a real worker: paused, stopped, gone on with, over."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from routerlab.core.errors import Exit
from routerlab.study.trial.protocol.session import answered, ended
from tests.engine import tiny
from tests.study.benchmark.harness import count, reasons, result
from tests.study.trial.harness import protocol_file
from tests.tui.lab.test_terminal import wait_gone, workers_of
from tests.tui.terminal import Terminal

SESSIONS, RATE = 40, 30.0


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "routerlab", "trial", *args]


RUN = command("run", "protocol.toml", "--out", "s.toml", "--tui")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a locked protocol over a tiny model, a majority and a control."""
    tiny.build(tmp_path / "one.gguf", "llama", tiny.TEMPLATES["chatml"])
    more = 'exemplars = "none"\n[engine]\nthreads = 1\ncontext = 1100'
    path = protocol_file(tmp_path, sessions=SESSIONS, rate=RATE, more=more)
    path.write_text(
        path.read_text().replace('ask = "baseline:keywords"', 'ask = "one.gguf"\nname = "keywords"')
    )
    subprocess.run(command("lock", "protocol.toml"), cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_it_is_paused_stopped_killed_and_gone_on_with(here: Path) -> None:
    with Terminal(RUN, str(here), os.environ, 80, 24) as terminal:
        terminal.wait_for("sending", "left")
        terminal.wait_until(lambda: count(here / "s.toml") >= 5, "some sessions")
        terminal.send("p")
        terminal.wait_for("paused")
        (worker,) = workers_of(terminal.pid)
        os.kill(worker, signal.SIGKILL)
        terminal.wait_for("is started again")
        terminal.send("p")
        terminal.wait_for("sending", "deviation: paused for")
        terminal.send("q")
        terminal.wait_for("Stop?", "Go on")
        left = workers_of(terminal.pid)
        terminal.send("j\r")
        assert terminal.wait_end() == Exit.INTERRUPTED
        assert "sessions are answered in s.toml; the same command goes on" in terminal.text
    wait_gone(left)
    n = len(answered(result(here / "s.toml")))
    assert 5 <= n < 3 * SESSIONS
    with Terminal(RUN, str(here), os.environ, 160, 48) as terminal:
        terminal.wait_for(
            "over: every session is answered", "routerlab trial analyze s.toml shows the result"
        )
        assert f"{3 * SESSIONS}/{3 * SESSIONS} sessions" in terminal.text
        assert not workers_of(terminal.pid)
        terminal.send("q")
        assert terminal.wait_end() == Exit.OK
        assert "session: s.toml; `routerlab trial analyze s.toml` shows the result" in terminal.text
    session = result(here / "s.toml")
    assert ended(session) == "every session is answered"
    assert len(answered(session)) == 3 * SESSIONS
    told = [reason for reason in reasons(session) if "paused" in reason or "interrupted" in reason]
    assert [reason.split()[1] for reason in told] == ["paused", "interrupted"]


def test_without_a_terminal_it_says_so(here: Path) -> None:
    done = subprocess.run(RUN, cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == Exit.USAGE
    assert done.stderr.startswith("error: --tui needs a terminal; ")
    assert len(done.stderr.splitlines()) == 1
    assert not (here / "s.toml").exists()
