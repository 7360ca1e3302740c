"""What an answer scores: the weighted share of its task's checks."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable
from routerlab.study.outcome.check.choice import check_choice
from routerlab.study.outcome.check.extract import file_of, files_of
from routerlab.study.outcome.check.facts import check_facts, check_regex
from routerlab.study.outcome.check.json import check_json
from routerlab.study.outcome.check.number import check_number
from routerlab.study.outcome.check.python import check_python
from routerlab.study.outcome.check.sandbox import Sandbox
from routerlab.study.outcome.check.text import check_text
from routerlab.study.outcome.task import (
    Check,
    ChoiceCheck,
    FactsCheck,
    FileCheck,
    JsonCheck,
    NumberCheck,
    PythonCheck,
    RegexCheck,
    Task,
    TextCheck,
    checks_of,
)

LONGEST = 20_000
"""Characters of an answer that are looked at."""
SAID = 400
"""Characters of what a check says."""


@dataclass(frozen=True)
class Scored:
    """`score` is 0..1; `said` has a line for each check that did not hold whole, and is empty otherwise."""

    score: float
    said: tuple[str, ...]


def score(task: Task, answer: str, sandbox: Sandbox) -> Scored:
    """The weighted mean of the task's checks of that answer; an empty one scores 0. LabError where a check
    itself is wrong."""
    if missing := [name for name in ("jsonschema", "pronouncing", "regex") if find_spec(name) is None]:
        raise LabError(f"checking answers needs {missing[0]}: pip install 'routerlab[outcome]'", Exit.MISSING)
    if not answer.strip():
        return Scored(0.0, ("there is no answer",))
    try:
        unsupported(task)
        share, said = _all(task.check, answer[:LONGEST], files_of(answer[:LONGEST]), sandbox)
    except LabError as e:
        raise LabError(f"task {task.id}: {e}", e.code) from None
    return Scored(share, tuple(printable(line)[:SAID] for line in said))


def unsupported(task: Task) -> None:
    """LabError for a check that cannot be made of answers in the task's language."""
    for check in checks_of(task):
        if isinstance(check, TextCheck) and (check.syllables or check.rhyme) and task.language != "en":
            raise LabError(
                f"syllables and rhymes are known of English only, the task is {task.language!r}; "
                "use words_a_line or another rule"
            )


def _all(
    checks: Iterable[Check], answer: str, files: dict[str, str], sandbox: Sandbox, *, is_file: bool = False
) -> tuple[float, list[str]]:
    total = weights = 0.0
    said: list[str] = []
    for check in checks:
        share, words = _one(check, answer, files, sandbox, is_file)
        total += check.weight * share
        weights += check.weight
        said += [f"{check.why or check.kind}: {line}" for line in words]
    return (total / weights if weights else 1.0), said


def _one(
    check: Check, answer: str, files: dict[str, str], sandbox: Sandbox, is_file: bool
) -> tuple[float, list[str]]:
    match check:
        case PythonCheck():
            share, words = check_python(check, answer, files, sandbox, is_file=is_file)
        case NumberCheck():
            share, words = check_number(check, answer)
        case ChoiceCheck():
            share, words = check_choice(check, answer)
        case RegexCheck():
            share, words = check_regex(check, answer)
        case FactsCheck():
            share, words = check_facts(check, answer)
        case JsonCheck():
            share, words = check_json(check, answer)
        case TextCheck():
            share, words = check_text(check, answer)
        case FileCheck():
            content = file_of(answer, check.name)
            if content is None:
                return 0.0, [f"{check.name} is not there"]
            share, said = _all(check.check, content, files, sandbox, is_file=True)
            return share, [f"{check.name}: {line}" for line in said]
    return share, [words] if words else []
