"""Two lines that belong to the question on the screen: agreement, and the replay."""

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from routerlab.core.session.session import State
from routerlab.tui.lab.state import RunView, StripView
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import Part, fit, one_line, row


class Strip(Widget):
    """Majority, agreement, entropy, gold and annotation of one question; below it, with room, its prompt."""

    def __init__(self) -> None:
        super().__init__(id="strip")
        self.view = StripView()
        self.palette: Palette | None = None

    def show(self, view: StripView, palette: Palette) -> None:
        """Draw `view`, if it differs from what is there."""
        if (view, palette) != (self.view, self.palette):
            self.view, self.palette = view, palette
            self.set_class(not view.live, "-past")
            self.refresh()

    def render(self) -> RenderResult:
        """One or two lines."""
        if self.palette is None:
            return ""
        width = self.content_size.width
        lines = [strip_text(self.view, width, self.palette)]
        if self.content_size.height > 1:
            lines.append(Content.styled(one_line(self.view.prompt, width), self.palette.dim))
        return Content("\n").join(lines)


def strip_text(view: StripView, width: int, p: Palette) -> Content:
    """The agreement line; what does not fit is left out from the right."""
    if view.number is None:
        return Content.styled(
            fit("No answers yet: type a prompt above, or replay the corpus with F5", width), p.dim
        )
    gap = "   " if width >= 100 else "  "
    live, past = ("live", p.accent), ("looking at", f"bold {p.warn}")
    word, colour = live if view.live else past
    where = (f"{word} #{view.number}", colour)
    groups: list[list[Part]] = [[where, (f" {view.name}", p.dim)]]
    if view.majority:
        groups.append([(view.majority, f"bold {p.label(view.majority)}")])
    elif view.votes > 1:
        groups.append([("no majority", p.dim)])
    if view.voters > 1:
        everyone = p.good if view.votes == view.voters else ""
        agree = f"{view.votes} of {view.voters} agree" if view.votes > 1 else "none agree"
        groups.append([(agree, everyone)])
        groups.append([("entropy ", p.dim), (f"{view.entropy:.2f}", "")])
    if view.gold:
        groups.append([("gold ", p.dim), (view.gold, p.label(view.gold))])
    if note := note_text(view.note):
        groups.append([("you ", p.dim), (one_line(note, 40), f"bold {p.accent}")])
    if not view.live:
        groups.append([("Esc: live", p.dim)])
    return Content.assemble(*row(groups, gap, width))


def note_text(state: State, label: str | None = None) -> str:
    """An annotation in a few words: label or skipped, a flag, the note."""
    pieces = [label or state.label or ("skipped" if state.skipped else "")]
    pieces += ["⚑"] if state.flagged else []
    pieces += [f"“{one_line(state.note, 60)}”"] if state.note else []
    return " ".join(piece for piece in pieces if piece)


class RunBar(Widget):
    """Where the replay stands; away while there is none."""

    def __init__(self) -> None:
        super().__init__(id="run")
        self.view = RunView()
        self.palette: Palette | None = None

    def show(self, view: RunView, palette: Palette) -> None:
        """Draw `view`, if it differs from what is there."""
        self.display = view.total > 0
        if (view, palette) != (self.view, self.palette):
            self.view, self.palette = view, palette
            self.refresh()

    def render(self) -> RenderResult:
        """One line."""
        return run_text(self.view, self.content_size.width, self.palette) if self.palette else ""


def run_text(view: RunView, width: int, p: Palette) -> Content:
    """Phase, done of total, bar, time and what is left of it."""
    done = view.phase == "idle"
    word = ("done" if view.done >= view.total else "stopped") if done else view.phase
    colour = p.warn if view.phase == "paused" else p.good if word == "done" else p.dim if done else p.accent
    head = f"replay {word}  "
    counts = f"{view.done}/{view.total}  "
    tail = "  " + " · ".join(part for part in (view.elapsed, view.eta) if part)
    room = max(4, width - len(head) - len(counts) - len(tail))
    full = round(room * view.done / view.total) if view.total else 0
    return Content.assemble(
        (head, f"bold {colour}"),
        (counts, ""),
        ("━" * full, colour),
        ("━" * (room - full), p.faint),
        (tail, p.dim),
    )
