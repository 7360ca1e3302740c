"""The lab as a mode of the app: it stops the models when the app is left."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from routerlab.engine.arms.arm import Spec
from routerlab.engine.lab.lab import Lab
from routerlab.study.routing_table import Routes
from routerlab.tui.lab.screen import LabScreen
from routerlab.tui.shared.shell import Mode, Shell, close_lab
from routerlab.tui.tune.process import Tuning


class LabMode(Mode):
    """A sitting on the lab screen, and the tuning that goes on beside it."""

    name = "lab"
    PAGE: ClassVar[type[LabScreen]] = LabScreen
    page: LabScreen
    parting = "stopping the models…"

    def __init__(
        self,
        lab: Lab,
        specs: Sequence[Spec],
        now: Callable[[], float] = time.monotonic,
        watch: Path | None = None,
        routes: Routes | None = None,
    ) -> None:
        """`now` is the clock of everything that ticks on the screen; tests freeze it. `watch` is a file whose
        prompt is asked again whenever it is saved; `routes` says where labels lead."""
        self.lab = lab
        self.tuning = Tuning(now)
        super().__init__(self.PAGE(lab, specs, now, self.tuning, watch, routes))

    async def close(self, app: Shell) -> None:
        """Stop the models and save what waits, within a time limit."""
        self.tuning.cancel()
        try:
            await close_lab(self.lab)
        finally:
            await self.tuning.close()

    @property
    def last_words(self) -> str:
        """Where the session is, if there is one."""
        return f"saved in {self.lab.path}" if self.lab.saved else ""
