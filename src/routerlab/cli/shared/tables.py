"""Tables of results for the terminal. Names come from files, so they are shown escaped and without markup."""

from collections.abc import Iterable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from routerlab.core.statistics.metrics import ArmSummary
from routerlab.core.text import printable


def summary_table(summaries: Sequence[ArmSummary], families: Mapping[str, str]) -> Table:
    """A row an arm: accuracy with its interval, accuracy per family, parse rate, P50 and P95 in milliseconds.

    `families` is the taxonomy's label -> family. Latencies of trials that ran beside others carry a star. An
    arm that is read leniently has both parse rates. Where an arm tells how familiar prompts are, or
    abstained, there are columns of that.
    """
    names = list(dict.fromkeys(families.values()))
    contended = any(s.contended for s in summaries)
    notes = ["* measured while other arms were running"] if contended else []
    if any(s.lenient_rate is not None for s in summaries):
        notes.append("parse: read strictly, and + leniently")
    caption = "\n".join(notes) or None
    tell = any(s.unfamiliar is not None or s.abstained for s in summaries)
    known = ("unfam.", "abst.") if tell else ()
    headings = ("n", "acc.", "95 %", *names, "parse", *known, "P50 ms", "P95 ms")
    table = figures_table(caption, ["arm"], headings)
    for s in summaries:
        star = "*" if s.contended else ""
        interval = "" if s.low is None or s.high is None else f"{s.low:.2f}-{s.high:.2f}"
        table.add_row(
            cell(s.arm),
            str(s.n),
            number(s.accuracy, 2),
            interval,
            *(number(s.families.get(name), 2) for name in names),
            number(s.parse_rate, 2, "" if s.lenient_rate is None else f" +{s.lenient_rate:.2f}"),
            *((number(s.unfamiliar, 2), str(s.abstained)) if tell else ()),
            number(s.p50, 0, star),
            number(s.p95, 0, star),
        )
    return table


def cell(value: object) -> Text:
    """Anything from a file as a cell: control characters escaped, markup not read."""
    return Text(printable(str(value)))


def figures_table(caption: str | None, left: Iterable[str], right: Iterable[str] = ()) -> Table:
    """A table narrow enough for 80 columns, of names on the left and figures on the right: rich shrinks the
    widest column first, and none to nothing; long cells fold, none is cut."""
    table = Table(
        box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, caption=caption, caption_justify="left"
    )
    for heading in left:
        table.add_column(cell(heading), overflow="fold")
    for heading in right:
        table.add_column(cell(heading), overflow="fold", justify="right")
    return table


def number(value: float | None, digits: int, more: str = "") -> str:
    """A figure with so many digits, and `more` behind it; "-" where there is none."""
    return "-" if value is None else f"{value:.{digits}f}{more}"
