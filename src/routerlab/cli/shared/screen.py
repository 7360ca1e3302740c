"""The app behind a command: opened in the command's mode, and what is said when it was left."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from routerlab.cli.shared.show import say

if TYPE_CHECKING:
    from routerlab.engine.arms.arm import Spec
    from routerlab.engine.lab.lab import Lab
    from routerlab.settings import Settings
    from routerlab.tui.shared.shell import Mode


def show_app(settings: "Settings", first: "Mode") -> int:
    """Run the app until it is left; its exit code. Unless it failed, where things were saved is said then."""
    from routerlab.tui.app import RouterLabApp

    def lab(session: Path | None, corpus: Path | None) -> "tuple[Lab, list[Spec]]":
        from routerlab.cli.shared.open import open_lab, open_materials

        materials = open_materials(None, corpus, session)
        return open_lab(None, materials, None, settings, session, armless=True)

    app = RouterLabApp(settings, first, lab)
    app.run()
    if not app.return_code:
        for mode in app.modes.values():
            if mode.last_words:
                say(mode.last_words)
    return app.return_code or 0


def run_app(settings: "Settings", first: "Mode") -> None:
    """The same; typer.Exit with the exit code, unless that is 0."""
    if code := show_app(settings, first):
        raise typer.Exit(code)
