"""The tour as a mode of the app: the lab's, on a screen that says what to do."""

import time
from collections.abc import Callable

from routerlab.engine.lab.lab import Lab
from routerlab.tui.home.look import note_tour
from routerlab.tui.lab.mode import LabMode
from routerlab.tui.shared.shell import Shell
from routerlab.tui.tour.party import Party
from routerlab.tui.tour.screen import TourScreen
from routerlab.tui.tour.text import next_commands


class TourMode(LabMode):
    """Whoever began it is not offered it again."""

    PAGE = TourScreen
    page: TourScreen

    def __init__(self, lab: Lab, party: Party, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(lab, party.specs, now)
        self.page.missing = party.missing

    def begin(self, app: Shell) -> None:
        """Remember that it was begun."""
        note_tour()

    @property
    def last_words(self) -> str:
        """Where the sitting is, and what to do with it."""
        saved = super().last_words
        return f"{saved}; {next_commands(self.lab.path)}" if saved and self.lab.path else saved
