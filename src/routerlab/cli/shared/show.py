"""Results on stdout: tables for people, JSON for programs; what else people should know on stderr."""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from routerlab.core.errors import LabError
from routerlab.core.text import printable

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import RenderableType
    from rich.table import Table

PIPE_WIDTH = 200  # columns when nobody looks: wide enough to keep a row a line


def say(line: str) -> None:
    """Tell people, on stderr, with nothing that a terminal obeys."""
    typer.echo(printable(line), err=True)


def need_screen(what: str, instead: str) -> None:
    """LabError where no app can be drawn, on a terminal or in a browser's tab, for which this was started:
    `what` it is that needs one, and what to do `instead`."""
    if "TEXTUAL_DRIVER" in os.environ:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise LabError(f"{what} needs a terminal; {instead}")
    if dumb():
        raise LabError(
            f"{what} needs a terminal that can place text, and TERM={os.environ['TERM']} cannot; {instead}"
        )


def dumb() -> bool:
    """Whether the terminal says that it obeys no escape codes."""
    return os.environ.get("TERM") in ("dumb", "unknown")


def redraws() -> bool:
    """Whether a line on stderr can be drawn anew."""
    return sys.stderr.isatty() and not dumb()


def new_table(*headings: str, header: bool = True) -> "Table":
    """An undecorated table; long cells fold, none is cut."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=header)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def print_table(*tables: "RenderableType") -> None:
    """Prints tables, and text between them, on stdout, as wide as the terminal, or as COLUMNS says."""
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    console.print(*tables, sep="\n")


def print_json(data: object) -> None:
    """Prints the data as JSON on stdout; everything beyond ASCII is escaped."""
    typer.echo(json.dumps(data, indent=2))


def not_over(out: Path | None, *read: Path | None) -> None:
    """LabError where what is to be written would replace what is read."""
    for file in read:
        with suppress(OSError):  # what is not there, or cannot be looked at
            if out is not None and file is not None and out.samefile(file):
                raise LabError(f"{out}: is read, and what is read is not overwritten; choose another name")


def not_over_session(out: Path) -> None:
    """LabError where what is to be written would replace a session: that may hold labels which are nowhere
    else."""
    from routerlab.annotate.desk.source import is_session

    if is_session(out):
        raise LabError(f"{out}: is a session, and sessions are not overwritten; choose another name")


def save(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; LabError when that is not possible, or would replace a session."""
    from routerlab.core.files.atomic import write_new

    not_over_session(path)
    try:
        write_new(path, content)
    except OSError as e:
        raise LabError(f"{path}: cannot be written: {e.strerror}") from None


def save_json(path: Path, record: "BaseModel") -> None:
    """Write the record as JSON, whole or not at all; LabError when that is not possible."""
    save(path, (record.model_dump_json(indent=1) + "\n").encode())
