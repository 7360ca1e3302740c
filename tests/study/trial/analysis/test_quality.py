"""Hypotheses about measured answers: by hand, as planted, at looks, and what is missing."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from routerlab.core.corpus import Corpus, prompt_sha256
from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import ROUTES, TAXONOMY
from routerlab.study.outcome.analysis.policies import check_models
from routerlab.study.outcome.load import OutcomeFile, load_matrix
from routerlab.study.outcome.record import ModelRecord, Outcome, OutcomeHeader, TaskRecord
from routerlab.study.outcome.task import corpus_of, load_tasks
from routerlab.study.routing_table import Routes, load_routes
from routerlab.study.trial.analysis.load import open_trial
from routerlab.study.trial.analysis.quality import drawn_p, smallest_p
from routerlab.study.trial.analysis.result import HypothesisResult, TrialResult
from routerlab.study.trial.protocol.answers import of_cases
from routerlab.study.trial.protocol.assignment import Planned
from routerlab.study.trial.protocol.lock import changes, load_lock, lock_path
from routerlab.study.trial.protocol.registration import register
from tests.conftest import REPO
from tests.study.trial.harness import LABELS, Answer, protocol_file, session_file

MODELS = ("local-small", "open-medium", "frontier")
COSTS = (1.0, 2.0, 4.0)
HYPOTHESES = """
[[hypothesis]]
id = "H6b"
says = "Routing saves a quarter of what answers really cost"
endpoint = "cost:measured"
limit = 0.75
[[hypothesis]]
id = "H10"
says = "Answers are hardly worse than the default's"
endpoint = "quality:control"
direction = "not-worse"
margin = 0.1
[[hypothesis]]
id = "H11"
says = "Answers are better than random routing's at the same cost"
endpoint = "quality:random"
direction = "better"
margin = 0.0
"""
Score = Callable[[int, int], float]
"""Of the n-th case and model."""


def outcomes_file(folder: Path, corpus: Corpus, score: Score, leave: tuple[str, str] | None = None) -> Path:
    """A session of outcomes of the corpus's prompts; the answer of `leave` (case, model) is missing."""
    path = folder / "outcomes.toml"
    path.unlink(missing_ok=True)
    header = OutcomeHeader(
        schema_version=1,
        kind="outcomes",
        lab_version="0",
        created=datetime.now(UTC),
        name="by hand",
        taxonomy="front-door",
        model=tuple(ModelRecord(name=name) for name in MODELS),
        task=tuple(TaskRecord(id=f"T-{c.id}", prompt_sha256=prompt_sha256(c.prompt)) for c in corpus.case),
    )
    with OutcomeFile.create(path, header) as file:
        for i, case in enumerate(corpus.case):
            for j, model in enumerate(MODELS):
                if (case.id, model) != leave:
                    one = {"at": header.created, "task": f"T-{case.id}", "model": model, "status": "ok"}
                    found = {"score": score(i, j), "cost": COSTS[j], "checked": True}
                    file.append(Outcome.model_validate(one | found))
    return path


def protocol(folder: Path, score: Score, leave: tuple[str, str] | None = None, **more: object) -> Path:
    """A protocol with these hypotheses too; its outcomes are beside it."""
    path = protocol_file(folder, more=f'outcomes = "{folder}/outcomes.toml"', **more)  # type: ignore[arg-type]
    path.write_text(path.read_text().replace("[cost]", f"{HYPOTHESES}\n[cost]"))
    outcomes_file(folder, load_toml(folder / "round.toml", Corpus), score, leave)
    return path


def result(
    folder: Path, score: Score, answer: Callable[[Planned, str], Answer | None], **more: object
) -> TrialResult:
    told: list[str] = []
    found = open_trial(session_file(folder, protocol(folder, score, None, **more), answer), told.append)
    assert not told
    return found


def named(found: TrialResult, name: str) -> HypothesisResult:
    return next(one for one in found.hypotheses if one.id == name)


def all_right(planned: Planned, gold: str) -> Answer:
    return "ok", gold, 1000.0


def only_keywords(planned: Planned, gold: str) -> Answer:
    """keywords is right, majority says what leads to the default."""
    return "ok", gold if planned.arm == "keywords" else "code/complex", 1000.0


def suits(case: int, model: int) -> float:
    """The model that the table has for the case's label answers it best."""
    right = load_toml(ROUTES, Routes).target(LABELS[case % 6]).name
    return 1.0 if MODELS[model] == right else 0.0


def test_a_worked_example(tmp_path: Path) -> None:
    """Scores 0, 0.5 and 1 for 1, 2 and 4. Of six labels two go to each model: 0.5 for 14/6, and a second of
    the router, which is 0.001. The default has 1 for 4; for 2.3343 random routing gets 0.5 + 0.1672 / 2."""
    found = result(tmp_path, lambda _, model: model / 2, all_right)
    control, random = (named(found, name).tests[0] for name in ("H10", "H11"))
    assert (control.subject, random.subject) == ("keywords - control", "keywords - random")
    assert control.value == pytest.approx(-0.5)
    assert random.value == pytest.approx(0.5 - (0.5 + (14 / 6 + 0.001 - 2) / 4))
    assert control.finding == "refuted"
    assert control.note == "mean score 0.500 against 1.000 on 30 cases"
    (cost, _) = named(found, "H6b").tests
    assert cost.value == pytest.approx((14 / 6 + 0.001) / 4)
    assert cost.finding == "supported"
    assert found.outcomes == "by hand, local-small, open-medium, frontier"


def test_what_is_planted_is_found_and_corrected_with_the_others(tmp_path: Path) -> None:
    found = result(tmp_path, suits, only_keywords)
    by_arm = {one.subject: one for one in named(found, "H11").tests}
    assert by_arm["keywords - random"].finding == "supported"
    # All to the default is as good as a third of the cases says; so is random routing at its cost.
    default = by_arm["majority - random"]
    assert default.value == pytest.approx(0.0, abs=0.01)
    assert default.finding == "undecided"
    ps = sorted((one.p, one.p_adjusted) for one in by_arm.values())
    assert ps[0][1] == pytest.approx(2 * (ps[0][0] or 0))  # Holm
    same = next(one for one in named(found, "H10").tests if one.subject == "majority - control")
    assert (same.value, same.finding) == (0.0, "supported")  # the same answers are not worse


@pytest.mark.parametrize("fraction", [0.5, 0.8])
def test_looks_spend_alpha_on_quality_too(tmp_path: Path, fraction: float) -> None:
    """500 draws give no p below 0.004: enough for what may be spent on two arms at 0.8, not half way. The
    looks end the trial there, as one router is left."""
    looks = f'rule = "obrien-fleming"\nfractions = [{fraction}]\naction = "drop"'
    found = result(tmp_path, suits, only_keywords, cases=120, sessions=120, looks=looks)
    assert found.dropped.keys() == {"majority"}
    keywords, majority = named(found, "H11").tests
    early = fraction == 0.8
    assert keywords.finding == ("supported" if early else "undecided")
    assert keywords.note.endswith("found at look 1" if early else "not tested any further")
    assert majority.finding == "undecided"
    assert majority.note.endswith("was ended at a look: not tested any further")


def test_what_no_look_finds_is_found_at_the_end(tmp_path: Path) -> None:
    looks = 'rule = "obrien-fleming"\nfractions = [0.5]\naction = "record"'
    found = result(tmp_path, suits, only_keywords, cases=120, sessions=120, looks=looks)
    keywords = named(found, "H11").tests[0]
    assert keywords.finding == "supported"
    assert "look" not in keywords.note


def test_a_case_without_an_outcome_is_told_before_anything_runs(tmp_path: Path) -> None:
    path = protocol(tmp_path, suits, leave=("c4", "open-medium"))
    with pytest.raises(LabError, match=r"case c4 is without a score of open-medium: go on with `routerlab"):
        register(path)
    other = outcomes_file(tmp_path, load_toml(tmp_path / "round.toml", Corpus), suits)
    other.write_text(other.read_text().replace(prompt_sha256("prompt number 7"), "0" * 64))
    with pytest.raises(LabError, match=r"outcomes\.toml: case c7 is no task there: ask the models"):
        register(path)
    other.write_text(other.read_text().replace('name = "frontier"', 'name = "frontier-2"'))
    path.write_text(path.read_text() + '\n[[exclude]]\ncase = "c7"\nreason = "no outcome"\n')
    with pytest.raises(LabError, match="model 'frontier' of the routing table has no outcomes"):
        register(path)


def test_outcomes_are_locked_and_without_them_nothing_is_said_of_answers(tmp_path: Path) -> None:
    session = session_file(tmp_path, protocol(tmp_path, suits), all_right)
    path = tmp_path / "outcomes.toml"
    path.write_text(path.read_text().replace("score = 0.0", "score = 0.5", 1))
    work = register(tmp_path / "protocol.toml")
    (change,) = changes(load_lock(lock_path(work.path)), work)
    assert change.startswith("outcomes: another content")
    told: list[str] = []
    found = open_trial(session, told.append)
    assert told == [f"no quality of answers: {path} is not the file that was locked"]
    assert named(found, "H10").found == "not tested: the measured answers are not at hand"
    assert named(found, "H5").tests


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('direction = "better"\n', "", "which needs both"),
        ("margin = 0.1", "margin = 0.0", "not-worse needs a margin above 0"),
        ('endpoint = "cost:measured"', 'endpoint = "cost:measured"\nmargin = 0.1', "direction and margin"),
        ('endpoint = "quality:control"', 'endpoint = "quality:control"\nlimit = 0.5', "needs a limit"),
        ("outcomes = ", "description = ", "H6b is about measured answers"),
    ],
)
def test_a_hypothesis_that_cannot_be_tested_is_refused(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = protocol(tmp_path, suits)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(LabError, match=words):
        register(path)


def test_the_tasks_of_this_project_make_a_trial_whose_outcomes_are_known() -> None:
    tasks = load_tasks(REPO / "corpus" / "tasks.toml", load_taxonomy(TAXONOMY))
    path = REPO / "benchmarks" / "outcome" / "local-outcomes.toml"
    cases = corpus_of(tasks).case
    found = of_cases(path, load_matrix(path), cases)
    assert found.tasks == tuple(task.id for task in tasks.task)
    assert found.labels == tuple(case.label for case in cases)
    check_models(found, load_routes(REPO / "corpus" / "routes-local.toml", load_taxonomy(TAXONOMY)))


def test_the_p_of_the_smallest_is_that_of_one_and_of_several_by_hand() -> None:
    one = np.random.default_rng(1).normal(0.4, 0.3, (1001, 1))
    assert smallest_p(one, 0.1) == drawn_p(one[1:, 0], 0.1)
    # Of four draws two of the second are not above 0: 2 (2 + 1) / 5; one is not above -0.15.
    figures = np.array([[0.3, 0.2], [0.2, -0.1], [0.4, 0.1], [0.1, -0.2], [0.3, 0.4]])
    assert smallest_p(figures, 0.0) == 1.0
    assert smallest_p(figures, -0.15) == pytest.approx(2 * 2 / 5)
