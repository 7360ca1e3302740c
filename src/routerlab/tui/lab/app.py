"""The lab's app: it opens the lab screen, and stops the models when it is left."""

import time
from collections.abc import Callable, Sequence

from routerlab.engine.arms.arm import Spec
from routerlab.engine.lab.lab import Lab
from routerlab.tui.lab.screen import LabScreen
from routerlab.tui.shared.shell import Shell, close_lab, styles
from routerlab.tui.tune.process import Tuning


class RouterLabApp(Shell):
    """The lab screen, and the tune screen on top of it."""

    TITLE = "routerlab"
    CSS_PATH = styles("lab.tcss", "../tune/tune.tcss", "../compare/compare.tcss")
    parting = "stopping the models…"

    def __init__(self, lab: Lab, specs: Sequence[Spec], now: Callable[[], float] = time.monotonic) -> None:
        """`now` is the clock of everything that ticks on the screen; tests freeze it."""
        self.tuning = Tuning(now)
        super().__init__(lab.settings, LabScreen(lab, specs, now, self.tuning))
        self.lab = lab
        self.now = now

    async def close(self) -> None:
        """Stop the models and save what waits, within a time limit."""
        self.tuning.cancel()
        try:
            await close_lab(self.lab)
        finally:
            await self.tuning.close()
