"""The bench commands as a user runs them, in a folder of their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import program
from tests.twocases import TWO_CASES


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "routerlab", "bench", *map(str, args)]


def bench(
    folder: Path, *args: object, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """What the command printed, and how it ended."""
    (folder / "two.toml").write_text(TWO_CASES)
    return program.run(folder, "bench", *args, env=env)


def raw(path: Path) -> dict[str, Any]:
    """The data file."""
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found
