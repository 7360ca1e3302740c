"""`routerlab trial analyze` and `peek`: what a trial says, at its end, and before."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.cli.trial.options import SessionFile

if TYPE_CHECKING:
    from routerlab.study.trial.analysis.result import TrialResult


def analyze(
    session: SessionFile,
    corpus: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The corpus, where it has moved since the run.")
    ] = None,
    routes: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Another routing table than the locked one; the result says so."),
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Show labels, confusion, subgroups and misroutes, too.")
    ] = False,
    format: o.Format = "table",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Save the result as JSON.")] = None,
) -> None:
    """Test the registered hypotheses, and show gates, costs, the flow of sessions, and deviations.

    Before the trial is over this is a look that the protocol does not have: it is recorded as a deviation.

    Example: routerlab trial analyze sessions/trial-four-arms.toml --out four-arms.json
    """
    from routerlab.cli.results.show import show
    from routerlab.cli.shared.show import save_json
    from routerlab.study.report.subject import Subject

    result = _result(session, corpus, routes, "trial analyze")
    if out:
        save_json(out, result)
    show(Subject(result.name, session, result.analysis, trial=result), format, details)


def peek(session: SessionFile) -> None:
    """Show outcomes so far. That somebody looked is recorded as a deviation before anything is shown.

    Example: routerlab trial peek sessions/trial-four-arms.toml
    """
    from routerlab.cli.results.show import print_sections
    from routerlab.study.report.sections.labels import accuracy
    from routerlab.study.report.sections.performance import latency
    from routerlab.study.report.subject import Subject

    result = _result(session, None, None, "trial peek")
    subject = Subject(result.name, session, result.analysis)
    print_sections(section for section in (accuracy(subject), latency(subject, "r1")) if section)


def _result(session: Path, corpus: Path | None, routes: Path | None, command: str) -> "TrialResult":
    from routerlab.cli.shared.early import record_early_look
    from routerlab.core.session.file import read_session
    from routerlab.study.trial.analysis.load import open_trial

    record_early_look(session, read_session(session).session, command)
    return open_trial(session, lambda note: say(f"note: {note}"), corpus, routes)
