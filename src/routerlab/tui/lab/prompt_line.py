"""The prompt line: Enter sends, up and down bring back what was sent; prompts to choose from."""

import asyncio
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from rich.text import Text
from textual import events, work
from textual.actions import SkipAction
from textual.document._document import Document
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from routerlab.core.errors import LabError
from routerlab.core.text import printable
from routerlab.paths import bookmarks_file, templates_file
from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import LAB_ACTIONS
from routerlab.tui.lab.bookmarks import load_bookmarks, toggle_bookmark
from routerlab.tui.lab.prompt_file import LONGEST
from routerlab.tui.lab.recall import prompt_hits, template_hits
from routerlab.tui.lab.slots import load_templates, next_slot
from routerlab.tui.shared.find import Find, Hit

PLACEHOLDER = "Type a prompt and press Enter: every arm routes it"
UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class PromptLine(TextArea):
    """One line that grows with what is pasted into it, to a third of the screen."""

    BINDINGS = bindings("prompt", LAB_ACTIONS)

    @dataclass
    class Sent(Message):
        """A prompt to ask."""

        prompt: str

    class Grew(Message):
        """It has another number of lines: the rest has other room."""

    def __init__(self, earlier: Sequence[str] = ()) -> None:
        """`earlier` are prompts that were sent before, the newest last."""
        super().__init__(id="prompt", compact=True, highlight_cursor_line=False, placeholder=PLACEHOLDER)
        self._sent = list(earlier)
        self._at = len(self._sent)
        self._draft = ""
        self._slots = False
        """Whether what is written began as a template: elsewhere Tab must not stop at what is in braces."""
        self._height = 0

    def get_line(self, line_index: int) -> Text:
        """The line with one sign for every character that a terminal would obey: pasted text is foreign."""
        line = self.document.get_line(line_index)
        return Text(line if line.isprintable() else "".join(_sign(c) for c in line), end="", no_wrap=True)

    def _on_key(self, event: events.Key) -> None:  # type: ignore[override]
        if event.key == "enter":
            event.prevent_default()  # else the text area takes it as a new line

    def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]
        if self._too_long(len(self.text) + len(event.text), len(event.text)):
            event.prevent_default()

    def on_resize(self, event: events.Resize) -> None:
        """Tell when it grew or shrank."""
        if event.size.height != self._height:
            self._height = event.size.height
            self.post_message(self.Grew())

    def _too_long(self, length: int, added: int) -> bool:
        """Whether it would be too long with what is added, and say so: wrapping it would hold the screen up
        for seconds."""
        if length > LONGEST:
            self._tell(
                f"{added:,} characters are too many for the prompt line (at most {LONGEST:,});"
                " use `routerlab route -`",
                fault=True,
            )
        return length > LONGEST

    def _tell(self, message: str, fault: bool = False) -> None:
        self.notify(printable(message), severity="warning" if fault else "information", markup=False)

    def fill(self, prompt: str, slots: bool = False) -> bool:
        """Write the prompt in the place of what is there, which undo (ctrl+z) brings back; whether it was
        short enough. With `slots`, Tab goes from one to the next, and the first is selected."""
        if self._too_long(len(prompt), len(prompt)):
            return False
        self.replace(prompt, (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor(self.document.end)
        self._slots = slots and self._to_slot((0, 0), 1)
        self._at = len(self._sent)
        self.focus()
        return True

    def action_send(self) -> None:
        """Send what is written."""
        if not self.text.strip():
            return
        prompt = self.text
        if not self._sent or self._sent[-1] != prompt:
            self._sent.append(prompt)
        self._at = len(self._sent)
        self._slots = False
        self.clear()
        self.post_message(self.Sent(prompt))

    def action_newline(self) -> None:
        """Start another line."""
        self.insert("\n")

    def action_recall(self, step: int) -> None:
        """Walk through what was sent; inside a prompt of several lines, move the cursor first."""
        inside = not self.cursor_at_first_line if step < 0 else not self.cursor_at_last_line
        at = self._at + step
        if inside or not 0 <= at <= len(self._sent):
            if step < 0:
                self.action_cursor_up()
            else:
                self.action_cursor_down()
            return
        if self._at == len(self._sent):
            self._draft = self.text
        self._at = at
        self.text = self._sent[at] if at < len(self._sent) else self._draft
        self.move_cursor(self.document.end)

    # --- templates ---

    def action_slot(self, step: int) -> None:
        """Go to the next slot of a template, or the one before; without any, Tab moves on as elsewhere."""
        at = (self._index(self.selection.start), self._index(self.selection.end))
        self._slots = self._slots and self._to_slot(at, step)
        if not self._slots:
            raise SkipAction

    def _index(self, location: tuple[int, int]) -> int:
        return self._document.get_index_from_location(location)

    @property
    def _document(self) -> Document:
        assert isinstance(self.document, Document)  # a plain one: there is no syntax to highlight
        return self.document

    def _to_slot(self, at: tuple[int, int], step: int) -> bool:
        """Select the next slot; whether there is one."""
        found = next_slot(self.text, at, step)
        if found is not None:
            start, end = map(self._document.get_location_from_index, found)
            self.selection = Selection(start, end)
        return found is not None

    # --- prompts to choose from ---

    @work(exclusive=True, group="choose")
    async def action_search(self) -> None:
        """Find one of the prompts that were sent, the newest first."""
        await self._choose("Find a prompt of this session", list(dict.fromkeys(reversed(self._sent))))

    @work(exclusive=True, group="choose")
    async def action_bookmarks(self) -> None:
        """Choose one of the bookmarks."""
        try:
            marked = await asyncio.to_thread(load_bookmarks, bookmarks_file())
        except LabError as e:
            return self._tell(str(e), fault=True)
        if not marked:
            return self._tell(
                "no bookmarks yet: ctrl+g marks the prompt that is written, b the selected question's"
            )
        return await self._choose("Bookmarks", marked)

    async def _choose(self, title: str, prompts: Sequence[str]) -> None:
        if not prompts:
            return self._tell("no prompt was sent yet")
        chosen = await self._find(title, "words of the prompt", partial(prompt_hits, prompts))
        if chosen is not None:
            self.fill(prompts[chosen])
        return None

    @work(exclusive=True, group="choose")
    async def action_template(self) -> None:
        """Choose a template."""
        path = templates_file()
        try:
            templates = await asyncio.to_thread(load_templates, path)
        except LabError as e:
            return self._tell(str(e), fault=True)
        if not templates:
            return self._tell(f"{path}: no template in it")
        if not path.exists():
            self._tell(f"templates of your own go into {path}")
        chosen = await self._find("Templates", "words of it", partial(template_hits, templates))
        if chosen is not None:
            self.fill(templates[chosen].prompt, slots=True)
        return None

    async def _find(self, title: str, placeholder: str, find: Callable[[str], Sequence[Hit]]) -> int | None:
        return await self.app.push_screen_wait(Find(title, placeholder, find))

    def action_bookmark(self) -> None:
        """Mark what is written, or take its mark away."""
        if self.text.strip():
            self.bookmark(self.text)
        else:
            self._tell("nothing is written to be marked; ctrl+o lists what is")

    @work(group="bookmark")
    async def bookmark(self, prompt: str) -> None:
        """Mark the prompt, or take its mark away, and say which."""
        try:
            marked = await asyncio.to_thread(toggle_bookmark, bookmarks_file(), prompt)
        except LabError as e:
            return self._tell(str(e), fault=True)
        return self._tell("bookmarked: ctrl+o lists the bookmarks" if marked else "no longer bookmarked")

    def action_copy(self) -> None:
        """Copy the selection; without one, ctrl+c is the first of the two that quit."""
        try:
            super().action_copy()
        except SkipAction:
            self.app.action_help_quit()


def _sign(c: str) -> str:
    return "�" if c != "\t" and unicodedata.category(c) in UNSAFE else c
