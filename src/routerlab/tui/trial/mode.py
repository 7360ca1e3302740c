"""A trial as a mode of the app: carries it out, and shows how far it is."""

import time
from collections.abc import Callable
from contextlib import suppress

from textual.worker import Worker, WorkerError

from routerlab.core.errors import Exit, LabError
from routerlab.engine.lab.lab import Lab
from routerlab.study.trial.run.run import TrialRun, Work
from routerlab.tui.shared.dialogs import Choose
from routerlab.tui.shared.shell import Mode, Shell, close_lab
from routerlab.tui.trial.screen import TrialScreen


class TrialMode(Mode):
    """Leaving before the end stops the run as Ctrl+C does without a screen: what is answered is kept."""

    name = "trial"
    page: TrialScreen

    def __init__(self, work: Work, lab: Lab, now: Callable[[], float] = time.monotonic) -> None:
        """`now` is the clock of everything that ticks on the screen; tests freeze it."""
        # It looks for itself.
        self.trial = TrialRun(work, lab, lambda line: self.page.say(line), lambda _: None)
        self.lab = lab
        self._carrying: Worker[None] | None = None
        super().__init__(TrialScreen(self.trial, now))

    @property
    def ended(self) -> str:
        """How the trial ended; "" while it has not."""
        return self.page.ended

    @property
    def parting(self) -> str:  # type: ignore[override]
        """Nothing is left to stop when it is over."""
        return "" if self.ended else "stopping…"

    def begin(self, app: Shell) -> None:
        """Carry it out."""
        self._carrying = app.run_worker(self._carry_out(app))

    async def _carry_out(self, app: Shell) -> None:
        try:
            try:
                how = await self.trial.carry_out()
            finally:
                await close_lab(self.lab)  # over or not: its session and its memory are for others now
        except LabError as e:
            app.fail(e)
        else:
            self.page.ended = how

    def asks(self, leave: Callable[[], object]) -> bool:
        """While the trial goes on."""
        if self.ended:
            return False
        if not isinstance(self.page.app.screen, Choose):
            self.page.ask_to_stop(leave)
        return True

    @property
    def exit_code(self) -> int:
        """130 for a run that was stopped."""
        return Exit.OK if self.ended else Exit.INTERRUPTED

    async def close(self, app: Shell) -> None:
        """Stop the run, which stops the models and saves what waits."""
        if self._carrying is None:
            return
        self._carrying.cancel()
        with suppress(WorkerError):
            await self._carrying.wait()
