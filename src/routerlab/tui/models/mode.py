"""The models as a mode of the app: what runs is stopped when the app is left."""

import asyncio
from contextlib import suppress

from routerlab.core.taxonomy import Taxonomy
from routerlab.settings import Settings
from routerlab.tui.models.jobs import Jobs
from routerlab.tui.models.screen import ModelsScreen
from routerlab.tui.shared.shell import CLOSE_S, Mode, Shell


class ModelsMode(Mode):
    """What was downloaded is kept, so that nothing is asked when it is stopped."""

    name = "models"
    page: ModelsScreen

    def __init__(self, taxonomy: Taxonomy, settings: Settings) -> None:
        self.jobs = Jobs()
        super().__init__(ModelsScreen(taxonomy, settings, self.jobs))

    async def close(self, app: Shell) -> None:
        """Stop all work, and wait a while for its end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.jobs.close()
