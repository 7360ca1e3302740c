"""The one error that commands and screens show to people, and the exit codes they document."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum

TOLD = 20
"""Faults of one file that are told; the rest are counted."""


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    CHECK_FAILED = 1
    USAGE = 2
    MISSING = 3
    INTERRUPTED = 130


class LabError(Exception):
    """Something a person can put right: one line that says what, where and what to do.

    `code` is the exit code a command ends with when nobody handles the error. `lines` are what there is room
    for on a terminal, and `parts` the errors that it is made of: of a file with several faults, each of them.
    """

    def __init__(
        self,
        message: str,
        code: Exit = Exit.USAGE,
        lines: Sequence[str] = (),
        parts: "Sequence[LabError]" = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.lines = tuple(lines) or (message,)
        self.parts = tuple(parts) or (self,)


def several(where: object, faults: Sequence[LabError]) -> LabError:
    """One error for all faults of a file or of options: in one line the first and how many more, in `lines`
    each with its line and key, in order, at most twenty, then a count. At least one fault."""
    parts = sorted((part for fault in faults for part in fault.parts), key=_line)
    first, *others = parts
    if not others:
        return first
    lines = [f"{where}: {len(parts)} faults"]
    for part in parts[:TOLD]:
        text = str(part).removeprefix(str(where)).removeprefix(": ")
        lines.append("  " + re.sub(r"^:(\d+)", r"line \1", text))
    if len(parts) > TOLD:
        lines.append(f"  and {len(parts) - TOLD} more")
    return LabError(f"{first} (and {len(others)} more)", first.code, lines, parts)


def _line(fault: LabError) -> float:
    line = re.match(r".*?:(\d+): ", str(fault))
    return int(line[1]) if line else math.inf


class Faults:
    """Collects what is wrong with a file, for readers that can go on after a fault."""

    def __init__(self, where: object) -> None:
        self._where = where
        self._found: list[LabError] = []

    def add(self, line: int, message: str) -> None:
        """A fault in that line."""
        self._found.append(LabError(f"{self._where}:{line}: {message}"))

    @contextmanager
    def told(self) -> Iterator[None]:
        """A LabError within the block is a fault, and what stands below the block goes on."""
        try:
            yield
        except LabError as e:
            self._found.append(e)

    def end(self) -> None:
        """LabError with all faults, if there were any."""
        if self._found:
            raise several(self._where, self._found)
