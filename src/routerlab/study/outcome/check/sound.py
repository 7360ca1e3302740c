"""Are tasks sound: does a right answer pass, and nothing else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from routerlab.core.errors import LabError
from routerlab.study.outcome.check.sandbox import Sandbox
from routerlab.study.outcome.check.score import score
from routerlab.study.outcome.task import Task, Tasks


def faults_of(tasks: Tasks, sandbox: Sandbox, together: int) -> Iterator[str]:
    """What is wrong with each task, in order, as lines that begin with its id; `together` tasks at a time.

    The reference must score at least `good`; each wrong answer, an empty one and the prompt itself less.
    """
    with ThreadPoolExecutor(together) as pool:
        for faults in pool.map(lambda task: _faults(task, sandbox), tasks.task):
            yield from faults


def _faults(task: Task, sandbox: Sandbox) -> list[str]:
    try:
        return list(_checked(task, sandbox))
    except LabError as e:
        return [str(e)]


def _checked(task: Task, sandbox: Sandbox) -> Iterator[str]:
    right = score(task, task.reference, sandbox)
    if right.score < task.good:
        said = "; ".join(right.said)
        yield f"task {task.id}: the reference scores {right.score:.2f}, less than {task.good:g}: {said}"
    others = {f"wrong answer {number}": text for number, text in enumerate(task.wrong, 1)}
    for name, answer in {**others, "an empty answer": "", "the prompt itself": task.prompt}.items():
        if (got := score(task, answer, sandbox).score) >= task.good:
            yield f"task {task.id}: {name} scores {got:.2f}, and less than {task.good:g} was wanted"
