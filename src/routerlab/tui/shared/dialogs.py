"""Small dialogs: choose one of a list, write a line, read a long text."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.visual import VisualType
from textual.widgets import Footer, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

CLOSE = Binding("escape", "dismiss(None)", "Close")


class Choose(ModalScreen[int | None]):
    """A list; answers with the index of what was chosen, None if nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]

    def __init__(self, title: str, options: Sequence[Content | None]) -> None:
        """None in `options` draws a line, and has no index."""
        super().__init__()
        self._heading = title
        self._options = options

    def compose(self) -> ComposeResult:
        """A title and the list."""
        with Vertical(classes="dialog"):
            yield Label(self._heading, markup=False, classes="title")
            yield OptionList(*(None if o is None else Option(o) for o in self._options), markup=False)
            yield Footer()

    def action_move(self, step: int) -> None:
        """Move in the list."""
        options = self.query_one(OptionList)
        if step > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer."""
        self.dismiss(event.option_index)


class WriteLine(ModalScreen[str | None]):
    """One line of text; answers None when it was left with Escape. `needed` says why it must not be blank."""

    BINDINGS: ClassVar[list[BindingType]] = [CLOSE]

    def __init__(self, title: str, value: str = "", placeholder: str = "", needed: str = "") -> None:
        super().__init__()
        self._heading, self._value, self._placeholder, self._needed = title, value, placeholder, needed

    def compose(self) -> ComposeResult:
        """A title and the line."""
        with Vertical(classes="dialog"):
            yield Label(self._heading, markup=False, classes="title")
            yield Input(self._value, placeholder=self._placeholder)
            if self._needed:
                yield Label("", id="fault", markup=False)
            yield Footer()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer, or say what is missing."""
        if self._needed and not event.value.strip():
            self.query_one("#fault", Label).update(self._needed)
        else:
            self.dismiss(event.value)


class Read(ModalScreen[None]):
    """A long text, to be scrolled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("v,q,enter", "dismiss(None)", show=False),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]

    def __init__(self, title: str, text: VisualType) -> None:
        super().__init__()
        self._heading, self._text = title, text

    def compose(self) -> ComposeResult:
        """A title and the text."""
        with Vertical(classes="dialog wide"):
            yield Label(self._heading, markup=False, classes="title")
            with VerticalScroll():
                yield Static(self._text, markup=False)
            yield Footer()

    def on_mount(self) -> None:
        """Let the keys scroll."""
        self.query_one(VerticalScroll).focus()

    def action_scroll(self, step: int) -> None:
        """Scroll by a line."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)
