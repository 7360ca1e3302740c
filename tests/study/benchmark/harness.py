"""Benchmarks as a user runs them: real commands, tiny real models, in a folder of their own."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from routerlab.core.session.file import read_session
from routerlab.core.session.session import Session
from tests import forked, program
from tests.conftest import PATIENCE_S
from tests.engine import tiny
from tests.twocases import TWO_CASES

Process = program.Begun | subprocess.Popen[str]

QUICK = ("--corpus", "two.toml", "--exemplars", "none", "--threads", "1", "--context", "1100")


def folder_of_models(folder: Path) -> Path:
    """A folder with the models one.gguf and two.gguf and the corpus two.toml."""
    for seed, name in enumerate(("one", "two")):
        tiny.build(folder / f"{name}.gguf", "llama", tiny.TEMPLATES["chatml"], seed=seed)
    (folder / "two.toml").write_text(TWO_CASES)
    return folder


def bench(folder: Path, *args: object) -> "subprocess.CompletedProcess[str]":
    """What the command printed, and how it ended."""
    return program.run(folder, "bench", *args)


def begun(folder: Path, *args: object) -> program.Begun:
    return program.begin(folder, "bench", *args)


def until(condition: Callable[[], bool], process: Process) -> None:
    """Wait for the condition while the process runs."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)


def count(path: Path, kind: str = "trial") -> int:
    """Records of a kind in a session that somebody is writing."""
    return path.read_bytes().count(f"[[{kind}]]".encode()) if path.exists() else 0


def worker_of(pid: int, model: Path) -> psutil.Process:
    """The worker that has mapped this model."""
    return next(w for w in forked.workers(pid) if str(model) in [m.path for m in w.memory_maps()])


def gone(processes: Sequence[psutil.Process]) -> bool:
    """Whether all end, soon."""
    return not psutil.wait_procs(processes, timeout=PATIENCE_S)[1]


def interrupt(process: Process) -> str:
    """Press Ctrl+C; what it then said on stderr. It ends with 130."""
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    return told


def result(path: Path) -> Session:
    opened = read_session(path)
    assert opened.torn == 0
    return opened.session


def keys(session: Session) -> list[tuple[str, str, int]]:
    """What was answered, in the order of the answers."""
    return [trial.key for trial in session.trials if trial.status != "cancelled"]


def reasons(session: Session, kind: str = "deviation") -> list[str]:
    return [f"{mark.arm or ''}: {mark.reason}" for mark in session.marks if mark.kind == kind]
