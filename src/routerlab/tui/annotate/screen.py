"""The annotate screen: one prompt after the other, by keys. Its actions are here; view.py draws.

Every action that writes waits until its record is on the disk. Keys typed meanwhile wait in the app's queue,
so each acts on the item that is there when its turn comes.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Literal

from routerlab.annotate.desk.desk import QUEUES, Desk, queues
from routerlab.core.errors import LabError
from routerlab.settings import Settings
from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import ANNOTATE_ACTIONS, ANNOTATE_GROUPS
from routerlab.tui.annotate.choice import Choice, doubted, pressed, undone, written
from routerlab.tui.annotate.hits import item_hits, label_hits
from routerlab.tui.annotate.view import AnnotateView
from routerlab.tui.shared.dialogs import WriteLine
from routerlab.tui.shared.find import Find
from routerlab.tui.shared.help import Help
from routerlab.tui.shared.shell import Show
from routerlab.tui.shared.text import one_line

TRAIL = 1000
"""Items that `back` remembers."""
ON_ITEM = frozenset(
    {f"annotate{which}" for which in ("", "_submit", "_skip", "_flag", "_fit", "_note", "_pick")}
)


HELP = Help(
    "Read the prompt, press the key of its label, and the same key or Enter to submit: the next one comes. "
    "Another label's key before that says that it also fits. A choice that you leave is kept as a draft.",
    ANNOTATE_ACTIONS,
    ANNOTATE_GROUPS,
    ("● chosen   + also fits   ⚑ flagged   ✓ ✗ against the gold label",),
)


class AnnotateScreen(AnnotateView):
    """Every `action_*` here stands in tui/actions/annotate.toml, which gives it keys and help."""

    ACTIONS = ANNOTATE_ACTIONS
    ABOUT = HELP
    BINDINGS = bindings("annotate", ANNOTATE_ACTIONS)

    def __init__(self, desk: Desk, guidelines: str, settings: Settings, notes: tuple[str, ...] = ()) -> None:
        super().__init__(desk, guidelines, settings, notes)
        self._trail: deque[int] = deque(maxlen=TRAIL)
        self._turn = asyncio.Lock()
        self._finished = False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide label keys beyond the taxonomy, and at the end of a queue what needs an item."""
        if action == "annotate" and isinstance(parameters[0], int):
            return parameters[0] < len(self.taxonomy.labels) and self.at is not None
        return action not in ON_ITEM or self.at is not None

    # --- writing ---

    async def _write(self, work: Callable[[], object]) -> bool:
        """Run `work`, which writes, in a thread; whether its record is on the disk. If not, say so."""
        async with self._turn:
            if self._finished:
                return False
            try:
                await asyncio.to_thread(work)
            except LabError as e:
                self.tell(str(e), "error")
                return False
        return True

    async def _ready(self) -> bool:
        """Whether nothing waits for the disk; while something does, nothing more is said of any item."""
        if not self.desk.file.pending:
            return True
        done = await self._write(self.desk.file.flush)
        self.draw()
        return done

    def _draft(self) -> Callable[[], None] | None:
        """What writes the unsubmitted choice as a draft; None where there is nothing to keep."""
        at, choice = self.at, self.choice
        if at is None or not self.dirty or self._submitted(at) or choice.label not in self.taxonomy.labels:
            return None
        return partial(self.desk.draft, at, choice.label, choice.also, choice.fit)

    async def _keep(self) -> bool:
        """Before the item is left: keep the choice as a draft. False where that cannot be written."""
        if work := self._draft():
            if not (await self._ready() and await self._write(work)):
                self.draw()
                return False
        elif self.dirty and self.choice != Choice():
            self.tell("the change was not submitted and is dropped; what is written stays", "warning")
        return True

    async def finish(self) -> None:
        """Keep the choice as a draft and close the file; LabError when something could not be written."""
        async with self._turn:
            self._finished = True
            work = self._draft()
            if work is not None and not self.desk.file.pending:
                with suppress(LabError):  # it waits; closing tries again, and says where it is
                    await asyncio.to_thread(work)
            await asyncio.to_thread(self.desk.file.close)

    def _submitted(self, at: int) -> bool:
        return "submitted" in queues(self.desk.state(at))

    # --- labels ---

    async def action_annotate(self, index: int) -> None:
        """The key of a label."""
        await self._press(self.taxonomy.labels[index])

    async def _press(self, name: str) -> None:
        if self.at is None or not await self._ready():
            return
        if name == self.choice.label:
            await self.action_annotate_submit()
        else:
            self.choice = pressed(self.choice, name, self.taxonomy.labels)
            self.draw()

    async def action_annotate_submit(self) -> None:
        """Write the choice and go on; what is written already is only left."""
        at, label = self.at, self.choice.label
        if at is None or not await self._ready():
            return
        if not self.dirty and self._submitted(at):
            await self._on()
        elif label is None:
            self.tell("choose a label first: its number, or l for all labels")
        elif label not in self.taxonomy.labels:
            self.tell(f"{label} is not in this taxonomy: choose a label that is", "warning")
        elif self.desk.mode == "adjudicate":
            old = self.desk.state(at).note or ""
            needed = "a decision needs a reason"
            dialog = WriteLine(f"Why {label}?", old, "the reason, for the annotators", needed)
            await self.app.push_screen(dialog, self._submit)
        else:
            await self._submit()

    async def _submit(self, *answer: str | None) -> None:
        """Write the choice, as an adjudication with the reason that was given (None: left)."""
        at, choice = self.at, self.choice
        if at is None or choice.label is None or answer == (None,):
            return
        note = answer[0] if answer else None
        if await self._write(partial(self.desk.submit, at, choice.label, choice.also, note, choice.fit)):
            self.last = at
            await self._on()
        else:
            self.draw()

    async def action_annotate_fit(self) -> None:
        """Say that no label fits, or no longer; it is written with the label."""
        if self.at is not None and await self._ready():
            self.choice = doubted(self.choice)
            self.draw()

    def action_annotate_clear(self) -> None:
        """Back to what is written; if that is what shows, to nothing."""
        if self.at is not None:
            self.choice = written(self.desk.state(self.at)) if self.dirty else Choice()
            self.draw()

    async def action_annotate_pick(self) -> None:
        """Choose from a list of all labels."""
        taxonomy, colours = self.taxonomy, self.colours()

        async def chosen(index: int | None) -> None:
            if index is not None:
                await self._press(taxonomy.labels[index])

        find = Find("Labels", "part of a name or a cue", lambda words: label_hits(taxonomy, words, colours))
        await self.app.push_screen(find, chosen)

    # --- everything else that is written ---

    async def action_annotate_skip(self) -> None:
        """Write that it cannot be judged, and go on."""
        at = self.at
        if at is None or not await self._ready():
            return
        if self.desk.state(at).skipped or await self._write(partial(self.desk.skip, at)):
            self.choice = Choice()
            await self._on()
        else:
            self.draw()

    async def action_annotate_flag(self) -> None:
        """Write that the prompt is faulty."""
        at = self.at
        if at is None or not await self._ready():
            return None
        if self.desk.state(at).flagged:
            return self.tell("flagged already; u takes back what was written last")
        await self._write(partial(self.desk.flag, at))
        return self.draw()

    async def action_annotate_note(self) -> None:
        """Ask for a note, and write it."""
        at = self.at
        if at is None or not await self._ready():
            return
        old = self.desk.state(at).note or ""

        async def noted(text: str | None) -> None:
            if text is not None and text != old:
                await self._write(partial(self.desk.note, at, text))
                self.draw()

        await self.app.push_screen(WriteLine("Note", old, "why this label, what is unclear"), noted)

    async def action_annotate_undo(self) -> None:
        """Take back the choice, else the latest thing written; show where that was."""
        if self.dirty and self.choice != Choice():
            self.action_annotate_clear()
            return self.tell("the choice is taken back; u again undoes what was written last")
        if not await self._ready():
            return None
        i = self.desk.latest()
        if i is None:
            return self.tell("nothing to undo")
        before = self.desk.state(i)
        done = await self._write(self.desk.undo)
        if self.last == i:
            self.last = None
        self._go(i)
        if done:
            what = undone(before, self.desk.state(i))
            self.tell(f"undone: {what} of {one_line(self.desk.items[i].id, 40)}")
        return None

    # --- moving about ---

    def _go(self, to: int | None) -> None:
        if self.at is not None and to != self.at:
            self._trail.append(self.at)
        self.show_item(to)

    async def _on(self) -> None:
        """To the next of the queue; an item that is the only one in it stays."""
        at = self.at
        if at is None:
            return
        to = self.desk.step(at, 1, self.queue)
        if to is None and self.queue in queues(self.desk.state(at)):
            self.tell(f"nothing else is {self.queue}")
            self.show_item(at)
        else:
            self._go(to)

    async def action_item_next(self) -> None:
        """Forward, without submitting."""
        if await self._keep():
            await self._on()

    async def action_item_back(self) -> None:
        """To the item that was shown before, else to the one that stands before."""
        if not await self._keep():
            return None
        if self._trail:
            return self.show_item(self._trail.pop())
        if self.at is None:
            return None
        before = self.desk.step(self.at, -1, None if self.queue == "pending" else self.queue)
        return self.tell("this is the first") if before is None else self.show_item(before)

    async def action_queue(self, step: Literal[1, -1]) -> None:
        """Another queue, from its first item."""
        if await self._keep():
            self.queue = QUEUES[(QUEUES.index(self.queue) + step) % len(QUEUES)]
            self._go(self.desk.first(self.queue))

    async def action_item_search(self) -> None:
        """Find a prompt."""
        desk, colours = self.desk, self.colours()

        async def found(i: int | None) -> None:
            if i is not None and await self._keep():
                self._go(i)

        find = Find("Search", "words of the prompt, or its id", lambda words: item_hits(desk, words, colours))
        await self.app.push_screen(find, found)

    # --- looking ---

    def action_item_lab(self) -> None:
        """Show the prompt in the lab; not before it is labelled, where others' labels are not to be seen."""
        at = self.at
        if at is None:
            return
        if self.desk.mode == "blind" and not self._submitted(at):
            self.tell("label it first: the Lab shows what models say")
        else:
            self.post_message(Show(self.desk.items[at].prompt))

    def action_guidelines(self) -> None:
        """Show or hide them."""
        self.wants_guide = not self.guide
        self.draw()
