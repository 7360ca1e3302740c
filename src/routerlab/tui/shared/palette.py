"""The few colours the lab uses, resolved from the theme: words that Textual and Rich both know."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text

from routerlab.core.taxonomy import Taxonomy
from routerlab.tui.shared.contrast import HUES


@dataclass(frozen=True)
class Palette:
    """`dim` is for secondary text, `faint` for lines, never for words; `families` has a colour a label."""

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


def palette(variables: Mapping[str, str], ansi: bool, taxonomy: Taxonomy) -> Palette:
    """The palette for a theme's variables as `mended` made them; of an ansi theme, the terminal's own."""
    families = list(dict.fromkeys(taxonomy.families.values()))
    return Palette(
        dim=variables["dim"],
        faint="dim" if ansi else variables["faint"],
        good=variables["text-success"],
        bad=variables["text-error"],
        warn=variables["text-warning"],
        accent=variables["text-primary"],
        families={
            label: variables[HUES[families.index(family) % len(HUES)]]
            for label, family in taxonomy.families.items()
        },
    )


def rich_style(style: str) -> str:
    """A palette style in Rich's words, for table cells."""
    return style.replace("ansi_", "")


def cell(text: str, style: str = "") -> Text:
    """What stands in a table, in a palette style."""
    return Text(text, style=rich_style(style), no_wrap=True, end="")
