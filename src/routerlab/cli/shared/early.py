"""Looks at a trial before its end, whichever command takes them: allowed, and on record."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from routerlab.cli.shared.show import say

if TYPE_CHECKING:
    from routerlab.core.session.session import Session


def record_early_look(path: Path, session: "Session", command: str) -> None:
    """Of a trial that is not over, write down that somebody looked, and say so on stderr.

    LabError when that cannot be written: then nothing is to be shown.
    """
    from routerlab.study.trial.protocol.peeks import note_early_look

    if note_early_look(path, session, command):
        say(f"{path}: the trial is not over: this look is recorded as a deviation")


def record_early_looks(paths: Iterable[Path], command: str) -> None:
    """The same of all sessions among the files; those of annotators and of the lab are not read for it."""
    from routerlab.annotate.desk.source import is_session
    from routerlab.core.session.file import peek_session, read_session

    for path in paths:
        if is_session(path) and peek_session(path)[1]["run"]:
            record_early_look(path, read_session(path).session, command)
