"""The annotate screen's lines about the item and the sitting. Pure functions."""

from collections.abc import Sequence
from itertools import zip_longest

from textual.content import Content

from routerlab.annotate.desk.desk import QUEUES, Desk, Queue, queues
from routerlab.core.session.session import State
from routerlab.core.taxonomy import Taxonomy
from routerlab.tui.actions.binding import LABEL_KEYS
from routerlab.tui.annotate.choice import Choice
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import Part, duration, fit, one_line, row

NAME = 32
"""Columns a label's name gets at most in the list of keys."""
CUE = 24
"""Columns a cue needs at least to be worth showing."""
ONE_LINE = 130
"""Columns from which queues and progress share a line."""
MODES = {"blind": "blind", "suggest": "suggestions shown", "adjudicate": "adjudication"}
EMPTY: dict[Queue, str] = {
    "pending": "Nothing is pending.",
    "draft": "There are no drafts.",
    "submitted": "Nothing is submitted yet.",
    "skipped": "Nothing is skipped.",
    "flagged": "Nothing is flagged.",
}


def label_parts(label: str, labels: Sequence[str], p: Palette) -> list[Part]:
    """A label in its family's colour; one that the taxonomy does not know is shown as it is, and marked."""
    name = one_line(label, 64)
    if label in labels:
        return [(name, f"bold {p.label(label)}")]
    return [(name, "bold"), (" (older taxonomy)", p.warn)]


def head_text(desk: Desk, at: int | None, width: int, p: Palette) -> Content:
    """Which item it is and what is written of it; who labels, and how, at the right."""
    who = f"{one_line(desk.annotator, 24)} · {MODES[desk.mode]}"
    if at is None:
        return Content.assemble((fit("", max(0, width - len(who))), ""), (who, p.dim))
    item, state = desk.items[at], desk.state(at)
    where = queues(state)[0]
    colours = {"pending": p.dim, "draft": p.warn, "submitted": p.good}
    groups: list[list[Part]] = [
        [(one_line(item.id, 40), "bold")],
        [(where, colours.get(where, p.dim))],
        *([[("⚑ flagged", f"bold {p.warn}")]] if state.flagged else []),
        [(f"{at + 1:,} of {len(desk.items):,}", p.dim)],
        [(one_line(item.source, 40), p.dim)],
    ]
    left = Content.assemble(*row(groups, "   ", width))
    room = width - left.cell_length - len(who)
    return Content.assemble(left, (" " * room, ""), (who, p.dim)) if room >= 3 else left


def labels_text(
    taxonomy: Taxonomy, choice: Choice, suggested: str | None, columns: int, width: int, p: Palette
) -> Content:
    """The keys 1 to 9 with their labels and cues; which is chosen, and which also fits.

    Chosen ones without a key come below, then how to reach all the others, and that none fits if so.
    """
    keyed = taxonomy.label[:LABEL_KEYS]
    rows = [(str(n), label.name, label.cue) for n, label in enumerate(keyed, 1)]
    known = {label.name for label in keyed}
    rows += [("·", name, "") for name in (choice.label, *choice.also) if name and name not in known]
    size = min(NAME, max(len(name) for _, name, _ in rows))
    cell = width // columns - (2 if columns > 1 else 0)

    def key_parts(key: str, name: str, cue: str) -> list[Part]:
        colour, also = p.label(name), name in choice.also
        shown = fit(one_line(name, 64), min(size, max(4, cell - 5)))
        parts: list[Part] = [(f"{key} ", "bold")]
        if name == choice.label:
            parts.append((f" ● {shown} ", f"bold reverse {colour}"))
        else:
            parts.append((f" + {shown} ", f"bold {colour}") if also else (f"   {shown} ", colour))
        if also:
            parts.append((" also fits" + (" ·" if cue else ""), p.accent))
        if name not in taxonomy.labels:
            parts.append((" (older taxonomy)", p.warn))
        if name == suggested:
            parts.append((" ◂ suggested" + (" ·" if cue else ""), f"bold {p.warn}"))
        room = cell - sum(len(text) for text, _ in parts) - 1
        return [*parts, (f" {one_line(cue, room)}", p.dim)] if cue and room >= CUE else parts

    cells = [key_parts(*row) for row in rows]
    if len(taxonomy.label) > LABEL_KEYS:
        cells.append([("l ", "bold"), (f"all {len(taxonomy.label)} labels", p.dim)])
    if choice.fit:
        cells.append(
            [("0 ", "bold"), (" ● no label fits ", f"bold reverse {p.warn}"), (" the nearest", p.dim)]
        )
    lines = [Content.assemble(*parts) for parts in cells]
    if columns == 2:
        half = -(-len(lines) // 2)
        left = [line.pad_right(max(0, cell + 2 - line.cell_length)) for line in lines[:half]]
        lines = [Content("").join(pair) for pair in zip_longest(left, lines[half:], fillvalue=Content())]
    return Content("\n").join(lines)


def note_text(state: State, p: Palette) -> Content:
    """The annotator's own note; empty without one."""
    if not state.note:
        return Content()
    return Content.assemble(("note ", p.dim), (f"“{one_line(state.note, 1000)}”", ""))


def sitting_text(desk: Desk, queue: Queue, width: int, p: Palette) -> Content:
    """The queues, and how far one is: on one line where there is room."""
    queues = _queues(desk, queue, p)
    if width < ONE_LINE:
        return Content("\n").join([queues, _progress(desk, width, p)])
    return Content.assemble(queues, "   ", _progress(desk, width - queues.cell_length - 3, p))


def _queues(desk: Desk, queue: Queue, p: Palette) -> Content:
    """How many items are in each; the one that is worked through is marked."""
    parts: list[Part] = []
    for name in QUEUES:
        here = name == queue
        parts.append((f" {name} {desk.count(name):,} ", f"bold reverse {p.accent}" if here else p.dim))
    return Content.assemble(*parts)


def _progress(desk: Desk, width: int, p: Palette) -> Content:
    """A bar, done of all, pace and what is left at it."""
    done, total, pace = desk.done, len(desk.items), desk.pace()
    times = ""
    if pace.each_s is not None and pace.left_s is not None:
        times = f" · {duration(pace.each_s)} each · {duration(pace.left_s)} left"
    counts = f"  {done:,}/{total:,}"
    room = max(4, width - len(counts) - len(times))
    full = round(room * done / total)
    return Content.assemble(
        ("━" * full, p.good if done == total else p.accent),
        ("─" * (room - full), p.faint),
        (counts, ""),
        (times, p.dim),
    )


def end_text(desk: Desk, queue: Queue, p: Palette) -> Content:
    """What is left where, when the queue is empty."""
    others = [(name, desk.count(name)) for name in QUEUES if name != queue and desk.count(name)]
    all_done = desk.done == len(desk.items)
    title = f"All {len(desk.items):,} are done." if queue == "pending" and all_done else EMPTY[queue]
    parts: list[Part] = [(f"{title}\n\n", f"bold {p.good if all_done else p.accent}")]
    for name, n in others:
        parts += [(f"{n:>6,} ", "bold"), (f"{name:<9}\n", p.dim)]
    parts += [
        ("\nTab", "bold"),
        (" goes to another queue, ", p.dim),
        ("b", "bold"),
        (" back, ", p.dim),
        ("u", "bold"),
        (" undoes,\n", p.dim),
        ("ctrl+q", "bold"),
        (" leaves." if desk.file.pending else " leaves. Everything is saved.", p.dim),
    ]
    return Content.assemble(*parts)
