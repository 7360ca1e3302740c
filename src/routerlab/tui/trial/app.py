"""The app of `routerlab trial run --tui`: carries a trial out, and shows how far it is."""

import time
from collections.abc import Callable
from contextlib import suppress

from textual.worker import Worker, WorkerError

from routerlab.core.errors import Exit, LabError
from routerlab.engine.lab.lab import Lab
from routerlab.study.trial.run.run import TrialRun, Work
from routerlab.tui.shared.dialogs import Choose
from routerlab.tui.shared.shell import Shell, close_lab, styles
from routerlab.tui.trial.screen import TrialScreen


class TrialApp(Shell):
    """Leaving it before the end stops the run as Ctrl+C does without a screen: what is answered is kept."""

    TITLE = "routerlab trial"
    CSS_PATH = styles("trial.tcss")
    parting = "stopping…"

    def __init__(self, work: Work, lab: Lab, now: Callable[[], float] = time.monotonic) -> None:
        """`now` is the clock of everything that ticks on the screen; tests freeze it."""
        self.trial = TrialRun(
            work, lab, lambda line: self._screen.say(line), lambda _: None
        )  # it looks for itself
        self._screen = TrialScreen(self.trial, now)
        super().__init__(lab.settings, self._screen)
        self.lab = lab
        self._carrying: Worker[None] | None = None

    @property
    def ended(self) -> str:
        """How the trial ended; "" while it has not."""
        return self._screen.ended

    def on_mount(self) -> None:
        """The run begins after the first paint."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self._carrying = self.run_worker(self._carry_out())

    async def _carry_out(self) -> None:
        try:
            try:
                how = await self.trial.carry_out()
            finally:
                await close_lab(self.lab)  # over or not: its session and its memory are for others now
        except LabError as e:
            self._fail(e)
        else:
            self._screen.ended, self.parting = how, ""

    async def action_quit(self) -> None:
        """Leave; while the trial goes on, ask first."""
        if self.ended:
            await self.leave()
        elif not isinstance(self.screen, Choose):
            self._screen.ask_to_stop(lambda: self.run_worker(self.leave(), group="quit"))

    def exit_code(self) -> int:
        """130 for a run that was stopped."""
        return Exit.OK if self.ended else Exit.INTERRUPTED

    async def close(self) -> None:
        """Stop the run, which stops the models and saves what waits."""
        if self._carrying is None:
            return
        self._carrying.cancel()
        with suppress(WorkerError):
            await self._carrying.wait()
