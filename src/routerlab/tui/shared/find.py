"""Find one of many: type, and the list below narrows down."""

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from routerlab.tui.shared.dialogs import Dialog

Hit = tuple[int, Content]
"""What choosing the line answers with, and the line."""

WAIT_S = 0.05
"""Quiet time after a key before the list is made anew."""


class Find(Dialog[int | None]):
    """Answers with the number of what was chosen, None if nothing. `find` runs in a thread."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+r", "move('cursor_down')", "Down", show=False),
        Binding("up", "move('cursor_up')", "Up", show=False),
        Binding("pagedown", "move('page_down')", "Page down", show=False),
        Binding("pageup", "move('page_up')", "Page up", show=False),
    ]

    def __init__(self, title: str, placeholder: str, find: Callable[[str], Sequence[Hit]]) -> None:
        super().__init__(title)
        self._placeholder, self._find = placeholder, find
        self._hits: Sequence[Hit] = ()
        self._found: str | None = None
        self._entered = False

    def body(self) -> ComposeResult:
        """The line to type in, the list."""
        yield Input(placeholder=self._placeholder)
        yield OptionList(markup=False)

    def on_mount(self) -> None:
        """What there is before anything is typed."""
        self.query_one(OptionList).can_focus = False
        self._look("", 0)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self._look(event.value, WAIT_S)

    @work(exclusive=True)
    async def _look(self, words: str, wait: float) -> None:
        await asyncio.sleep(wait)
        hits = await asyncio.to_thread(self._find, words)
        if self not in self.app.screen_stack:
            return  # left meanwhile
        self._hits, self._found = hits, words
        options = self.query_one(OptionList)
        options.clear_options()
        nothing = [Option("nothing found", disabled=True)] if words.strip() else []
        options.add_options([Option(line) for _, line in self._hits] or nothing)
        if self._hits:
            options.highlighted = 0
        if self._entered:
            self._choose()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if self._found == event.value:
            self._choose()
        else:
            self._entered = True  # what is typed is being looked for

    @on(OptionList.OptionSelected)
    def _choose(self) -> None:
        self._entered = False
        at = self.query_one(OptionList).highlighted
        if at is not None and at < len(self._hits):
            self.dismiss(self._hits[at][0])
