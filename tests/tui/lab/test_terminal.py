"""The real app with the real model in a real terminal, driven by keys; and killed."""

import os
import signal
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PATIENCE_S
from tests.proc import alive
from tests.tui.terminal import Terminal


@pytest.fixture
def open_lab(tmp_path: Path, smollm2: Path) -> Callable[..., Terminal]:
    """Starts the lab on a fresh terminal with the real model and no exemplars (they take seconds to read)."""

    def start(*options: str, columns: int = 120, rows: int = 40) -> Terminal:
        command = [sys.executable, "-m", "routerlab", "lab", "--arm", str(smollm2), "--exemplars", "none"]
        return Terminal([*command, *options], str(tmp_path), os.environ, columns, rows)

    return start


def workers_of(pid: int) -> list[int]:
    """The worker processes that a process has started."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if (
                folder.name.isdigit()
                and b"routerlab.engine.worker.worker" in (folder / "cmdline").read_bytes()
            ):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                found += [int(folder.name)] if parent == pid else []
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def wait_gone(pids: list[int]) -> None:
    """Until none of the processes runs."""
    deadline = time.monotonic() + PATIENCE_S
    while any(map(alive, pids)):
        assert time.monotonic() < deadline, f"still running: {pids}"
        time.sleep(0.05)


def to_history(terminal: Terminal) -> None:
    """From the prompt line to the history; a key sent right after Escape would make it Alt."""
    terminal.send("\x1b")
    terminal.wait_for("Undo")


def replay_all(terminal: Terminal) -> None:
    """Begin a replay of all cases."""
    to_history(terminal)
    terminal.send("r")
    terminal.wait_for("All cases")
    terminal.send("\r")


def trials(path: Path) -> list[dict[str, object]]:
    """The trials of a session file, read as anybody would."""
    found: list[dict[str, object]] = tomllib.loads(path.read_text()).get("trial", [])
    return found


def test_a_prompt_is_typed_answered_annotated_and_saved(
    open_lab: Callable[..., Terminal], tmp_path: Path
) -> None:
    session = tmp_path / "sitting.toml"
    with open_lab("--session", str(session)) as terminal:
        terminal.wait_for("ready")
        workers = workers_of(terminal.pid)
        assert len(workers) == 1
        terminal.send("write a regex for ISO dates\r")
        terminal.wait_for("typed", " says ")
        to_history(terminal)
        terminal.send("2")
        terminal.wait_until(lambda: "[[annotation]]" in session.read_text(), "annotation in the file")
        terminal.send("\x11")  # ctrl+q
        assert terminal.wait_end() == 0
        assert terminal.raw.rstrip().rfind(b"\x1b[?1049l") > 0, "the normal screen is back"
    wait_gone(workers)
    data = tomllib.loads(session.read_text())
    assert [t["prompt"] for t in data["trial"]] == ["write a regex for ISO dates"]
    assert data["trial"][0]["status"] == "ok"
    assert data["annotation"][0]["label"] == "code/complex"
    assert data["arm"][0]["layers"] == 30


def test_killed_in_mid_replay_nothing_is_lost_and_the_replay_goes_on(
    open_lab: Callable[..., Terminal], tmp_path: Path
) -> None:
    session = tmp_path / "sitting.toml"
    with open_lab("--session", str(session)) as terminal:
        terminal.wait_for("ready")
        workers = workers_of(terminal.pid)
        replay_all(terminal)
        terminal.wait_for("R60-003")
        terminal.kill(signal.SIGKILL)
        assert terminal.wait_end() == -signal.SIGKILL
    wait_gone(workers)
    before = trials(session)
    assert len(before) >= 3
    with open_lab("--session", str(session)) as terminal:
        terminal.wait_for("R60-003", "verdict")
        replay_all(terminal)
        terminal.wait_for(f"R60-{len(before) + 2:03d}")
        terminal.send("\x11")
        assert terminal.wait_end() == 0
    after = trials(session)
    assert after[: len(before)] == before
    finished = [t["case"] for t in after if t["status"] != "cancelled"]
    assert len(finished) == len(set(finished)) > len(before)


def test_a_killed_worker_is_told_and_replaced(open_lab: Callable[..., Terminal]) -> None:
    with open_lab() as terminal:
        terminal.wait_for("ready")
        (worker,) = workers_of(terminal.pid)
        os.kill(worker, signal.SIGKILL)
        terminal.wait_for("killed (signal 9)")
        terminal.wait_until(lambda: "killed" not in terminal.text, "the arm, replaced")
        terminal.send("what is a monad?\r")
        terminal.wait_for("typed")
        terminal.send("\x03\x03")  # ctrl+c, twice
        assert terminal.wait_end() == 0
