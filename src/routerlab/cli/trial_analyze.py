"""`routerlab trial analyze` and `peek`: what a trial says, at its end, and before."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.trial_options import Format, SessionFile

if TYPE_CHECKING:
    from routerlab.core.corpus import Corpus
    from routerlab.core.session import Session
    from routerlab.study.trial.result import TrialResult
    from routerlab.study.trial.routes import Routes


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
    format: Format = "table",  # noqa: A002
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Save the result as JSON.")] = None,
) -> None:
    """Test the registered hypotheses, and show gates, costs, the flow of sessions, and deviations.

    Before the trial is over this is a look that the protocol does not have: it is recorded as a deviation.

    Example: routerlab trial analyze sessions/trial-four-arms.toml --out four-arms.json
    """
    from routerlab.cli import trial_tables as tables
    from routerlab.cli.show import print_json, print_table
    from routerlab.core.text import printable

    result = _result(session, corpus, routes, "trial analyze")
    if out:
        _save(result, out)
    for line in (*result.warnings, *result.analysis.warnings):
        typer.echo(f"note: {printable(line)}", err=True)
    if format == "json":
        print_json(result.model_dump(mode="json"))
        return
    for part in tables.parts(result, details):
        if isinstance(part, str):
            typer.echo(printable(part))
        else:
            print_table(part)


def peek(session: SessionFile) -> None:
    """Show outcomes so far. That somebody looked is recorded as a deviation before anything is shown.

    Example: routerlab trial peek sessions/trial-four-arms.toml
    """
    from routerlab.cli.analyze_tables import accuracy_table, latency_table
    from routerlab.cli.show import print_table

    result = _result(session, None, None, "trial peek")
    print_table(accuracy_table(result.analysis))
    print_table(latency_table(result.analysis))


def _result(session: Path, corpus: Path | None, routes: Path | None, command: str) -> "TrialResult":
    from routerlab.core.sessionfile import read_session
    from routerlab.study.trial.analysis import analyse_trial
    from routerlab.study.trial.peeks import note_early_look

    found = read_session(session).session
    if note_early_look(session, found, command):
        typer.echo("the trial is not over: this look is recorded as a deviation", err=True)
    cases = _corpus(session, found, corpus)
    return analyse_trial(session, cases, _routes(session, found, routes))


def _corpus(path: Path, session: "Session", named: Path | None) -> "Corpus | None":
    """The corpus that the session pins; None, with a word, where it is not at hand. LabError when one that
    was named is another."""
    from routerlab.core.corpus import Corpus
    from routerlab.core.errors import LabError
    from routerlab.core.session import pinned_files
    from routerlab.core.tomlfile import load_toml
    from routerlab.resources import ROUTING60

    pin = session.header.corpus
    if pin is None:
        raise LabError(f"{path}: pins no corpus, so it is no trial's session")
    for file in [named] if named else pinned_files(pin, path, ROUTING60):
        try:
            found = load_toml(file, Corpus)
        except LabError:
            if named:
                raise
            continue
        if found.sha256 == pin.sha256:
            return found
        if named:
            raise LabError(
                f"{named}: is not the corpus of the trial ({pin.name} {pin.sha256[:12]}); this one is "
                f"{found.sha256[:12]}"
            )
    typer.echo(
        f"note: the corpus {pin.name} as it was ({pin.sha256[:12]}) is not at {pin.path}: no costs of "
        "downstream models; name it with --corpus",
        err=True,
    )
    return None


def _routes(path: Path, session: "Session", named: Path | None) -> "Routes | None":
    """The routing table that was named, else the locked one; None, with a word, where that changed."""
    from routerlab.core.errors import LabError
    from routerlab.core.tomlfile import load_toml
    from routerlab.resources import ROUTES
    from routerlab.study.trial.recorded import recorded
    from routerlab.study.trial.routes import Routes, check_labels

    trial = recorded(path, session)
    locked = trial.lock.pins.get("routes")
    if named is None and locked is None:
        return None
    file = named or (Path(trial.protocol.routes) if trial.protocol.routes else ROUTES)
    try:
        routes = load_toml(file, Routes)
        check_labels(file, routes, session.header.taxonomy.labels)
    except LabError as e:
        if named:
            raise
        typer.echo(f"note: no costs of downstream models: {e}", err=True)
        return None
    if routes.sha256 == locked:
        return routes
    if named is None:
        typer.echo(
            f"note: {file} is not the routing table that was locked: no costs of downstream models; name it "
            "with --routes to use it all the same",
            err=True,
        )
        return None
    typer.echo(f"note: {file} is another routing table than the one that was locked", err=True)
    return routes


def _save(result: "TrialResult", path: Path) -> None:
    from routerlab.core.atomic import write_new
    from routerlab.core.errors import LabError

    try:
        write_new(path, (result.model_dump_json(indent=1) + "\n").encode())
    except OSError as e:
        raise LabError(f"{path}: cannot be written: {e.strerror}") from None
