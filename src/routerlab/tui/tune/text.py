"""The tune screen's lines: models, progress, how it ended. Pure functions."""

from textual.content import Content

from routerlab.core.text import printable
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import duration, fit, fit_name, one_line
from routerlab.tui.tune.candidates import Entry
from routerlab.tui.tune.process import Tuning

LONGEST = 400
"""Characters of a message that are shown."""
HINT = "enter tunes the chosen model; l lets its router learn from the annotations"


def entry_text(entry: Entry, width: int) -> Content:
    """A line of the list: a model and the router it has."""
    router = entry.router.name if entry.router else "no router yet"
    room = width * 11 // 20
    return Content.assemble(
        fit_name(printable(entry.name), room),
        ("  " + fit(printable(router), width - room - 2), "$dim"),
    )


def progress_text(tuning: Tuning, width: int, p: Palette) -> Content:
    """The job, and its stage with a bar and the time."""
    if tuning.job is None:
        return Content("")
    step, time = tuning.step, duration(tuning.elapsed)
    parts: list[tuple[str, str]] = [(one_line(tuning.job.title, width), "bold"), ("\n", "")]
    if not tuning.active:
        return Content.assemble(*parts, (f"after {time}", p.dim))
    room = max(4, width - len(time) - 2)
    full = round(room * min(1.0, step.done / step.total)) if step and step.total > 0 else 0
    count = f"  {step.done}/{step.total}" if step else ""
    return Content.assemble(
        *parts,
        (one_line(step.stage if step else "starting", width - len(count)), ""),
        (f"{count}\n", p.dim),
        ("━" * full, p.accent),
        ("─" * (room - full), p.faint),
        (f"  {time}", p.dim),
    )


def said_text(tuning: Tuning, p: Palette) -> Content:
    """How it ended, and what to do next."""
    message = one_line(tuning.message, LONGEST)
    match tuning.phase:
        case "idle":
            return Content.styled(HINT, p.dim)
        case "running":
            return Content("")
        case "stopping":
            return Content.styled("stopping; what was read is kept", p.warn)
        case "failed":
            return Content.styled(f"failed: {message}", p.bad)
        case "cancelled":
            return Content.styled(message, p.warn)
    name = one_line(tuning.outcome.done.name, 60) if tuning.outcome else ""
    if tuning.added:
        return Content.styled(f"done: {name} is the arm {one_line(tuning.added, 60)}", p.good)
    return Content.styled(f"done: {name}; enter or a adds it to the lab", p.good)
