"""Home as a mode of the app."""

from routerlab.core.taxonomy import Taxonomy
from routerlab.settings import Settings
from routerlab.tui.home.screen import HomeScreen
from routerlab.tui.shared.shell import Mode


class HomeMode(Mode):
    """It only shows."""

    name = "home"
    page: HomeScreen

    def __init__(self, taxonomy: Taxonomy, settings: Settings) -> None:
        super().__init__(HomeScreen(taxonomy, settings))
