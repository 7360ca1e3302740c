"""The chapter on annotation, done as it stands there: every command, every key, every line shown."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.tui.terminal import Terminal

CHAPTER = REPO / "docs" / "annotate.md"
KEYS = {"Enter": "\r", "ctrl+q": "\x11"}


def steps() -> list[tuple[str, list[str]]]:
    """(command, lines it is said to print) in order."""
    chapter = CHAPTER.read_text()
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", chapter, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def run(command: str, here: Path, env: dict[str, str]) -> str:
    """What the command printed; with keys after a # it runs on a terminal, and is typed to."""
    line, _, keys = command.partition(" # keys: ")
    if not keys:
        done = subprocess.run(
            ["bash", "-ec", line], cwd=here, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr
    name, *arguments = shlex.split(line)
    assert name == "routerlab"
    with Terminal([sys.executable, "-m", "routerlab", *arguments], str(here), env) as terminal:
        terminal.wait_for("pending")
        for key in shlex.split(keys):  # typed ahead: each must act on the right prompt
            if len(key) > 1 and key not in KEYS:
                terminal.wait_for("the reason")
            terminal.send(KEYS.get(key, key))
        assert terminal.wait_end() == 0, terminal.text
        return terminal.text


def spaceless(text: str) -> str:
    """Words and numbers only, for tables are as wide as the terminal."""
    return " ".join(text.split())


def test_the_chapter_is_true(tmp_path: Path) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "routerlab").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m routerlab "$@"\n')
    (bin_ / "routerlab").chmod(0o755)
    here = tmp_path / "lab"
    here.mkdir()
    env = dict(os.environ) | {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PATH": f"{bin_}:{os.environ['PATH']}",
    }
    todo = steps()
    assert len(todo) >= 10
    for command, wanted in todo:
        printed = spaceless(run(command, here, env))
        for line in wanted:
            assert spaceless(line) in printed, f"{command}\nshould print {line!r}, and printed\n{printed}"


def test_a_false_line_would_be_seen(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run("exit 3", tmp_path, dict(os.environ))
    assert "five" not in spaceless(run("echo 5 labels", tmp_path, dict(os.environ)))
