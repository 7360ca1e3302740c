"""The few colours the lab uses, resolved from the theme: words that Textual and Rich both know."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text
from textual.color import Color

from routerlab.core.taxonomy import Taxonomy

# One hue a family, far from the green and red of right and wrong, at the same lightness.
DARK = ("#79b8ff", "#e3b341", "#c9a0ff", "#4fd1c5", "#f29bb4", "#b5bd68")
LIGHT = ("#0a5cad", "#8a5a00", "#7a35b8", "#006d68", "#a82d5c", "#5c6b00")
ANSI = ("ansi_blue", "ansi_yellow", "ansi_magenta", "ansi_cyan", "ansi_bright_blue", "ansi_bright_magenta")


@dataclass(frozen=True)
class Palette:
    """`dim` is for secondary text, `faint` for what is hardly there, `families` has a colour a label."""

    dim: str
    faint: str
    good: str
    bad: str
    warn: str
    accent: str
    families: Mapping[str, str]

    def label(self, label: str | None) -> str:
        """The colour of a label's family."""
        return self.families.get(label or "", self.dim)

    def mark(self, mark: bool | None) -> str:
        """The colour of a ✓ or ✗."""
        return self.dim if mark is None else self.good if mark else self.bad


def palette(variables: Mapping[str, str], dark: bool, ansi: bool, taxonomy: Taxonomy) -> Palette:
    """The palette for a theme's variables; an ansi theme gets the terminal's own colours."""
    hues = ANSI if ansi else DARK if dark else LIGHT
    families = list(dict.fromkeys(taxonomy.families.values()))
    return Palette(
        dim="dim" if ansi else _mix(variables, 0.62),
        faint="dim" if ansi else _mix(variables, 0.34),
        good=variables["text-success"],
        bad=variables["text-error"],
        warn=variables["text-warning"],
        accent=variables["text-primary"],
        families={
            label: hues[families.index(family) % len(hues)] for label, family in taxonomy.families.items()
        },
    )


def rich_style(style: str) -> str:
    """A palette style in Rich's words, for table cells."""
    return style.replace("ansi_", "")


def cell(text: str, style: str = "") -> Text:
    """What stands in a table, in a palette style."""
    return Text(text, style=rich_style(style), no_wrap=True, end="")


def _mix(variables: Mapping[str, str], share: float) -> str:
    return Color.parse(variables["background"]).blend(Color.parse(variables["foreground"]), share).hex
