"""Figures as SVG for a page: they have its font and its colours, in dark and in light.

matplotlib draws with colours that stand for those of the page, and they are put in afterwards.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.figure import Figure

from routerlab.core.text import printable

INK, SOFT, FAINT, ACCENT = "#010101", "#020202", "#030303", "#040404"
GOOD, BAD, WARN, PAPER = "#050505", "#060606", "#070707", "#080808"
COLOURS = {
    INK: "ink",
    SOFT: "soft",
    FAINT: "faint",
    ACCENT: "accent",
    GOOD: "good",
    BAD: "bad",
    WARN: "warn",
    PAPER: "paper",
}
"""A colour that is drawn with -> the page's variable. No other colour is to be used."""

MIDDLE: dict[str, Any] = {"ha": "center", "va": "center"}
"""Text around its place."""

_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text, in the page's font
    "text.parse_math": False,  # a dollar sign in a name is no formula
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.labelsize": 12,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": SOFT,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "figure.dpi": 72,  # a pixel is a point
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "path.simplify": True,
}


@dataclass
class Drawing:
    """A figure that is being drawn: and the SVG in the end."""

    figure: Figure
    svg: str = ""


@contextmanager
def drawing(name: str, width: float, height: float) -> Iterator[Drawing]:
    """Draw within it, on a figure of this size in pixels of the page; after it the drawing has its `svg`.

    `name` is part of every id in it: no two figures of a page may have the same.
    """
    with mpl.rc_context(_STYLE | {"svg.hashsalt": name}):
        found = Drawing(Figure(figsize=(width / 72, height / 72)))
        yield found
        out = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        found.figure.savefig(out, format="svg", metadata=nothing)
    found.svg = _for_page(out.getvalue(), name)


def _for_page(text: str, name: str) -> str:
    """The figure without what only a file of its own needs, with ids and colours of the page."""
    root = ElementTree.fromstring(text)
    for parent in list(root.iter()):
        for child in list(parent):
            unseen = child.get("style") == "fill: none"  # an empty cell of a matrix
            if unseen or child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                value = f"{name}-{value}"
            elif key == f"{{{_LINK}}}href":
                value = f"#{name}-{value.removeprefix('#')}"
            elif key == "style":
                value = _styled(value)
            elif key == "clip-path":
                value = value.replace("url(#", f"url(#{name}-")
            else:
                value = re.sub(r"(\.\d\d)\d+", r"\1", " ".join(value.split()))  # hundredths of a pixel
            element.set(key, value)
    root.set("style", f"max-width:{root.get('width', '').replace('pt', 'px')}")
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _LINK)
    return re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode"))


def _styled(style: str) -> str:
    style = re.sub(r"font-family:[^;]*;?\s*", "", style)
    return re.sub(r"#[0-9a-f]{6}", lambda found: f"var(--{COLOURS[found[0]]})", style)


def short(text: str, width: int = 34) -> str:
    """A foreign name for a figure: escaped, and cut in the middle where it is too long."""
    text = printable(text)
    if len(text) <= width:
        return text
    tail = width // 2
    return f"{text[: width - tail - 1]}…{text[-tail:]}"
