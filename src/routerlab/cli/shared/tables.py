"""Tables of results for the terminal. Names come from files, so they are shown escaped and without markup."""

from collections.abc import Iterable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from routerlab.core.statistics.agreement import Pair
from routerlab.core.statistics.metrics import ArmSummary
from routerlab.core.text import printable


def summary_table(summaries: Sequence[ArmSummary], families: Mapping[str, str]) -> Table:
    """A row an arm: accuracy with its interval, accuracy per family, parse rate, P50 and P95 in milliseconds.

    `families` is the taxonomy's label -> family. Latencies of trials that ran beside others carry a star.
    """
    names = list(dict.fromkeys(families.values()))
    contended = any(s.contended for s in summaries)
    table = new_summary_table("* measured while other arms were running" if contended else None)
    table.add_column("arm", overflow="fold")
    for heading in ("n", "acc.", "95 %", *names, "parse", "P50 ms", "P95 ms"):
        table.add_column(cell(heading), justify="right", overflow="fold")
    for s in summaries:
        star = "*" if s.contended else ""
        interval = "" if s.low is None or s.high is None else f"{s.low:.2f}-{s.high:.2f}"
        table.add_row(
            cell(s.arm),
            str(s.n),
            _ratio(s.accuracy),
            interval,
            *(_ratio(s.families.get(name)) for name in names),
            _ratio(s.parse_rate),
            _ms(s.p50, star),
            _ms(s.p95, star),
        )
    return table


def pairs_table(pairs: Iterable[Pair]) -> Table:
    """A row a pair of arms: questions both labelled, how often they agreed, how often that was right."""
    table = new_summary_table()
    table.add_column("arms", overflow="fold")
    for heading in ("both answered", "agree", "right where they agree"):
        table.add_column(heading, justify="right")
    for p in pairs:
        table.add_row(
            cell(f"{p.a} & {p.b}"),
            str(p.n),
            f"{_ratio(p.agree_rate)} ({p.agreed}/{p.n})",
            f"{_ratio(p.right_rate)} ({p.right}/{p.scored})",
        )
    return table


def cell(value: object) -> Text:
    """Anything from a file as a cell: control characters escaped, markup not read."""
    return Text(printable(str(value)))


def new_summary_table(caption: str | None = None) -> Table:
    """A table narrow enough for 80 columns: rich shrinks the widest column first, and none to nothing."""
    return Table(
        box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, caption=caption, caption_justify="left"
    )


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _ms(value: float | None, star: str) -> str:
    return "-" if value is None else f"{value:.0f}{star}"
