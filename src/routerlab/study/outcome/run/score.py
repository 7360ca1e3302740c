"""What an answer scores, by the checks of its task."""

from pathlib import Path

from routerlab.core.errors import Exit, LabError
from routerlab.study.outcome.check.sandbox import Sandbox
from routerlab.study.outcome.check.score import score
from routerlab.study.outcome.load import OutcomeFile, Outcomes
from routerlab.study.outcome.record import Outcome
from routerlab.study.outcome.run.begin import task_record
from routerlab.study.outcome.task import Task, Tasks


def scored(outcome: Outcome, task: Task, sandbox: Sandbox) -> Outcome:
    """The outcome with its score: 0 for what is no answer. A check that fails itself gives none, and the
    error says why: it is no fault of the model. LabError (exit 3) when what checks need is missing."""
    if outcome.status != "ok" or outcome.answer is None:
        return outcome.model_copy(update={"score": 0.0, "said": (), "checked": True})
    try:
        found = score(task, outcome.answer, sandbox)
    except Exception as e:
        if isinstance(e, LabError) and e.code == Exit.MISSING:
            raise
        error = f"the check failed: {type(e).__name__}: {e}"
        return outcome.model_copy(update={"score": None, "said": (), "error": error, "checked": False})
    return outcome.model_copy(
        update={"score": found.score, "said": found.said, "error": None, "checked": True}
    )


def score_anew(path: Path, before: Outcomes, tasks: Tasks, sandbox: Sandbox, out: Path) -> int:
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
    told = {"task": tuple(records), "tasks_sha256": tasks.sha256, "sandbox": sandbox.words}
    changed = 0
    with OutcomeFile.create(out, header.model_copy(update=told)) as file:
        for one in before.of.values():
            anew = scored(one, known[one.task], sandbox)
            changed += anew.score != one.score
            file.append(anew)
    return changed
