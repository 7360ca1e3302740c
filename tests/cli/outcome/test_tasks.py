"""`routerlab outcome tasks`."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routerlab.cli.outcome.group import app
from routerlab.core.corpus import load_corpus
from routerlab.core.errors import Exit, LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY
from tests.conftest import REPO

TASKS = """\
schema_version = 1
name = "mine"
taxonomy = "front-door"

[[task]]
id = "one"
label = "code/simple"
difficulty = "easy"
prompt = "Write f, which adds one."
reference = "def f(x): return x + 1"
wrong = ["def f(x): return x", "I cannot do that."]
[[task.check]]
kind = "python"
tests = ["assert f(1) == 2"]

[[task]]
id = "two"
label = "CoT/simple"
difficulty = "hard"
prompt = "What is 6 times 7?"
reference = "42"
wrong = ["41", "none"]
[[task.check]]
kind = "number"
value = 42
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.toml"
    path.write_text(TASKS)
    return path


def test_sound_tasks_are_counted_and_written_as_a_corpus(file: Path) -> None:
    corpus = file.with_name("corpus.toml")
    result = CliRunner().invoke(app, ["tasks", str(file), "--corpus", str(corpus)])
    assert result.exit_code == 0, result.output
    assert "mine: 2 tasks" in result.stdout
    assert "checks: python 1, number 1" in result.stdout
    assert "code runs in" in result.stderr
    cases = load_corpus(corpus, load_taxonomy(TAXONOMY)).case
    assert [(one.id, one.label) for one in cases] == [("one", "code/simple"), ("two", "CoT/simple")]


def test_the_task_of_the_manual_is_sound(file: Path) -> None:
    example, *_ = re.findall(
        r"```toml\n(schema_version.*?)^```", (REPO / "docs/outcome.md").read_text(), re.S | re.M
    )
    file.write_text(example)
    result = CliRunner().invoke(app, ["tasks", str(file)])
    assert result.exit_code == 0, result.output


def test_every_fault_is_a_line(file: Path) -> None:
    file.write_text(
        TASKS.replace('"I cannot do that."', '"def f(x): return 2"').replace("value = 42", "value = 7")
    )
    result = CliRunner().invoke(app, ["tasks", str(file)])
    assert result.exit_code == Exit.CHECK_FAILED
    faults = [line.removeprefix(f"{file}: ") for line in result.stderr.splitlines()[1:]]
    assert faults == [
        "task one: wrong answer 2 scores 1.00, and less than 1 was wanted",
        "task two: the reference scores 0.00, less than 1: number: gives 42 instead of 7",
        "task two: the prompt itself scores 1.00, and less than 1 was wanted",
        "3 faults",
    ]


def test_a_file_that_cannot_be_read_is_told(file: Path) -> None:
    file.write_text(TASKS.replace("CoT/simple", "CoT"))
    result = CliRunner().invoke(app, ["tasks", str(file)])
    assert isinstance(result.exception, LabError)
    assert result.exception.code is Exit.USAGE
