"""A result as a mode of the app."""

from routerlab.settings import Settings
from routerlab.study.report.subject import Subject
from routerlab.tui.results.screen import ResultsScreen
from routerlab.tui.shared.shell import Mode


class ResultsMode(Mode):
    """It only shows: there is nothing to save or stop."""

    name = "results"

    def __init__(self, subject: Subject, settings: Settings) -> None:
        super().__init__(ResultsScreen(subject, settings))
