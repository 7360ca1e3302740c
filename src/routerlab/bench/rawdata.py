"""What a benchmark writes down: the raw data, and what they were measured on."""

import asyncio
import json
import shlex
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from routerlab.core.errors import LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.prediction import Record
from routerlab.engine.worker.build import describe_build, machine
from routerlab.version import __version__


class Run(Record):
    """What was measured of one arm, or of one model."""

    name: str


R = TypeVar("R", bound=Run)


class RawData(Generic[R]):
    """The data file of one command, written after every addition: an interruption loses nothing.

    `runs` are those so far, by name.
    """

    def __init__(self, benchmark: str, path: Path | None, **about: Any) -> None:
        """`path` None: a new file in the folder that the command was started in. LabError when its folder is
        not there."""
        now = datetime.now(UTC)
        self.path = path or Path(f"bench-{benchmark}-{now:%Y%m%d-%H%M%S}.json")
        if self.path.is_dir() or not self.path.parent.is_dir():
            raise LabError(f"{self.path}: cannot be written: no such folder, or a folder itself")
        self.runs: dict[str, R] = {}
        self._head = {
            "benchmark": benchmark,
            "at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "machine": machine(),
            "routerlab": __version__,
            "build": describe_build().version,
            "command": shlex.join(["routerlab", *sys.argv[1:]]),
            **about,
        }

    def keep(self, run: R) -> None:
        """Add a run, or replace it by a longer one; LabError when the file cannot be written."""
        self.runs[run.name] = run
        data = self._head | {"runs": [r.model_dump(mode="json") for r in self.runs.values()]}
        try:
            write_new(self.path, json.dumps(data).encode() + b"\n", durable=False)
        except OSError as e:
            raise LabError(f"{self.path}: cannot be written: {e.strerror}") from None

    def collect(self, measuring: Coroutine[Any, Any, None]) -> None:
        """Run what keeps data here; where they are is told on stderr, however it ends."""
        try:
            asyncio.run(measuring)
        finally:
            if self.runs:
                print(f"\nraw data: {self.path}", file=sys.stderr)
