"""Times as pictures: where they went, and how the last ones were. Pure functions."""

from collections.abc import Mapping, Sequence

from routerlab.study.figures.rows import PARTS
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import Part

LEVELS = "▁▂▃▄▅▆▇█"
FILLS = dict(zip(PARTS, "·╌░▒", strict=True))
"""What the part of a bar is filled with: quiet, for what decides is to be the brightest."""


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values, a column each, the highest of them as high as a line is."""
    shown = values[-width:]
    top = max(shown, default=0.0) or 1.0
    return "".join(LEVELS[min(7, int(8 * value / top))] for value in shown)


def time_bar(parts: Mapping[str, float], width: int, p: Palette) -> list[Part]:
    """One bar of `width` columns, stacked of the parts of the time; a part says its name and share where it
    has the room, and is left out below half a column. Nothing where no time was taken."""
    total = sum(parts.values())
    if total <= 0:
        return []
    found: list[Part] = []
    end = used = 0.0
    for part in PARTS:
        used += parts.get(part, 0.0)
        size = round(width * used / total) - int(end)
        if size:
            share = parts.get(part, 0.0) / total
            forms = (f"{part} {share:.0%} ", f"{part} ", part)
            said = next((form for form in forms if len(form) <= size), "")
            found += [(said, p.dim), (FILLS[part] * (size - len(said)), p.faint)]
        end += size
    return found
