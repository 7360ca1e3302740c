"""Which model a conversation had: for a while it only goes up, for a weaker one may not go on with it."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

MOST = 10_000
"""Conversations that are remembered: those that came last."""


class Sticky(Protocol):
    """Whatever remembers it."""

    async def model(self, conversation: str) -> str | None:
        """The model that it had, None where it is new or long ago."""
        ...

    async def had(self, conversation: str, model: str) -> None:
        """It has this model now."""
        ...


class Stickiness:
    """Conversation -> model, for `seconds` after each request; 0: nothing is remembered."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def model(self, conversation: str) -> str | None:
        """See `Sticky.model`."""
        model, until = self._known.get(conversation, (None, 0.0))
        return model if self._now() < until else None

    async def had(self, conversation: str, model: str) -> None:
        """See `Sticky.had`."""
        if self._seconds:
            self._known[conversation] = (model, self._now() + self._seconds)
            self._known.move_to_end(conversation)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
