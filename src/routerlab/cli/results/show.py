"""A result on stdout: the sections of its report for people, JSON for programs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from routerlab.study.report.blocks import Section
    from routerlab.study.report.subject import Subject


def show(subject: "Subject", shape: Literal["table", "json"], details: bool = False) -> None:
    """Print the result, the verdict last; `details` adds what one asks next. What one has to know of the
    figures is on stderr, too."""
    from routerlab.cli.shared.show import print_json
    from routerlab.core.text import printable
    from routerlab.study.report.contents import of_one

    for line in subject.notes:
        typer.echo(f"note: {printable(line)}", err=True)
    if shape == "json":
        print_json((subject.trial or subject.analysis).model_dump(mode="json"))
        return
    verdict, *others = of_one(subject, "r1")
    print_sections(section for section in (*others, verdict) if details or not section.detail)


def print_sections(sections: "Iterable[Section]") -> None:
    """Print sections of a report."""
    from routerlab.cli.shared.show import print_table
    from routerlab.study.report.terminal import shown

    print_table(*shown(sections))
