"""Help for where the person is: what a page says of itself, drawn with the keys that the settings give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.keys import format_key

from routerlab.core.taxonomy import Taxonomy
from routerlab.tui.actions.binding import Action, Group
from routerlab.tui.shared.dialogs import Read
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import one_line


@dataclass(frozen=True)
class Help:
    """What a page says of itself: where one is, its actions by group in this order, and what signs mean.

    Without groups the actions follow the introduction as they come, and the signs have no heading.
    """

    intro: str
    actions: tuple[Action, ...]
    groups: tuple[Group, ...] = ()
    signs: tuple[str, ...] = ()


NAMES = {
    "escape": "Esc",
    "full_stop": ".",
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "shift+tab": "⇧Tab",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}


def help_page(page: Help, keymap: Mapping[str, str], taxonomy: Taxonomy, p: Palette) -> Read:
    """The dialog that shows it; label keys are named by the labels of the taxonomy."""
    parts: list[tuple[str, str]] = [(page.intro + "\n", "")]
    for group in page.groups:
        parts.append((f"\n{group}\n", f"bold {p.accent}"))
        parts += _lines([a for a in page.actions if a.group == group], keymap, taxonomy, p)
    if not page.groups:
        parts += [("\n", ""), *_lines(page.actions, keymap, taxonomy, p), ("\n", "")]
    elif page.signs:
        parts.append(("\nSigns\n", f"bold {p.accent}"))
    parts += [(line + "\n", "") for line in page.signs]
    return Read("Help", Content.assemble(*parts))


def _lines(
    actions: Sequence[Action], keymap: Mapping[str, str], taxonomy: Taxonomy, p: Palette
) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for action in actions:
        text = action.help
        if action.nth is not None:
            if action.nth >= len(taxonomy.label):
                continue
            label = taxonomy.label[action.nth]
            text = f"{label.name}: {one_line(label.cue, 60)}"
        keys = [key.strip() for key in keymap.get(action.id, action.keys).split(",")]
        shown = " ".join(NAMES.get(key, format_key(key)) for key in keys)
        lines += [(f"  {shown:<12}", "bold"), (text + "\n", p.dim)]
    return lines
