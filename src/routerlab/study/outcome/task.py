"""Tasks whose answers a machine can check: a user's prompt, its label, a right answer, and checks."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, model_validator

from routerlab.core.corpus import Case, Corpus, fold
from routerlab.core.errors import LabError, several
from routerlab.core.files.toml import load_toml, once, unless
from routerlab.core.hashed import Hashed
from routerlab.core.prediction import Record
from routerlab.core.taxonomy import Taxonomy


class _Check(Record):
    """`weight` is what the check counts among the others of its task; `why` says what it is about."""

    weight: float = Field(default=1.0, gt=0)
    why: str | None = None


class PythonCheck(_Check):
    """Python statements, each a test that passes unless it raises; the score is the share that pass.

    Each runs in a fresh namespace after `setup`. `answer` is the whole answer, `code` the code block in it of
    that `language` (the longest one; the whole answer where there is none). With `run` the code is executed
    first, so that its names are there; without, tests look at it as text (SQL by sqlite3, a regular
    expression by re).
    """

    kind: Literal["python"]
    tests: tuple[str, ...] = Field(min_length=1)
    setup: str = ""
    run: bool = True
    language: str = "python"
    seconds: float = Field(default=5.0, gt=0, le=30)


class NumberCheck(_Check):
    """The answer's number: the one after the last `after` (if that is there), else the last one. Right within
    `within` (absolute) or `within_share` of the value. Fractions, percent, thousands, exponents are read."""

    kind: Literal["number"]
    value: float
    within: float = Field(default=0.0, ge=0)
    within_share: float = Field(default=0.0, ge=0)
    after: str | None = None


class ChoiceCheck(_Check):
    """Which of the options the answer settles on: the last one named as its answer."""

    kind: Literal["choice"]
    options: tuple[str, ...] = Field(min_length=2)
    right: str


class RegexCheck(_Check):
    """A regular expression that must (or, with `absent`, must not) be found; case counts if it says so."""

    kind: Literal["regex"]
    pattern: str
    absent: bool = False
    case_sensitive: bool = False


class FactsCheck(_Check):
    """Facts that must be there (each one or one of its wordings; the score is their share), and such as must
    not: one of these makes it 0. Whole words, case and white space folded."""

    kind: Literal["facts"]
    present: tuple[str | tuple[str, ...], ...] = ()
    absent: tuple[str, ...] = ()


class JsonCheck(_Check):
    """The answer's JSON (a fenced block, else the only object or array) under a JSON Schema, and `values`
    (dotted path -> value) that must be in it; the score is the share of the schema (one) and the values."""

    kind: Literal["json"]
    schema_: dict[str, JsonValue] = Field(default_factory=dict, alias="schema")
    values: dict[str, JsonValue] = Field(default_factory=dict)


Count = tuple[int, int]
"""At least and at most."""


class TextCheck(_Check):
    """How a text is built; the score is the share of the rules that hold.

    Lines are those that are not empty, without code fences. `rows` and `columns` are those of a Markdown or
    CSV table (`header` its names in order; rows are without it); `items` are list entries; `syllables` and
    `words_a_line` go line by line; `rhyme` is a pattern such as "ABAB" over the line ends; `acrostic` is what
    the lines' first letters say; `letters_absent` may not occur at all; `sections` are headings that must be
    there in this order.
    """

    kind: Literal["text"]
    words: Count | None = None
    lines: Count | None = None
    sentences: Count | None = None
    paragraphs: Count | None = None
    items: Count | None = None
    rows: Count | None = None
    columns: Count | None = None
    header: tuple[str, ...] | None = None
    syllables: tuple[int, ...] | None = None
    words_a_line: Count | None = None
    rhyme: str | None = None
    acrostic: str | None = None
    letters_absent: str | None = None
    starts: str | None = None
    ends: str | None = None
    sections: tuple[str, ...] | None = None


class FileCheck(_Check):
    """A named file that the answer holds (a code block under or opened by its name), and checks of its
    content; 0 where it is not there. The score is that of its own checks together."""

    kind: Literal["file"]
    name: str
    check: tuple["Check", ...] = ()


Check = Annotated[
    PythonCheck | NumberCheck | ChoiceCheck | RegexCheck | FactsCheck | JsonCheck | TextCheck | FileCheck,
    Field(discriminator="kind"),
]


class Task(Record):
    """A task. `reference` is a whole right answer, as a good model would write it; `wrong` are plausible ones
    that its checks must not let pass. `good` is the score from which an answer is good enough. Tasks of one
    `group` are variants: they are resampled together."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    label: str
    difficulty: Literal["easy", "medium", "hard"]
    prompt: str = Field(min_length=1)
    reference: str = Field(min_length=1)
    wrong: tuple[str, ...] = Field(min_length=2)
    check: tuple[Check, ...] = Field(min_length=1)
    good: float = Field(default=1.0, gt=0, le=1)
    language: str = "en"
    group: str | None = None
    notes: str | None = None


class Tasks(Hashed):
    """A file of tasks, all of one taxonomy. `setup` are texts that several Python checks share: one that says
    `uses = "NAME"` is read with that text before its own `setup`."""

    schema_version: Literal[1]
    name: str = Field(min_length=1)
    taxonomy: str
    description: str = ""
    setup: dict[str, str] = Field(default_factory=dict)
    task: tuple[Task, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _hands_out_setups(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(shared := data.get("setup"), dict):
            return data
        return data | {"task": _with_setups(data.get("task"), shared)}

    @model_validator(mode="after")
    def _are_different(self) -> "Tasks":
        unless(
            once("task", "id", [task.id for task in self.task], "id {} appears twice"),
            once("task", "prompt", [fold(task.prompt) for task in self.task], "the prompt appears twice"),
        )
        return self

    @cached_property
    def by_id(self) -> dict[str, Task]:
        """Task id -> task."""
        return {task.id: task for task in self.task}


def _with_setups(entries: Any, shared: dict[str, Any]) -> Any:
    """Tasks or checks with the shared set-ups in their own; what is none is left for its field to refuse."""
    if not isinstance(entries, list):
        return entries
    found = []
    for entry in entries:
        if isinstance(entry, dict):
            below = {"check": _with_setups(entry["check"], shared)} if "check" in entry else {}
            entry = entry | below
            if entry.get("uses") in shared:
                entry["setup"] = f"{shared[entry.pop('uses')]}{entry.get('setup', '')}"
        found.append(entry)
    return found


def load_tasks(path: Path, taxonomy: Taxonomy) -> Tasks:
    """The tasks in `path`; LabError with file, line and key for everything that is wrong with them."""
    tasks = load_toml(path, Tasks)
    check_labels(path, [(task.id, task.label) for task in tasks.task], taxonomy)
    return tasks


def check_labels(path: Path, labels: Sequence[tuple[str, str]], taxonomy: Taxonomy) -> None:
    """LabError that names every task (id, label) whose label the taxonomy does not have."""
    has = ", ".join(taxonomy.labels)
    if wrong := [(i, label) for i, label in labels if label not in taxonomy.labels]:
        raise several(
            path,
            [
                LabError(f"{path}: task {i}: unknown label {label!r}; the taxonomy has {has}")
                for i, label in wrong
            ],
        )


def corpus_of(tasks: Tasks) -> Corpus:
    """The prompts as a corpus, for what asks routers."""
    shared = {"id", "prompt", "label", "difficulty", "language", "group"}
    cases = tuple(Case.model_validate(task.model_dump(include=shared)) for task in tasks.task)
    return Corpus(schema_version=1, name=tasks.name, taxonomy=tasks.taxonomy, case=cases)


def checks_of(task: Task) -> Iterator[Any]:
    """Every check of a task, those of its files too."""
    todo: list[Any] = list(task.check)
    while todo:
        check = todo.pop()
        todo += getattr(check, "check", ())
        yield check
