"""`routerlab lab`: the terminal app."""

from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.open import open_lab, open_materials, open_watch
from routerlab.cli.shared.show import on_screen, say
from routerlab.core.errors import LabError


@o.spread
def lab(
    arm: o.Arms = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            "--corpus", help="Cases to replay, a corpus or a file of prompts; the sixty by default."
        ),
    ] = None,
    contract: o.Contract = None,
    schedule: o.ScheduleOption = None,
    session: o.SessionPath = None,
    watch: Annotated[
        Path | None,
        typer.Option(
            metavar="SESSION",
            help="Show what another process (serve, replay) writes into this session, as it comes. "
            "Annotations go to --session, NAME-watched.toml beside it by default.",
        ),
    ] = None,
    theme: Annotated[str | None, typer.Option(help="A theme of the app, for this time only.")] = None,
    taxonomy: o.TaxonomyFile = None,
    exemplars: o.ExemplarsFile = None,
    *,
    on: o.Gathering,
) -> None:
    """Open the lab: type prompts or replay the corpus, watch the models side by side, annotate.

    Example: routerlab lab --arm smollm2-135m --arm smollm2-135m:json --session sessions/first.toml
    """
    if not on_screen():
        raise LabError("the lab needs a terminal; without one use `routerlab replay` or `routerlab route`")
    settings = on.settings(contract=contract, schedule=schedule, theme=theme)
    if watch is None:
        materials = open_materials(taxonomy, corpus, session)
        opened, specs = open_lab(arm, materials, exemplars, settings, session, armless=True)
    else:
        if arm:
            raise LabError("--watch shows the arms that others ask: leave --arm out")
        opened, specs = open_watch(watch, taxonomy, corpus, settings, session), []
    from routerlab.tui.lab.app import RouterLabApp

    app = RouterLabApp(opened, specs)
    app.run()
    if app.return_code:
        raise typer.Exit(app.return_code)
    if opened.saved:
        say(f"saved in {opened.path}")
