"""`routerlab report`: a result as tables, as a page of HTML, as Markdown, or on a screen."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import not_over, say
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from routerlab.study.report.subject import Subject


def report(
    result: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT...", help="Results of benchmarks and trials, other sessions, analyses (.json)."
        ),
    ],
    html: o.Html = None,
    markdown: o.Markdown = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the analysis; of several results, a list.")
    ] = False,
    tui: Annotated[bool, typer.Option("--tui", help="Look at the result on a screen.")] = False,
) -> None:
    """Show what a result says: the verdict, every figure with its interval, and where it is from.

    Without an option it prints tables and a plot. The HTML file is the same, byte for byte, for the same
    result; it needs no network, and its script only sorts and filters.

    Example: routerlab report sessions/bench-cpu-three-models.toml --html report.html
    """
    from routerlab.study.report.subject import load_subject, ranked

    asked = [
        name
        for name, on in (("--html", html), ("--markdown", markdown), ("--json", json), ("--tui", tui))
        if on
    ]
    if len(asked) > 1:
        raise LabError(f"{' and '.join(asked)}: a report is one of these at a time")
    if tui and len(result) > 1:
        raise LabError("--tui shows one result; name one, or make a page of several with --html")
    not_over(html, *result)
    subjects = [load_subject(path, lambda note: say(f"note: {note}")) for path in result]
    if html:
        write(subjects, html)
    elif markdown:
        _print_markdown(subjects)
    elif json:
        _print_json(subjects)
    elif tui:
        _look(ranked(subjects[0]))
    else:
        for subject in subjects:
            _print_tables(ranked(subject), several=len(subjects) > 1)


def write(subjects: "list[Subject]", path: Path) -> None:
    """Write the page to a file, whole or not at all; LabError when that is not possible."""
    from routerlab.cli.shared.show import save
    from routerlab.study.report.contents import heading, sections
    from routerlab.study.report.html import page

    title, facts = heading(subjects)
    text = page(title, sections(subjects), facts)
    save(path, text.encode())
    say(f"report: {path}")


def _print_markdown(subjects: "list[Subject]") -> None:
    from routerlab.study.report.contents import heading, sections
    from routerlab.study.report.markdown import markdown

    title, facts = heading(subjects)
    typer.echo(markdown(title, sections(subjects), facts), nl=False)


def _print_json(subjects: "list[Subject]") -> None:
    from routerlab.cli.shared.show import print_json

    found = [(subject.trial or subject.analysis).model_dump(mode="json") for subject in subjects]
    print_json(found[0] if len(found) == 1 else found)


def _print_tables(subject: "Subject", several: bool) -> None:
    from routerlab.cli.results.show import show
    from routerlab.core.text import printable
    from routerlab.study.report.plots.characters import plot
    from routerlab.study.report.sections.summary import missing

    if several:
        typer.echo(printable(f"\n{subject.name} ({subject.path})"))
    if subject.owed:
        say(f"note: not finished: {missing(subject)}")
    show(subject, "table", details=True)
    typer.echo(plot(subject.analysis), nl=False)


def _look(subject: "Subject") -> None:
    from routerlab.cli.shared.show import need_screen
    from routerlab.settings import load_settings

    need_screen("--tui", "without one, --html or no option at all shows the same")
    from routerlab.cli.shared.screen import run_app
    from routerlab.tui.results.mode import ResultsMode

    settings = load_settings()
    run_app(settings, ResultsMode(subject, settings))
