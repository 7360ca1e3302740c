"""What the annotate screen shows of a desk. Its actions: screen.py."""

import gc

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget

from routerlab.annotate.desk.desk import Desk, Queue
from routerlab.core.text import printable
from routerlab.settings import Settings
from routerlab.tui.actions.binding import LABEL_KEYS
from routerlab.tui.annotate.choice import Choice, written
from routerlab.tui.annotate.others import last_text, others_text
from routerlab.tui.annotate.seen import seen
from routerlab.tui.annotate.text import (
    end_text,
    head_text,
    labels_text,
    note_text,
    sitting_text,
)
from routerlab.tui.shared.bar import ModeBar
from routerlab.tui.shared.dialogs import Read
from routerlab.tui.shared.guide import Guide
from routerlab.tui.shared.keys import Keys
from routerlab.tui.shared.layout import NARROW
from routerlab.tui.shared.line import Line, unsaved_text
from routerlab.tui.shared.longtext import LongText
from routerlab.tui.shared.page import Page
from routerlab.tui.shared.palette import Palette

TALL = 30
GUIDE_WIDTH = 120
"""Columns from which the guidelines stand beside the prompt without being asked for."""


def _settle() -> None:
    """What is here now stays: otherwise full collections walk a long queue's items again and again, and hold
    the screen up for a tenth of a second (10,000 items)."""
    gc.freeze()
    gc.enable()  # off while the command opened the queue


class AnnotateView(Page):
    """The item at `at` (None: the queue is empty), what is chosen for it, and the sitting around it."""

    CSS_PATH = "annotate.tcss"

    def __init__(self, desk: Desk, guidelines: str, settings: Settings, notes: tuple[str, ...]) -> None:
        super().__init__(desk.taxonomy, settings.keys)
        self.desk = desk
        self.settings = settings
        self.notes = notes
        self.queue: Queue = "pending"
        self.at: int | None = None
        self.choice = Choice()
        self.last: int | None = None
        self._guidelines = guidelines
        self.wants_guide: bool | None = None  # None: where there is room beside the prompt

    def compose(self) -> ComposeResult:
        """The item with the guidelines, what others said, the labels, the sitting."""
        yield ModeBar()
        yield Line("unsaved")
        yield Line("head")
        with Horizontal(id="reading"):
            yield LongText("item")
            yield Line("end")
            yield Guide("guide", self._guidelines)
        with VerticalScroll(id="others", can_focus=False):
            yield Line("said", flows=True)
        yield Line("labels")
        yield Line("note", flows=True)
        yield Line("last")
        yield Line("sitting")
        yield Keys()

    def on_mount(self) -> None:
        """The first pending item; what there is to say of the file comes before it."""
        self.show_item(self.desk.first(self.queue))
        self.call_after_refresh(_settle)
        if self.notes:
            lines = "\n".join(f"· {printable(note)}" for note in self.notes)
            self.app.push_screen(Read("Before you begin", Content(lines)))

    # --- state ---

    @property
    def dirty(self) -> bool:
        """Whether something is chosen that is not written."""
        return self.at is not None and self.choice != written(self.desk.state(self.at))

    def show_item(self, at: int | None) -> None:
        """Turn to another item, or to the end."""
        if at != self.at and self.covered:
            self.wants_guide = False  # a prompt that cannot be seen is not labelled
        ends = (at is None) != (self.at is None)
        self.at = at
        self.choice = Choice() if at is None else written(self.desk.state(at))
        self.query_one("#others").scroll_to(y=0, animate=False)
        self.draw()
        if ends:
            self.refresh_bindings()  # at the end of a queue most keys mean nothing

    @property
    def guide(self) -> bool:
        """Whether the guidelines are shown."""
        return self.size.width >= GUIDE_WIDTH if self.wants_guide is None else self.wants_guide

    @property
    def covered(self) -> bool:
        """Whether the guidelines are shown in place of the prompt."""
        return self.guide and self.size.width < NARROW

    def pane(self, name: str) -> Widget:
        """For the prompt, the guidelines where they cover it."""
        return super().pane("guide" if name == "item" and self.covered else name)

    def where(self) -> str:
        """The file that the labels go to."""
        return self.desk.file.path.name

    # --- drawing ---

    def draw(self) -> None:
        """Draw what changed; nothing where keys typed ahead act after the app has taken the screen apart."""
        footer = next(iter(self.query(Keys)), None)
        if footer is None:
            return
        width, tall, p = self.size.width - 2, self.size.height >= TALL, self.colours()
        self.set_class(tall, "-tall")
        footer.compact = width < GUIDE_WIDTH
        footer.show_command_palette = width >= NARROW
        self._draw_item(width, p)
        self._draw_labels(width, tall, p)
        self._draw_sitting(width, p)

    def _draw_item(self, width: int, p: Palette) -> None:
        desk, at = self.desk, self.at
        end = Content() if at is not None or self.covered else end_text(desk, self.queue, p)
        self.show(head=head_text(desk, at, width, p), end=end)
        item = self.query_one(LongText)
        item.display = at is not None and not self.covered
        if at is not None:
            item.show(desk.items[at].prompt)
        self.query_one("#guide").display = self.guide

    def _draw_labels(self, width: int, tall: bool, p: Palette) -> None:
        """What others said, the keys, the note: all that belongs to an item."""
        desk, at, taxonomy = self.desk, self.at, self.taxonomy
        said, keys, note = Content(), Content(), Content()
        others = self.query_one("#others")
        if at is not None:
            state, told = desk.state(at), seen(desk, at)
            mine = None if state.draft else state.label
            side_by_side = desk.mode == "adjudicate"
            said = others_text(told, mine, taxonomy.labels, side_by_side, width - 4, p)
            columns = 2 if not tall and len(taxonomy.labels[:LABEL_KEYS]) > 6 else 1
            keys = labels_text(taxonomy, self.choice, told.suggest, columns, width, p)
            note = note_text(state, p)
            title = "" if told.suggest is not None else "others" if told.models or told.gold else "annotators"
            others.border_title = Content.styled(title, p.dim)
        others.display = bool(said)
        self.show(said=said, labels=keys, note=note)

    def _draw_sitting(self, width: int, p: Palette) -> None:
        desk, last = self.desk, self.last
        if last is None:
            line = last_text(None, None, "", width, p)
        else:
            line = last_text(seen(desk, last), desk.state(last).label, desk.items[last].id, width, p)
        unsaved = unsaved_text(len(desk.file.pending), desk.file.path)
        self.show(last=line, sitting=sitting_text(desk, self.queue, width, p), unsaved=unsaved)
