"""A sitting while it runs, as a result to compare."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from routerlab.core.errors import LabError
from routerlab.core.session.session import Session
from routerlab.engine.lab.lab import Lab
from routerlab.study.report.subject import Subject, sitting_subject
from routerlab.tui.compare.screen import CompareScreen


async def opened(lab: Lab, chosen: str | None = None) -> CompareScreen:
    """The screen over what there is so far, the chosen arm first; LabError without two arms that answered."""
    answers, make = live(lab)
    if not answers:
        raise LabError("nothing to compare so far: ask the arms something first")
    subject = await asyncio.to_thread(make)
    return CompareScreen(subject, lab.taxonomy, lab.settings.keys, chosen, partial(live, lab))


def live(lab: Lab) -> tuple[int, Callable[[], Subject]]:
    """How many answers there are, and what makes a result of copies of them, in a thread."""
    now = lab.session
    session = Session(
        now.header, dict(now.arms), list(now.runs), list(now.marks), list(now.trials), dict(now.cases)
    )
    path = lab.path or Path("sitting")
    return len(session.trials), partial(sitting_subject, path, session, lab.corpus)
