"""`routerlab tour`: the lab, with somebody who shows you around."""

from typing import Annotated

import typer

from routerlab.cli.lab import NO_TERMINAL
from routerlab.cli.shared import options as o
from routerlab.cli.shared.open import open_lab, open_materials
from routerlab.cli.shared.screen import run_app
from routerlab.cli.shared.show import need_screen


@o.spread
def tour(
    arm: o.Arms = None,
    session: o.SessionPath = None,
    theme: Annotated[str | None, typer.Option(help="A theme of the app, for this time only.")] = None,
    *,
    on: o.Asking,
) -> None:
    """Learn the lab in ten minutes: five steps in the real one, the last with a prompt of your own.

    Two small models answer, as far as they are here; what is missing can be pulled from inside. The sitting
    is saved as any other. ctrl+n skips a step; Escape, then q, ends the tour and leaves you in the lab.

    Example: routerlab tour --session sessions/first.toml
    """
    need_screen(*NO_TERMINAL)
    settings = on.settings(theme=theme)
    opened, specs = open_lab(arm, open_materials(None, None, session), None, settings, session, armless=True)
    from routerlab.tui.tour.mode import TourMode
    from routerlab.tui.tour.party import Party, party

    run_app(settings, TourMode(opened, Party(tuple(specs)) if arm else party(settings)))
