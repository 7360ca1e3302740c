"""Start-up: `--version` against a bare interpreter, first paint of the lab against an empty Textual app."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from typing import Any

from benchmarks.common import ROOT, setup, spread

EMPTY_APP = """
from textual.app import App
from textual.widgets import Label
class Empty(App):
    def compose(self):
        yield Label("painted-at-last")
Empty().run()
"""


def seconds(command: list[str]) -> float:
    """Wall time of a command, in milliseconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return (time.perf_counter() - start) * 1000


def first_paint(command: list[str], sign: bytes) -> float:
    """Milliseconds until `sign` is on the terminal that the command draws on."""
    start = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
        os.execv(command[0], command)
    seen = b""
    try:
        while sign not in seen:
            if not select.select([fd], [], [], 30)[0]:
                raise TimeoutError(f"{command}: nothing painted in 30 s; got {seen[-300:]!r}")
            try:
                seen += os.read(fd, 65536)
            except OSError:
                raise RuntimeError(f"{command} ended before it painted: {seen[-300:]!r}") from None
        return (time.perf_counter() - start) * 1000
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)


def measure(runs: int) -> dict[str, Any]:
    """Interleaved: A B A B."""
    setup()
    lab = [sys.executable, "-m", "routerlab"]
    figures: dict[str, list[float]] = {"python -c pass": [], "--version": [], "empty app": [], "lab": []}
    for _ in range(runs):
        figures["python -c pass"].append(seconds([sys.executable, "-c", "pass"]))
        figures["--version"].append(seconds([*lab, "--version"]))
        figures["empty app"].append(first_paint([sys.executable, "-c", EMPTY_APP], b"painted-at-last"))
        figures["lab"].append(first_paint([*lab, "lab", "--arm", "smollm2-135m"], b"smollm2-135m"))
    result: dict[str, Any] = {name: spread(values) for name, values in figures.items()}
    result["version / bare interpreter"] = result["--version"]["p50"] / result["python -c pass"]["p50"]
    result["first paint / empty app"] = result["lab"]["p50"] / result["empty app"]["p50"]
    result["raw_ms"] = figures
    return result
