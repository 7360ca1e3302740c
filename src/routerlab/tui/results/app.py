"""The app of `routerlab report --tui`: the results screen over a result."""

from routerlab.settings import Settings
from routerlab.study.report.subject import Subject
from routerlab.tui.results.screen import ResultsScreen
from routerlab.tui.shared.shell import Shell, styles


class ResultsApp(Shell):
    """It only shows: there is nothing to save or stop."""

    TITLE = "routerlab report"
    CSS_PATH = styles("results.tcss", "../compare/compare.tcss")

    def __init__(self, subject: Subject, settings: Settings) -> None:
        super().__init__(settings, ResultsScreen(subject, settings))
