"""Answers that are there, by other checks than they were asked with."""

from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY
from routerlab.study.outcome.load import read_outcomes
from routerlab.study.outcome.record import Outcome
from routerlab.study.outcome.run.score import score_anew, scored
from routerlab.study.outcome.task import Task, Tasks, load_tasks
from tests.study.outcome.harness import SANDBOX, opened, plan_file, task, tasks_file, tiny_model
from tests.study.outcome.test_load import NOW


def tasks(folder: Path, *own: dict[str, object]) -> Tasks:
    return load_tasks(tasks_file(folder, own), load_taxonomy(TAXONOMY))


def asked(folder: Path) -> Path:
    """A session with two answers, one of them none."""
    path = plan_file(folder, [task(0), task(1)], {"a": tiny_model(folder)})
    _, file = opened(path, folder / "s.toml")
    told = {"at": NOW, "model": "a", "latency_ms": 5.0, "cost": 0.5, "score": 0.0, "checked": True}
    with file:
        file.append(Outcome.model_validate(told | {"task": "T-00", "status": "ok", "answer": "It is 7."}))
        file.append(Outcome.model_validate(told | {"task": "T-01", "status": "timeout", "error": "no"}))
    return folder / "s.toml"


def test_scored_anew_without_asking(tmp_path: Path) -> None:
    path = asked(tmp_path)
    before = path.read_bytes()
    mended = tasks(tmp_path, task(0, check=[{"kind": "number", "value": 7}], good=0.5), task(1))
    assert score_anew(path, read_outcomes(path), mended, SANDBOX, tmp_path / "anew.toml") == 1
    was, now = read_outcomes(path), read_outcomes(tmp_path / "anew.toml")
    assert path.read_bytes() == before
    assert now.of["T-00", "a"] == was.of["T-00", "a"].model_copy(update={"score": 1.0})
    assert now.of["T-01", "a"] == was.of["T-01", "a"]
    assert now.header.task[0].good == 0.5
    assert now.header.tasks_sha256 == mended.sha256 != was.header.tasks_sha256


def test_another_prompt_was_not_asked(tmp_path: Path) -> None:
    path = asked(tmp_path)
    for own, says in (((task(0),), "T-01"), ((task(0, "Another."), task(1)), "another prompt")):
        with pytest.raises(LabError, match=says):
            score_anew(path, read_outcomes(path), tasks(tmp_path, *own), SANDBOX, tmp_path / "anew.toml")
    assert not (tmp_path / "anew.toml").exists()


def test_a_check_that_fails_is_no_fault_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Outcome(at=NOW, task="T-00", model="a", status="ok", answer="0", checked=False)
    what = Task.model_validate(task(0, check=[{"kind": "regex", "pattern": "("}]))
    found = scored(one, what, SANDBOX)
    assert (found.score, found.checked) == (None, False)
    assert found.error is not None
    assert found.error.startswith("the check failed: ")
