"""A chapter of the documentation, done as it stands there: every command, every key, every line shown."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests import program
from tests.tui.terminal import Terminal

KEYS = {"Enter": "\r", "Escape": "\x1b", "ctrl+q": "\x11"}
Step = tuple[str, list[str]]
"""A command, and lines that it is said to print."""


def steps(chapter: str) -> list[Step]:
    """What the `console` blocks of a page do, in order."""
    found: list[Step] = []
    for block in re.findall(r"```console\n(.*?)```", chapter, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def home(folder: Path) -> dict[str, str]:
    """An environment with folders of its own, in which `routerlab` is a command."""
    bin_ = folder / "bin"
    bin_.mkdir()
    (bin_ / "routerlab").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m routerlab "$@"\n')
    (bin_ / "routerlab").chmod(0o755)
    own = {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    return {**os.environ, **own, "PATH": f"{bin_}:{os.environ['PATH']}"}


def run(command: str, here: Path, env: dict[str, str], ready: str = "pending") -> str:
    """What the command printed; with keys after a # it runs on a terminal, and is typed to once `ready` is
    on it. Where nothing is left for a shell to do the program is forked."""
    line, _, keys = command.partition(" # keys: ")
    if not keys:
        if line.startswith("routerlab ") and not re.search(r"[|&;<>$*`]", line):
            done = program.run(here, *shlex.split(line)[1:], env=env)
        else:
            done = subprocess.run(
                ["bash", "-ec", line], cwd=here, env=env, capture_output=True, text=True, check=False
            )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr
    with Terminal(["/bin/bash", "-ec", f"exec {line}"], str(here), env) as terminal:
        terminal.wait_for(ready)
        for key in shlex.split(keys):  # typed ahead: each must act on the right prompt
            if len(key) > 1 and key not in KEYS:
                terminal.wait_for("the reason")
            terminal.send(KEYS.get(key, key))
            if key == "Escape":
                terminal.wait_for("123456 Label")
        assert terminal.wait_end() == 0, terminal.text
        return terminal.text


def follow(todo: Sequence[Step], here: Path, env: dict[str, str], ready: str = "pending") -> None:
    """Do all, and see that what is said to be printed is."""
    for command, wanted in todo:
        printed = spaceless(run(command, here, env, ready))
        for line in wanted:
            assert spaceless(line) in printed, f"{command}\nshould print {line!r}, and printed\n{printed}"


def spaceless(text: str) -> str:
    """Words and numbers only, for tables are as wide as the terminal."""
    return " ".join(text.split())
