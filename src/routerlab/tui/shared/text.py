"""How strangers' text, numbers and labels are written on the screen. Pure functions."""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size

from routerlab.core.text import printable

BLOCKS = " ▏▎▍▌▋▊▉█"
ELLIPSIS = "…"
MARKS = {True: "✓", False: "✗", None: "●"}
"""Right, wrong, and where there is nothing to compare with."""
Part = tuple[str, str]
"""Text and its style, as Content.assemble takes them."""
CUT = 2000
"""Characters of a foreign string that are looked at before it is cut to a line: a prompt may be 1 MB."""


def one_line(text: str, width: int) -> str:
    """The start of `text` on one line of at most `width` columns, with nothing that a terminal obeys."""
    line = " ".join(printable(" ".join(text[: max(CUT, 2 * width)].split())).split())
    if cell_len(line) <= width and len(text) <= CUT:
        return line
    return set_cell_size(line, max(0, width - 1)).rstrip() + ELLIPSIS


def fit(text: str, width: int) -> str:
    """`text` in exactly `width` columns: cut with an ellipsis or filled with spaces."""
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1).rstrip() + ELLIPSIS if width > 0 else ""
    return set_cell_size(text, width)


def fit_name(name: str, width: int, tail: int = 4) -> str:
    """A name in exactly `width` columns; a long one keeps its end, where sizes and contracts stand."""
    if cell_len(name) <= width or width <= tail + 1:
        return fit(name, width)
    return set_cell_size(name, width - tail - 1).rstrip() + ELLIPSIS + name[-tail:]


def row(groups: Sequence[Sequence[Part]], gap: str, width: int) -> list[Part]:
    """The groups side by side on one line; those that do not fit in `width` are left out."""
    parts: list[Part] = []
    used = 0
    for group in groups:
        size = sum(cell_len(text) for text, _ in group) + (len(gap) if parts else 0)
        if used + size <= width:
            parts += [(gap, ""), *group] if parts else group
            used += size
    return parts


def bar(fraction: float, width: int) -> str:
    """A horizontal bar in eighths of a character, filled with spaces to `width`."""
    eighths = round(min(1.0, max(0.0, fraction)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (BLOCKS[rest] if rest else "")).ljust(width)


def milliseconds(ms: float | None) -> str:
    """A latency as people read it: "0.4 ms", "704 ms", "1.4 s"; "-" where there is none."""
    if ms is None:
        return "-"
    if ms >= 999.5:
        return f"{ms / 1000:.1f} s"
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"


def duration(seconds: float) -> str:
    """A wait: "8 s", "2:05", "1:02:03"."""
    s = int(seconds)
    if s < 60:
        return f"{s} s"
    hours, s = divmod(s, 3600)
    return f"{hours}:{s // 60:02}:{s % 60:02}" if hours else f"{s // 60}:{s % 60:02}"


def probability(p: float | None) -> str:
    """Two digits without the leading zero, which carries nothing: ".83", "1.0"; "-" where there is none."""
    if p is None:
        return "-"
    text = f"{p:.2f}"
    return "1.0" if text == "1.00" else text.removeprefix("0")


def abbreviations(names: Mapping[str, str], width: int) -> dict[str, str]:
    """A form of each label for narrow columns: whole if it fits, else its short name of `names` (`code·s`),
    else the parts' first letters (`cs`), else its number; always different from each other."""
    labels = list(names)
    initials = {label: "".join(part[:1] for part in label.split("/")) for label in labels}
    for short in ({label: label for label in labels}, names, initials):
        if len(set(short.values())) == len(labels) and all(len(s) <= width for s in short.values()):
            return dict(short)
    return {label: str(i) for i, label in enumerate(labels, 1)}
