"""What the models screen says: rows, what is known of one, how far the jobs are. Pure functions."""

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text
from textual.content import Content

from routerlab.core.text import printable
from routerlab.models.progress import human
from routerlab.models.stock import State, Stock
from routerlab.tui.models.jobs import Job, Phase
from routerlab.tui.shared.palette import Palette, cell
from routerlab.tui.shared.text import Part, bar, fit, fit_name, one_line

SIGNS: dict[State, str] = {"here": "✓", "partial": "◐", "absent": "·", "damaged": "✗"}
WORDS: dict[State, str] = {
    "here": "here",
    "partial": "unfinished",
    "absent": "to pull",
    "damaged": "damaged",
}
JOB_SIGNS: dict[Phase, str] = {"done": "✓", "failed": "✗", "stopped": "■", "waiting": "…"}
COLUMNS = (("params", 7), ("quant", 8), ("size", 9), ("state", 10))
LICENCE, ABOUT = 24, 30
BAR = 20
SHOWN = 4
"""Jobs that are listed at most, the newest."""


def ordered(rows: Sequence[Stock]) -> list[Stock]:
    """Those that are here first, in whatever state, else as they come."""
    return sorted(rows, key=lambda row: row.state == "absent")


def head_text(rows: Sequence[Stock], folder: Path, free: int, width: int, p: Palette) -> Content:
    """How many are here, how large, where, and how much room is left."""
    here = [row for row in rows if row.state in ("here", "damaged")]
    size = human(sum(row.size or 0 for row in here))
    facts = f"{len(here)} here, {size}, in {folder}; {human(free)} free"
    return Content.assemble(("Models", "bold"), "  ", (one_line(facts, max(0, width - 8)), p.dim))


def model_cells(
    rows: Sequence[Stock], width: int, p: Palette
) -> tuple[list[tuple[str, int]], list[list[Text]]]:
    """The table: headings with their widths, and rows; the licence and what is known where there is room."""
    licence = width >= 100
    taken = 2 + sum(size + 1 for _, size in COLUMNS) + (LICENCE + 1 if licence else 0)
    name = max(16, min(44, width - taken - 2))
    about = width - taken - name - 4
    notes = licence and about >= ABOUT

    def cells(row: Stock) -> list[Text]:
        style = {"here": p.good, "partial": p.warn, "absent": p.dim, "damaged": p.bad}[row.state]
        faint = p.dim if row.state == "absent" else ""
        state = WORDS[row.state]
        figures = [row.parameters or "?", row.quantization or "?", human(row.size) if row.size else "?"]
        return [
            cell(SIGNS[row.state], style),
            cell(fit_name(printable(row.id), name), "bold" if row.starter else ""),
            *(
                cell(fit(printable(text), size), faint)
                for text, (_, size) in zip(figures, COLUMNS, strict=False)
            ),
            cell(fit(state, COLUMNS[-1][1]), style),
            *([cell(fit(printable(row.license or "?"), LICENCE), p.dim)] if licence else []),
            *([cell(one_line(row.notes, about), p.dim)] if notes else []),
        ]

    heads = [("", 1), ("model", name), *COLUMNS, *([("licence", LICENCE)] if licence else [])]
    return [*heads, *([("about", about)] if notes else [])], [cells(row) for row in rows]


def model_text(row: Stock | None, width: int, p: Palette) -> Content:
    """What is known of the chosen model, two lines."""
    if row is None:
        return Content("\n")
    starter = "a starter: the Lab opens with it. " if row.starter else ""
    where = (
        str(row.path) if row.path else "p pulls it" if row.state == "absent" else "p goes on with the pull"
    )
    if row.state == "damaged":
        where += ": not as the catalogue has it; v verifies, p pulls it again"
    notes = one_line(f"{starter}{row.notes}" or "nothing else is known of it", width)
    return Content.assemble((notes, ""), "\n", (one_line(where, width), p.dim))


def jobs_text(jobs: Sequence[Job], width: int, p: Palette) -> Content:
    """The newest jobs, a line each: what is done, a bar, how far, or how it ended."""
    lines = [_job_line(job, width, p) for job in jobs[-SHOWN:]]
    return Content("\n").join(lines)


def _job_line(job: Job, width: int, p: Palette) -> Content:
    style = {"done": p.good, "failed": p.bad, "stopped": p.warn}.get(job.phase, p.accent)
    sign = JOB_SIGNS.get(job.phase, "▶")
    parts: list[Part] = [(f"{sign} ", style), (one_line(job.title, 40), "bold"), ("  ", "")]
    room = max(0, width - sum(len(text) for text, _ in parts[:2]) - 4)
    told = job.progress
    if not job.active:
        parts.append((one_line(job.message, room), style if job.phase == "failed" else p.dim))
    elif job.phase == "waiting":
        parts.append(("waits for its turn", p.dim))
    elif job.phase == "stopping":
        parts.append(("stopping", p.warn))
    elif told is None:
        parts.append((one_line(job.note, room), p.dim))
    elif told.total:
        parts.append((bar(told.done / told.total, BAR), p.accent))
        amount = f" {told.done / told.total:4.0%}  {human(told.done)} of {human(told.total)}  {told.text}"
        parts.append((one_line(amount, max(0, room - BAR)), p.dim))
    else:
        parts.append((one_line(f"{human(told.done)}  {told.text}", room), p.dim))
    return Content.assemble(*parts)
