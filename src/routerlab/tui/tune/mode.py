"""Tuning as a mode of the app."""

from routerlab.engine.lab.lab import Lab
from routerlab.tui.shared.shell import Mode
from routerlab.tui.tune.process import Tuning
from routerlab.tui.tune.screen import TuneScreen


class TuneMode(Mode):
    """The models of a lab to tune; the tuning itself belongs to the lab, which ends it."""

    name = "tune"

    def __init__(self, lab: Lab, tuning: Tuning) -> None:
        super().__init__(TuneScreen(lab, tuning))
