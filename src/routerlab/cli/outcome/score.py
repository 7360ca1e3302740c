"""`routerlab outcome score`: the answers that are there, by today's checks."""

from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.shared.show import say
from routerlab.core.text import plural


def score(
    file: Annotated[Path, typer.Argument(metavar="SESSION.toml", help="What `outcome run` has written.")],
    tasks: Annotated[Path, typer.Option("--tasks", help="The tasks, with their checks as they are now.")],
    out: Annotated[Path, typer.Option("--out", help="The new session; the old one stays as it is.")],
) -> None:
    """Score answers anew, without asking anybody: after a check was mended, or with a better sandbox.

    The new session has the same answers, times and costs, and the tasks' labels, difficulty and threshold as
    they are now. Tasks whose prompt is not any more what was asked are refused.

    Example: routerlab outcome score outcomes.toml --tasks corpus/tasks.toml --out anew.toml
    """
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.resources import TAXONOMY
    from routerlab.study.outcome.check.sandbox import open_sandbox
    from routerlab.study.outcome.load import read_outcomes
    from routerlab.study.outcome.run.score import score_anew
    from routerlab.study.outcome.task import load_tasks

    before = read_outcomes(file)
    after = load_tasks(tasks, load_taxonomy(TAXONOMY))
    changed = score_anew(file, before, after, open_sandbox(), out)
    say(f"session: {out}; {plural(len(before.of), 'answer')}, {changed} of another score than before")
