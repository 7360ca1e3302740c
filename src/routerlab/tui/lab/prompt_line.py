"""The prompt line: Enter sends, up and down bring back what was sent."""

import unicodedata
from dataclasses import dataclass

from rich.text import Text
from textual import events
from textual.actions import SkipAction
from textual.message import Message
from textual.widgets import TextArea

from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import LAB_ACTIONS

PLACEHOLDER = "Type a prompt and press Enter: every arm routes it"
LONGEST = 100_000
"""Characters the prompt line takes; every model here refuses less than that."""
UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class PromptLine(TextArea):
    """One line that grows with what is pasted into it: a prompt may have many lines."""

    BINDINGS = bindings("prompt", LAB_ACTIONS)

    @dataclass
    class Sent(Message):
        """A prompt to ask."""

        prompt: str

    def __init__(self) -> None:
        super().__init__(id="prompt", compact=True, highlight_cursor_line=False, placeholder=PLACEHOLDER)
        self._sent: list[str] = []
        self._at = 0
        self._draft = ""

    def get_line(self, line_index: int) -> Text:
        """The line with one sign for every character that a terminal would obey: pasted text is foreign."""
        line = self.document.get_line(line_index)
        return Text(line if line.isprintable() else "".join(_sign(c) for c in line), end="", no_wrap=True)

    def _on_key(self, event: events.Key) -> None:  # type: ignore[override]
        if event.key == "enter":
            event.prevent_default()  # else the text area takes it as a new line

    def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]
        if len(self.text) + len(event.text) > LONGEST:
            event.prevent_default()  # wrapping it would hold the screen up for seconds
            self.notify(
                f"{len(event.text):,} characters are too many for the prompt line (at most {LONGEST:,});"
                " use `routerlab route -`",
                severity="warning",
                markup=False,
            )

    def action_send(self) -> None:
        """Send what is written."""
        if not self.text.strip():
            return
        prompt = self.text
        if not self._sent or self._sent[-1] != prompt:
            self._sent.append(prompt)
        self._at = len(self._sent)
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

    def action_copy(self) -> None:
        """Copy the selection; without one, ctrl+c is the first of the two that quit."""
        try:
            super().action_copy()
        except SkipAction:
            self.app.action_help_quit()


def _sign(c: str) -> str:
    return "�" if c != "\t" and unicodedata.category(c) in UNSAFE else c
