"""A theme's colours, with enough contrast: moved toward black or white as little as is needed. Pure.

Ratios are those of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio): 4.5 for text (criterion
1.4.3), 3 for lines that carry meaning (1.4.11). Every pair that the app draws stands in PAIRS.
"""

from collections.abc import Mapping, Sequence
from functools import cache

from textual.color import BLACK, WHITE, Color

TEXT, LINE = 4.5, 3.0
SPAN = 1.4
"""The contrast of the background with any other ground at most: else no room would be left for dim text."""
STEPS = 100

# One hue a family, far from the green and red of right and wrong, at the same lightness.
DARK = ("#79b8ff", "#e3b341", "#c9a0ff", "#4fd1c5", "#f29bb4", "#b5bd68")
LIGHT = ("#0a5cad", "#8a5a00", "#7a35b8", "#006d68", "#a82d5c", "#5c6b00")
ANSI = ("ansi_blue", "ansi_yellow", "ansi_magenta", "ansi_cyan", "ansi_bright_blue", "ansi_bright_magenta")
HUES = tuple(f"hue-{n}" for n in range(len(DARK)))

GROUNDS = {
    "surface": ("surface", 1.0),
    "panel": ("panel", 1.0),
    "chosen": ("primary", 0.3),
    "near": ("primary", 0.15),
    "resting": ("foreground", 0.08),
    "hovered": ("foreground", 0.05),
    "noted": ("warning", 0.12),
}
"""What text stands on besides the background: that, with so much at most of another colour of the theme."""
MIXED = {"dim": 0.62, "faint": 0.34, "edge": 0.2}
"""Colours between background and foreground: of words and of lines that are secondary, and of edges, which
carry no meaning."""
BARS = ("background", "background-hover", "background-active", "corner-color")
SAME = {
    "text-muted": "dim",
    "text-disabled": "dim",
    "foreground-muted": "dim",
    "border-blurred": "faint",
    "block-cursor-foreground": "foreground",
    "block-cursor-background": "chosen",
    "block-cursor-blurred-foreground": "foreground",
    "block-cursor-blurred-background": "resting",
    "block-hover-background": "hovered",
    "input-selection-foreground": "foreground",
    "input-selection-background": "chosen",
    "screen-selection-background": "chosen",
    "scrollbar": "faint",
    "scrollbar-hover": "dim",
    "scrollbar-active": "border",
    **dict.fromkeys((f"scrollbar-{of}" for of in BARS), "background"),
}
"""Variables of Textual's own widgets, which get one of ours."""
TEXTS = (
    "foreground",
    "dim",
    *(f"text-{name}" for name in ("primary", "secondary", "accent", "success", "warning", "error")),
    *(f"footer-{name}foreground" for name in ("", "key-", "description-")),
    *(f"markdown-h{n}-color" for n in range(1, 7)),
    *HUES,
)
LINES = ("faint", "border")
PAIRS: tuple[tuple[Sequence[str], Sequence[str], float], ...] = (
    (TEXTS, ("background", *GROUNDS), TEXT),
    (LINES, ("background", "surface", "near"), LINE),
)
"""Which colours are drawn on which grounds, and the contrast they have there."""


def luminance(colour: Color) -> float:
    """Relative luminance, 0 to 1: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour.normalized)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of two opaque colours, 1 to 21."""
    return _ratio(luminance(one), luminance(other))


@cache
def legible(colour: Color, grounds: tuple[Color, ...], ratio: float) -> Color:
    """The colour, or the one nearest to it on the way to black or white that has the ratio on all grounds;
    black or white where none has it."""
    shades = [luminance(ground) for ground in grounds]

    def least(found: Color) -> float:
        own = luminance(found)
        return min(_ratio(own, shade) for shade in shades)

    for step in range(STEPS + 1):
        ways = [colour.blend(end, step / STEPS, alpha=1.0) for end in (BLACK, WHITE)]
        best = max(ways, key=least)
        if least(best) >= ratio:
            return best
    return best


def mended(variables: Mapping[str, str], dark: bool, ansi: bool) -> dict[str, str]:
    """A theme's variables as Textual has them, with ours, and with contrast. The terminal's own cannot be
    computed: of an ansi theme they are as they are, what is dim elsewhere is plain, and all stands on the
    terminal's background."""
    found = dict(variables)
    if ansi:
        plain = dict.fromkeys((*GROUNDS, "dim", "edge", *(f"scrollbar-{of}" for of in BARS)), "ansi_default")
        return found | plain | {"faint": found["scrollbar"]} | dict(zip(HUES, ANSI, strict=True))
    used = {"background", "foreground", *(of for of, _ in GROUNDS.values())}
    colours = {of: Color.parse(found[of]) for of in used}
    background = colours["background"]
    for name, (of, most) in GROUNDS.items():
        found[name] = _ground(background, colours[of], most).hex
    for name, share in MIXED.items():
        found[name] = background.blend(colours["foreground"], share, alpha=1.0).hex
    found |= dict(zip(HUES, DARK if dark else LIGHT, strict=True))
    for names, on, ratio in PAIRS:
        under = tuple(Color.parse(found[name]) for name in on)
        for name in names:
            found[name] = legible(Color.parse(found[name]), under, ratio).hex
    return found | {name: found[source] for name, source in SAME.items()}


@cache
def _ground(background: Color, colour: Color, most: float) -> Color:
    """The background with as much of the colour as `most` and SPAN allow."""
    shares = (most * step / STEPS for step in range(STEPS, -1, -1))
    mixed = (background.blend(colour, share, alpha=1.0) for share in shares)
    return next(ground for ground in mixed if contrast(background, ground) <= SPAN)


def _ratio(one: float, other: float) -> float:
    dark, light = sorted((one, other))
    return (light + 0.05) / (dark + 0.05)
