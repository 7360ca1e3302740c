"""All checks of a task together."""

import pytest

from routerlab.core.errors import Exit, LabError
from routerlab.study.outcome.check import score as module
from routerlab.study.outcome.check.sandbox import open_sandbox
from routerlab.study.outcome.check.score import LONGEST, Scored, score
from routerlab.study.outcome.task import Task

ADD = "core.py\n```python\ndef add(a, b): return a + b\n```\n"


def task(*checks: dict[str, object], **more: object) -> Task:
    base = {
        "id": "t",
        "label": "l",
        "difficulty": "easy",
        "prompt": "p",
        "reference": "r",
        "wrong": ["a", "b"],
    }
    return Task.model_validate({**base, "check": checks, **more})


def ask(asked: Task, answer: str) -> Scored:
    return score(asked, answer, open_sandbox())


def test_checks_count_by_their_weight_and_say_what_failed() -> None:
    tests = ["assert add(1, 1) == 2", "assert add(1, 1) == 3"]
    asked = task(
        {"kind": "python", "tests": tests, "weight": 3},
        {"kind": "regex", "pattern": "core", "why": "names it"},
    )
    said = "python: tests 1 of 2; failed: assert add(1, 1) == 3 (AssertionError)"
    assert ask(asked, ADD) == Scored(0.625, (said,))
    assert ask(asked, " \n") == Scored(0.0, ("there is no answer",))


def test_a_file_has_checks_of_its_own_and_its_code_finds_the_others() -> None:
    test = {"kind": "python", "tests": ["assert two() == 2"]}
    more = {"kind": "regex", "pattern": "yield"}
    asked = task(
        {"kind": "file", "name": "main.py", "check": [test, more]}, {"kind": "file", "name": "core.py"}
    )
    main = "main.py:\n```python\nfrom core import add\ndef two(): return add(1, 1)\n```"
    assert ask(asked, ADD + main) == Scored(0.75, ("file: main.py: regex: has no yield",))
    assert ask(asked, ADD) == Scored(0.5, ("file: main.py is not there",))


def test_text_from_strangers_is_escaped_and_cut() -> None:
    asked = task({"kind": "python", "tests": ["f()"]})
    (said,) = ask(asked, "def f(): raise ValueError('\\x1b[2J\\ud800' + 'x' * 10**6)").said
    assert "\x1b" not in said
    assert said.encode()
    assert len(said) <= module.SAID


def test_code_sees_the_answer_as_text() -> None:
    asked = task({"kind": "python", "run": False, "language": "sql", "tests": ["assert code == 'SELECT 1'"]})
    assert ask(asked, "Here:\n```sqlite\nSELECT 1\n```").score == 1.0


def test_a_huge_answer_is_read_to_its_limit() -> None:
    asked = task({"kind": "facts", "present": ["end"]})
    assert [ask(asked, "x " * n + "end").score for n in (10, LONGEST)] == [1.0, 0.0]


def test_what_cannot_be_checked_is_told() -> None:
    verse = task({"kind": "text", "syllables": [5, 7, 5]}, language="de")
    with pytest.raises(LabError, match=r"task t: syllables and rhymes are known of English only"):
        ask(verse, "x")
    with pytest.raises(LabError, match="task t: pattern"):
        ask(task({"kind": "regex", "pattern": "("}), "x")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(LabError, match=r"routerlab\[outcome\]") as e:
        ask(task({"kind": "regex", "pattern": "a"}), "a")
    assert e.value.code is Exit.MISSING
