"""What an answer scores, by the checks of its task."""

from collections.abc import Callable
from pathlib import Path

from routerlab.core.errors import LabError
from routerlab.study.outcome.load import OutcomeFile, Outcomes
from routerlab.study.outcome.record import Outcome
from routerlab.study.outcome.run.begin import task_record
from routerlab.study.outcome.task import Task, Tasks

Check = Callable[[Task, str], tuple[float, tuple[str, ...]] | None]
"""The score (0..1) of an answer and what its checks say; None where nothing can check it."""


def scored(outcome: Outcome, task: Task, check: Check) -> Outcome:
    """The outcome with its score: 0 for what is no answer. A check that fails itself gives none, and the
    error says why: it is no fault of the model."""
    if outcome.status != "ok" or outcome.answer is None:
        return outcome.model_copy(update={"score": 0.0, "said": (), "checked": True})
    try:
        found = check(task, outcome.answer)
    except Exception as e:
        error = f"the check failed: {type(e).__name__}: {e}"
        return outcome.model_copy(update={"score": None, "said": (), "error": error, "checked": False})
    score, said = found if found is not None else (None, ())
    return outcome.model_copy(
        update={"score": score, "said": said, "error": None, "checked": score is not None}
    )


def score_anew(
    path: Path, before: Outcomes, tasks: Tasks, check: Check, sandbox: str | None, out: Path
) -> int:
    """Write the session in `path`, which says what is in `before`, to `out` with scores by these tasks; how
    many differ. LabError when a task was changed or is missing, or `out` is there."""
    known, header = tasks.by_id, before.header
    records = []
    for was in header.task:
        if was.id not in known:
            raise LabError(f"{path}: asked task {was.id}, which {tasks.name} does not have")
        records.append(now := task_record(known[was.id]))
        if was.prompt_sha256 not in (None, now.prompt_sha256):
            raise LabError(f"{path}: task {was.id} had another prompt when it was asked; ask it again")
    told = {"task": tuple(records), "tasks_sha256": tasks.sha256, "sandbox": sandbox}
    changed = 0
    with OutcomeFile.create(out, header.model_copy(update=told)) as file:
        for one in before.of.values():
            anew = scored(one, known[one.task], check)
            changed += anew.score != one.score
            file.append(anew)
    return changed
