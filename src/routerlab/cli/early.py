"""Looks at a trial before its end, whichever command takes them: allowed, and on record."""

from pathlib import Path

import typer

from routerlab.core.session import Session


def record_early_look(path: Path, session: Session, command: str) -> None:
    """Of a trial that is not over, write down that somebody looked, and say so on stderr.

    LabError when that cannot be written: then nothing is to be shown.
    """
    from routerlab.study.trial.peeks import note_early_look

    if note_early_look(path, session, command):
        typer.echo("the trial is not over: this look is recorded as a deviation", err=True)
