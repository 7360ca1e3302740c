"""`routerlab lab`: the terminal app."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.open import anything_here, open_lab, open_materials, open_watch
from routerlab.cli.shared.screen import run_app
from routerlab.cli.shared.show import need_screen
from routerlab.core.errors import LabError
from routerlab.paths import own, sessions_dir, tour_file

if TYPE_CHECKING:
    from routerlab.engine.arms.arm import Spec

NO_TERMINAL = "the lab", "without one use `routerlab replay` or `routerlab route`"


def start() -> None:
    """What `routerlab` alone opens: the lab, or Home where no arm is here that the lab would open with, and
    the first time, for Home offers the tour."""
    need_screen(*NO_TERMINAL)
    settings = o.settings_with()
    if anything_here(settings) and (tour_file().exists() or any(map(own, sessions_dir().glob("*.toml")))):
        lab()
        return
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.resources import TAXONOMY
    from routerlab.tui.home.mode import HomeMode

    run_app(settings, HomeMode(load_taxonomy(TAXONOMY), settings))


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
    theme: Annotated[str | None, typer.Option(help="A theme of the app, for this time only.")] = None,
    taxonomy: o.TaxonomyFile = None,
    exemplars: o.ExemplarsFile = None,
    watch: Annotated[
        str | None,
        typer.Option(
            "--watch",
            metavar="FILE_OR_URL",
            help="A file that holds one prompt: it is asked now, and again whenever the file is saved. Or a "
            "session that another process (serve, replay) writes, or the URL of a server (with the token of "
            "ROUTERLAB_SERVE_TOKEN): what comes is shown, and annotations go to --session, by default "
            "NAME-watched.toml beside it, or in sessions/.",
        ),
    ] = None,
    routes: Annotated[
        Path | None,
        typer.Option(
            "--routes",
            metavar="FILE",
            help="The routing table by which the lab says where each label leads and what that costs; the "
            "one that ships by default, with the labels that ship.",
        ),
    ] = None,
    *,
    on: o.Gathering,
) -> None:
    """Open the lab: type prompts or replay the corpus, watch the models side by side, annotate.

    Example: routerlab lab --arm smollm2-135m --arm smollm2-135m:json --session sessions/first.toml
    """
    need_screen(*NO_TERMINAL)
    settings = on.settings(contract=contract, schedule=schedule, theme=theme)
    from routerlab.annotate.desk.source import is_session

    prompts, followed = None, None
    if watch is not None:
        file = Path(watch)
        followed = watch if re.match(r"https?://", watch) else file if is_session(file) else None
        prompts = file if followed is None else None
        if prompts and not prompts.is_file():
            raise LabError(f"--watch {watch}: no such file; name a file, or a URL with http:// or https://")
    specs: list[Spec] = []
    if followed is not None:
        if arm:
            raise LabError("--watch of a session shows the arms that others ask: leave --arm out")
        opened = open_watch(followed, taxonomy, corpus, settings, session)
    else:
        materials = open_materials(taxonomy, corpus, session)
        opened, specs = open_lab(arm, materials, exemplars, settings, session, armless=True)
    from routerlab.study.routing_table import routes_for
    from routerlab.tui.lab.mode import LabMode

    table = routes_for(routes, opened.taxonomy)
    run_app(settings, LabMode(opened, specs, watch=prompts, routes=table))
