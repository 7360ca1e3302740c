"""Results on stdout: tables for people, JSON for programs."""

import json
import os
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table

PIPE_WIDTH = 200  # columns when nobody looks: wide enough to keep a row a line


def new_table(*headings: str, header: bool = True) -> "Table":
    """An undecorated table; long cells fold, none is cut."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=header)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def print_table(table: "Table") -> None:
    """Prints the table on stdout, as wide as the terminal, or as COLUMNS says."""
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    console.print(table)


def print_json(data: object) -> None:
    """Prints the data as JSON on stdout; everything beyond ASCII is escaped."""
    typer.echo(json.dumps(data, indent=2))
