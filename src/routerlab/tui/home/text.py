"""What Home says: first help, its lines, what is chosen. Pure functions."""

from collections.abc import Sequence

from textual.content import Content

from routerlab.paths import own
from routerlab.tui.home.look import DOES, Entry
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import fit, one_line

TOUR = ("T", "takes the tour: the Lab in five steps, ten minutes; Esc: not now")
FIRST = (
    ("F3", "opens the Lab: type a prompt, all models answer; r replays cases"),
    ("F8", "pulls a model: SmolLM2, 98 MB, is enough; F7 fits routers to cases"),
    ("F4", "labels prompts; F5 shows what a session comes to; F1 explains keys"),
)
"""Where to begin, three lines."""
BEGUN = frozenset({"trial", "session", "result", "labels"})
"""Whoever has one of these has begun."""
NAME = (22, 32)
"""Columns of a name in a narrow and in a wide terminal."""

GONE = "finds nothing here: begin routerlab where the file was named"


def first_text(found: Sequence[Entry], width: int, p: Palette, tour: bool = False) -> Content:
    """Help for who is here for the first time: nothing once there is a session of their own, but the line
    that offers the tour, with `tour`."""
    begun = any(entry.kind in BEGUN and (entry.path is None or own(entry.path)) for entry in found)
    lines = [*([TOUR] if tour else []), *(FIRST if not begun else [])]
    return Content("\n").join(
        Content.assemble((f" {key:<2} ", f"bold {p.accent}"), one_line(says, width - 4))
        for key, says in lines
    )


def entry_text(entry: Entry, width: int, p: Palette) -> Content:
    """A line: name and facts; dim where something is missing."""
    name = fit(one_line(entry.name, 200), NAME[width >= 100])
    style = "" if entry.ready else p.dim
    return Content.assemble(
        ("  ", ""), (name, style), "  ", (one_line(entry.facts, width - len(name) - 4), p.dim)
    )


def heading_text(title: str, apart: bool, p: Palette) -> Content:
    """Above the lines of a section; `apart` from those before by an empty one."""
    return Content.assemble("\n" if apart else "", (title, f"bold {p.accent}"))


def chosen_text(entry: Entry | None, width: int, p: Palette) -> Content:
    """What Enter does with the chosen line, where it lies, and what else is known of it."""
    if entry is None:
        return Content("nothing is here yet: F8 shows the models that can be pulled\n\n")
    where = str(entry.path) if entry.path else ""
    does = DOES[entry.kind] if entry.ready or entry.kind != "labels" else GONE
    return Content.assemble(
        ("Enter ", f"bold {p.accent}"),
        one_line(does, width - 6),
        "\n",
        (one_line(where, width), p.dim),
        "\n",
        (one_line(entry.more, width), p.dim),
    )
