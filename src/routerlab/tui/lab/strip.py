"""What the lines under the panels say: how far the arms agree on a question, and where the replay stands."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content

from routerlab.core.session.session import State
from routerlab.engine.lab.runner import Progress
from routerlab.tui.lab.state import RowView
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import Part, duration, fit, one_line, row

LEAST = 12
"""Columns that a sentence needs to say anything."""


def strip_text(view: RowView | None, sentences: Sequence[str], live: bool, width: int, p: Palette) -> Content:
    """The agreement line; of the `sentences` the first that fits, or what does of the last. Not `live` is an
    older question."""
    if view is None:
        return Content.styled(
            fit("No answers yet: type a prompt above, or replay the corpus with F10", width), p.dim
        )
    gap = "   " if width >= 100 else "  "
    where = (f"live #{view.number}", p.accent) if live else (f"looking at #{view.number}", f"bold {p.warn}")
    groups: list[list[Part]] = [[where, (f" {view.name}", p.dim)]]
    if view.gold:
        groups.append([("gold ", p.dim), (view.gold, p.label(view.gold))])
    if note := note_text(view.note):
        groups.append([("you ", p.dim), (one_line(note, 40), f"bold {p.accent}")])
    if not live:
        groups.append([("Esc: live", p.dim)])
    used = sum(len(text) for text, _ in row(groups, gap, width)) + len(gap)
    sentence = next((text for text in sentences if cell_len(text) <= width - used), sentences[-1])
    if sentence and width - used >= LEAST:
        style = f"bold {p.good}" if view.unanimous and view.voters > 1 else "bold"
        groups.insert(1, [(one_line(sentence, width - used), style)])
    return Content.assemble(*row(groups, gap, width))


def note_text(state: State, label: str | None = None) -> str:
    """An annotation in a few words: label or skipped, a flag, the note."""
    pieces = [label or state.label or ("skipped" if state.skipped else "")]
    pieces += ["⚑"] if state.flagged else []
    pieces += [f"“{one_line(state.note, 60)}”"] if state.note else []
    return " ".join(piece for piece in pieces if piece)


def run_text(run: Progress, width: int, p: Palette) -> Content:
    """Phase, done of total, bar, time and what is left of it; nothing where there was no replay."""
    if not run.total:
        return Content()
    over = run.phase == "idle"
    word = ("done" if run.done >= run.total else "stopped") if over else run.phase
    colour = p.warn if run.phase == "paused" else p.good if word == "done" else p.dim if over else p.accent
    head = f"replay {word}  "
    counts = f"{run.done}/{run.total}  "
    left = "" if over or run.eta_s is None else f" · {duration(run.eta_s)} left"
    tail = f"  {duration(run.elapsed_s)}{left}"
    room = max(4, width - len(head) - len(counts) - len(tail))
    full = round(room * run.done / run.total)
    return Content.assemble(
        (head, f"bold {colour}"),
        (counts, ""),
        ("━" * full, colour),
        ("─" * (room - full), p.faint),
        (tail, p.dim),
    )
