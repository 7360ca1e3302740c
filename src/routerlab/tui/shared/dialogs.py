"""Small dialogs: choose one of a list, write a line, read a long text; and what all dialogs are."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, ScreenResultType
from textual.visual import VisualType
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from routerlab.tui.shared.keys import Keys

LULL_S = 0.005
"""Seconds between two drawings of a dialog that comes."""


class Dialog(ModalScreen[ScreenResultType]):
    """A box with a title, over the page; answers None when it was left with Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close")]
    SHAPE = "dialog"
    """Its classes."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._heading = title

    def compose(self) -> ComposeResult:
        """The title, what is special, the keys."""
        with Vertical(classes=self.SHAPE):
            yield Label(self._heading, markup=False, classes="title")
            yield from self.body()
            yield Keys()

    async def on_resize(self) -> None:
        """Let others go first: for this Textual draws all below anew, as it did when the dialog came."""
        await asyncio.sleep(LULL_S)

    def body(self) -> ComposeResult:
        """What stands below the title: nothing, unless a dialog says so."""
        yield from ()

    def action_move(self, how: str) -> None:
        """Move in the list, where the dialog has one."""
        getattr(self.query_one(OptionList), f"action_{how}")()


class Choose(Dialog[int | None]):
    """A list; answers with the index of what was chosen, None if nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "move('cursor_down')", show=False),
        Binding("k", "move('cursor_up')", show=False),
    ]

    def __init__(self, title: str, options: Sequence[Content]) -> None:
        super().__init__(title)
        self._options = options

    def body(self) -> ComposeResult:
        """The list."""
        yield OptionList(*map(Option, self._options), markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer."""
        self.dismiss(event.option_index)


class WriteLine(Dialog[str | None]):
    """One line of text; answers None when it was left with Escape. `needed` says why it must not be blank."""

    def __init__(self, title: str, value: str = "", placeholder: str = "", needed: str = "") -> None:
        super().__init__(title)
        self._value, self._placeholder, self._needed = value, placeholder, needed

    def body(self) -> ComposeResult:
        """The line."""
        yield Input(self._value, placeholder=self._placeholder)
        if self._needed:
            yield Label("", id="fault", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer, or say what is missing."""
        if self._needed and not event.value.strip():
            self.query_one("#fault", Label).update(self._needed)
        else:
            self.dismiss(event.value)


class Read(Dialog[None]):
    """A long text, to be scrolled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v,q,enter", "dismiss(None)", show=False),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]
    SHAPE = "dialog wide"

    def __init__(self, title: str, text: VisualType) -> None:
        super().__init__(title)
        self._text = text

    def body(self) -> ComposeResult:
        """The text."""
        with VerticalScroll():
            yield Static(self._text, markup=False)

    def on_mount(self) -> None:
        """Let the keys scroll."""
        self.query_one(VerticalScroll).focus()

    def action_scroll(self, step: int) -> None:
        """Scroll by a line."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)
