"""The annotate app over a real desk on a real session file, driven by keys."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from textual import events

from routerlab.annotate.desk.desk import QUEUES, Desk, Mode
from routerlab.annotate.desk.item import Opinion, QueueItem
from routerlab.core.session.session import State
from routerlab.core.taxonomy import Taxonomy
from routerlab.settings import Settings
from routerlab.tui.annotate.mode import AnnotateMode
from routerlab.tui.annotate.screen import AnnotateScreen
from tests.annotate.desk.harness import SIX, desk
from tests.conftest import PATIENCE_S
from tests.tui.harness import Watch, app_in

CODE, CODE2, COT, COT2, AGENT, INVENT = SIX.labels
SECRETS = ("arm-one", "arm-two", "secret/model", "ben", "secret/person", "secret note", "secret/gold")
"""What nobody may see before a label is submitted: the labels are in no taxonomy, so a leak cannot hide."""
GUIDELINES = "# How to label\n\n" + "\n\n".join(f"Rule {n}: read the prompt {n} times." for n in range(1, 40))
CHARACTERS = {"space": " ", "slash": "/"}
HOPS = 5
"""Queues a key may go through: from the app to the widget with the focus, and from parent to parent back."""


def secret(n: int) -> list[QueueItem]:
    """n prompts with everything that has to stay hidden."""
    models: dict[str, tuple[str, float | None]] = {"arm-one": ("secret/model", 0.83), "arm-two": (CODE, None)}
    people = {"ben": Opinion("secret/person", (COT,), "secret note")}
    return [
        QueueItem(f"q-{i}", f"Prompt number {i}.", f"line {i + 1}", "secret/gold", models, people)
        for i in range(n)
    ]


def counts(of: Desk) -> dict[str, int]:
    """How many items are in each queue that has any."""
    return {queue: of.count(queue) for queue in QUEUES if of.count(queue)}


class Annotating(Watch[AnnotateMode]):
    """A running annotate app, its desk and its screen."""

    desk: Desk

    @property
    def page(self) -> AnnotateScreen:
        """The annotate screen, below any dialog."""
        return self.mode.page

    def state(self, i: int) -> State:
        """What stands for item i."""
        return self.desk.state(i)

    def labels(self) -> list[str | None]:
        """The labels of all items."""
        return [self.desk.state(i).label for i in range(len(self.desk.items))]

    def ahead(self, *keys: str) -> None:
        """Type faster than anything can happen in between."""
        for key in keys:
            character = CHARACTERS.get(key, key if len(key) == 1 else None)
            self.app.post_message(events.Key(key, character))

    async def keys(self, *keys: str) -> None:
        """Press them one by one, each dealt with before the next: the pilot's own way, without its naps."""
        for key in keys:
            self.ahead(key)
            for _ in range(HOPS - 1):
                await self._passed()
            await self.pilot.pause(0)

    async def _passed(self) -> None:
        """Until what waits at the widgets that a key comes by is dealt with, or the app has failed; the pilot
        asks all widgets, which takes most of the time of a test."""
        way, dealt = (self.app.focused or self.app.screen).ancestors_with_self, list[asyncio.Event]()
        for node in way:
            event = asyncio.Event()
            if node.call_later(event.set):
                dealt.append(event)
        waits = [
            asyncio.gather(*(event.wait() for event in dealt)),
            asyncio.create_task(self.app._exception_event.wait()),
        ]
        await asyncio.wait(waits, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def told(self, words: str) -> None:
        """Wait for a toast with these words, however it is wrapped."""
        await self.until(lambda: any(words in note.message for note in self.app._notifications), words)

    async def at(self, i: int | None) -> None:
        """Wait until item i is shown."""
        await self.until(lambda: self.page.at == i, f"item {i}")


def mode_on(
    path: Path,
    items: Sequence[QueueItem],
    mode: Mode = "blind",
    taxonomy: Taxonomy = SIX,
    settings: Settings | None = None,
    notes: tuple[str, ...] = (),
    guidelines: str = GUIDELINES,
) -> AnnotateMode:
    """The mode over a desk that writes to `path`; its clock goes on by four seconds at every look."""
    clock = count(0.0, 4.0)
    opened = desk(path, items, mode, taxonomy=taxonomy, now=lambda: next(clock))
    return AnnotateMode(opened, guidelines, settings or Settings(annotator="ada"), notes)


@asynccontextmanager
async def annotating(
    folder: Path,
    items: Sequence[QueueItem] | None = None,
    mode: Mode = "blind",
    size: tuple[int, int] = (120, 40),
    taxonomy: Taxonomy = SIX,
    settings: Settings | None = None,
    notes: tuple[str, ...] = (),
    guidelines: str = GUIDELINES,
) -> AsyncIterator[Annotating]:
    """The running app, over `items` (six secret ones by default)."""
    of = secret(6) if items is None else items
    opened = mode_on(folder / "made.ada.toml", of, mode, taxonomy, settings, notes, guidelines)
    app = app_in(opened, opened.page.settings)
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        here = Annotating(app, opened, pilot)
        here.desk = opened.desk
        await here.until(lambda: any(isinstance(s, AnnotateScreen) for s in app.screen_stack), "the screen")
        await here.pilot.pause()
        yield here
