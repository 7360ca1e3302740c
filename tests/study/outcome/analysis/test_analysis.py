"""The whole of it: figures by hand, verdicts as planted, the number of tasks that would decide."""

from dataclasses import replace

import numpy as np
import pytest

from routerlab.core.corpus import prompt_sha256
from routerlab.core.errors import LabError
from routerlab.study.figures.arm import Estimate, Settings
from routerlab.study.outcome.analysis.analysis import Features, analyse
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.labels import Labelled
from routerlab.study.outcome.analysis.verdict import finding, needed
from routerlab.study.report.html import page
from routerlab.study.report.markdown import markdown
from routerlab.study.report.sections.outcome import heading, sections
from tests.study.outcome.analysis.harness import LABELS, matrix, planted, routes

QUICK = Settings(resamples=1000)


def said_by(name: str, tasks: tuple[str, ...], labels: list[str]) -> Labelled:
    return Labelled(name, "router", {prompt_sha256(t): label for t, label in zip(tasks, labels, strict=True)})


def test_figures_by_hand() -> None:
    m = matrix([[1, 0], [1, 1], [0, 1], [0, 0]], labels=[LABELS[0], LABELS[0], LABELS[1], LABELS[1]])
    router = said_by("r", m.tasks, [LABELS[0], LABELS[1], LABELS[1], LABELS[0]])
    found = {one.name: one for one in analyse(m, "s", [router], routes(), settings=QUICK).policies}
    own = found["r"]
    assert (own.quality.value, own.accuracy) == (0.75, 0.5)
    assert own.cost is not None
    assert own.cost.value == pytest.approx(1500)
    assert own.latency_ms is not None
    assert own.latency_ms.value == pytest.approx(150)
    assert own.p95_ms is not None
    assert own.p95_ms.value == 200
    assert own.vs_control is not None
    assert own.vs_control.value == pytest.approx(0.25)  # all to large: 0.5
    # Both models have 0.5, so chance at any cost has, and at its own mix.
    assert own.vs_random is not None
    assert own.vs_random.value == pytest.approx(0.25)
    assert found["random as r"].quality.value == pytest.approx(0.5)
    assert found["oracle"].quality.value == 0.75
    assert own.mix == {"small": 0.5, "large": 0.5}


def test_quantiles_count_shares() -> None:
    tasks = Tasks((None,) * 4, Settings(resamples=300))
    values = np.array([[10.0, 100.0]] * 4)
    mixed = np.tile([0.97, 0.03], (4, 1))
    assert tasks.quantile(values, mixed, 0.95)[0] == 10
    assert tasks.quantile(values, np.tile([0.9, 0.1], (4, 1)), 0.95)[0] == 100


def test_intervals_draw_groups_whole() -> None:
    values = np.repeat(np.random.default_rng(0).random(30), 10)[:, None]
    alone = Tasks((None,) * 300, QUICK).means(values)
    together = Tasks(tuple(f"g{i // 10}" for i in range(300)), QUICK).means(values)
    assert together.std() / alone.std() == pytest.approx(10**0.5, rel=0.15)


def test_intervals_of_paired_differences_are_scipys() -> None:
    from scipy.stats import bootstrap  # type: ignore[attr-defined]

    score = np.random.default_rng(3).random((200, 2)) ** [1.0, 1.5]
    tasks = Tasks((None,) * 200, Settings(resamples=5000))
    means, drawn = score.mean(axis=0), tasks.means(score)
    own = tasks.estimate(means[0] - means[1], drawn[:, 0] - drawn[:, 1])
    theirs = bootstrap((score[:, 0] - score[:, 1],), np.mean, n_resamples=5000, method="percentile", rng=1)
    assert (own.low, own.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.006)


@pytest.mark.parametrize(("effect", "says"), [(0.8, "supported"), (0.0, "undecided")])
def test_the_verdict_is_as_planted(effect: float, says: str) -> None:
    m, said = planted(200, effect, 0.7, 2)
    result = analyse(m, "s", [said_by("r", m.tasks, said)], routes(), settings=QUICK)
    assert result.verdict.finding == says
    assert result.verdict.router == "r"
    assert [one.key for one in result.verdict.statements] == ["label", "random"]
    assert len(result.verdict.sentences) == 3
    more = [one.needed for one in result.verdict.statements if one.finding == "undecided"]
    assert all(n is None or n > 200 for n in more)


def test_with_enough_tasks_no_effect_is_refuted() -> None:
    m, said = planted(2000, 0.0, 0.7, 3)
    result = analyse(m, "s", [said_by("r", m.tasks, said)], routes(), settings=QUICK, worth=0.1)
    assert result.verdict.finding == "refuted"
    assert result.verdict.sentences[0].startswith("Refuted")


def test_the_tasks_that_would_decide_are_those_of_the_narrower_interval() -> None:
    # Half as wide decides, for which it takes four times as many.
    effect = Estimate(value=0.04, low=-0.04, high=0.12)
    assert finding(effect, 0.02) == "undecided"
    assert needed(effect, 0.02, 100) == 401
    none = Estimate(value=-0.01, low=-0.04, high=0.05)  # refuted where 0.06 is less than 0.03
    assert needed(none, 0.02, 100) == pytest.approx(401, abs=1)
    assert needed(Estimate(value=0.04, low=0.03, high=0.05), 0.02, 100) is None
    assert needed(Estimate(value=0.0, low=0.0, high=0.0), 0.0, 100) is None
    assert finding(Estimate(value=0.01, low=0.005, high=0.015), 0.02) == "refuted"
    assert finding(Estimate(value=0.01, low=None, high=None), 0.02) == "undecided"


def test_of_one_group_it_is_said_that_there_is_no_interval() -> None:
    m, said = planted(60, 0.8, 0.7, 2)
    one = replace(m, group=("all",) * 60)
    verdict = analyse(one, "s", [said_by("r", m.tasks, said)], routes(), settings=QUICK).verdict
    assert verdict.finding == "undecided"
    assert "with tasks of one group there is no interval" in verdict.sentences[0]


def test_without_a_table_labellers_get_the_one_that_suits_them() -> None:
    m, said = planted(200, 0.8, 0.9, 4)
    bare = matrix(m.score, m.cost)
    result = analyse(bare, "s", [said_by("r", m.tasks, said)], settings=QUICK)
    (own,) = [one for one in result.policies if one.kind == "table"]
    assert own.name == "learned table by r"
    assert own.quality.value > 0.8
    assert result.verdict.finding == "supported"


def test_a_direct_router_that_wins_is_said_to() -> None:
    m, _ = planted(200, 0.0, 1.0, 5)
    score = np.eye(2)[(np.random.default_rng(0).random(200) < 0.7).astype(int)]
    m = matrix(score, m.cost, m.labels)
    known = {prompt_sha256(t): np.append(row, 1.0) for t, row in zip(m.tasks, score, strict=True)}
    result = analyse(m, "s", features=Features("probe", known), settings=QUICK)
    assert any(
        note.startswith("the direct router beats the learned table by gold labels") for note in result.notes
    )
    assert any("the direct router recovers 1." in note for note in result.notes)
    with pytest.raises(LabError, match="no features of 200 of 200 tasks"):
        analyse(m, "s", features=Features("probe", {}), settings=QUICK)


def test_what_does_not_fit_together_is_told() -> None:
    m, said = planted(20, 0.5, 1.0, 6)
    with pytest.raises(LabError, match="none of its labels is of a task"):
        analyse(m, "s", [Labelled("r", "router", {"0": LABELS[0]})], routes(), settings=QUICK)
    some = said_by("r", m.tasks[:15], said[:15])
    notes = analyse(m, "s", [some], routes(), settings=QUICK).notes
    assert "r has no label for 5 of 20 tasks: they go to the default" in notes
    with pytest.raises(LabError, match="two have the name 'r'"):
        analyse(m, "s", [some, some], routes(), settings=QUICK)
    with pytest.raises(LabError, match="one model only"):
        analyse(matrix([[1.0], [0.0]], models=("one",)), "s", settings=QUICK)


def test_a_report_begins_with_the_verdict_in_three_sentences() -> None:
    m, said = planted(60, 0.8, 0.7, 7)
    hostile = "<script>alert(1)</script>"
    result = analyse(m, "s", [said_by(hostile, m.tasks, said)], routes(), settings=QUICK)
    title, facts = heading(result)
    html = page(title, sections(result), facts)
    assert "alert(1)</script>" not in html
    first = html.index(result.verdict.sentences[0])
    assert first < html.index("<svg") < html.index("Ways of routing", html.index("<svg"))
    text = markdown(title, sections(result), facts)
    assert "The effect of a right label" in text
    assert "NaN" not in text
    assert "nan" not in text.split("What labels say")[0]


def test_unknown_costs_and_times_leave_their_columns_out() -> None:
    m, said = planted(40, 0.5, 0.8, 8)
    nothing = np.full((40, 2), np.nan)
    bare = matrix(m.score, nothing, m.labels, latency_ms=nothing)
    result = analyse(bare, "s", [said_by("r", m.tasks, said)], routes(), settings=QUICK)
    assert all(one.cost is one.p95_ms is one.vs_random is None for one in result.policies)
    assert result.verdict.statements[1].says == "r gives better answers than random routing with the same mix"
    assert "per 1,000" not in markdown("t", sections(result))
    assert "NaN" not in result.model_dump_json()
