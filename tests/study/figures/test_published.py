"""The tables of the original study from its raw data, and what it did not tell."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from routerlab.core.statistics.gates import parse_gate
from routerlab.study.figures.columns import Columns
from routerlab.study.figures.costs import load_costs
from routerlab.study.figures.result import Analysis
from routerlab.study.load import analysis_of, load
from scripts.study_data import DATA, SHA256

if not all((DATA / name).exists() for name in SHA256):
    pytest.skip(
        "the original study's data is not here; scripts/study_data.py makes it from the study's repository",
        allow_module_level=True,
    )

COLUMNS = Columns(gold="truth", predicted="answer", case="prompt_id", status="parsed", latency="ms")
PRICES = """\
schema_version = 1
date = 2026-03-16
[[machine]]
arms = ["B", "C"]
per_hour = 0.75
[[tokens]]
arms = ["D"]
input_per_million = 0.27
output_per_million = 1.10
"""


@pytest.fixture(scope="module")
def study1() -> Analysis:
    columns = replace(COLUMNS, arm="model", confidence="claimed", chars="length")
    return analysis_of(load(DATA / "study1.csv", columns))


@pytest.fixture(scope="module")
def study2() -> Analysis:
    columns = replace(COLUMNS, cost="dollars", chars="length")
    return analysis_of(load(DATA / "study2.csv", columns, repeats_in_order=True))


@pytest.mark.parametrize("name", SHA256)
def test_the_data_is_the_pinned_one(name: str) -> None:
    assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == SHA256[name]


def test_the_table_of_study_1(study1: Analysis) -> None:
    found = {
        arm.arm: (
            arm.accuracy and round(arm.accuracy.value, 3),
            arm.accuracy and arm.accuracy.right,
            arm.parse_rate and round(arm.parse_rate.value, 3),
            arm.latency and round(arm.latency.p50.value),
            arm.latency and round(arm.latency.p95.value),
        )
        for arm in study1.arms
    }
    assert found == {
        "phi-3.5-mini": (0.717, 43, 0.983, 5772, 6357),
        "qwen2.5-1.5b": (0.400, 24, 0.967, 793, 4636),
        "qwen2.5-3b": (0.783, 47, 1.000, 1088, 1554),
    }


def test_the_comparisons_of_study_1(study1: Analysis) -> None:
    found = [(p.only_a, p.only_b, round(p.p, 6)) for p in study1.pairs]
    assert found == [(25, 6, 0.000878), (8, 12, 0.503445), (4, 27, 0.000034)]


def test_the_labels_of_study_1(study1: Analysis) -> None:
    recall = {arm.arm: [round(s.recall or 0, 2) for s in arm.labels] for arm in study1.arms}
    assert recall == {
        "phi-3.5-mini": [0.8, 1.0, 0.8, 1.0, 0.5, 0.2],
        "qwen2.5-1.5b": [0.9, 0.5, 0.0, 0.0, 1.0, 0.0],
        "qwen2.5-3b": [0.7, 0.7, 0.9, 0.9, 0.9, 0.6],
    }


def test_what_study_1_did_not_tell(study1: Analysis) -> None:
    """Nobody is viable, but only two models are shown not to be: 60 cases close no P95 from above."""
    assert study1.verdict.viable == {
        "phi-3.5-mini": "fail",
        "qwen2.5-1.5b": "fail",
        "qwen2.5-3b": "undecided",
    }
    assert all(arm.latency and arm.latency.p95.high is None for arm in study1.arms)
    lengths = {arm.arm: arm.chars_out and arm.chars_out.p50 for arm in study1.arms}
    assert (lengths["phi-3.5-mini"], lengths["qwen2.5-3b"]) == (506, 44)
    assert "qwen2.5-3b: its confidence is 1 in all 60 answers: it says nothing" in study1.warnings
    assert study1.unanimity is not None
    assert study1.unanimity.right == study1.unanimity.agreed == 15


def test_another_convention_gives_other_percentiles(study1: Analysis) -> None:
    columns = replace(COLUMNS, arm="model")
    linear = analysis_of(load(DATA / "study1.csv", columns), percentile="linear")
    for ours, other in zip(study1.arms, linear.arms, strict=True):
        assert ours.latency is not None
        assert other.latency is not None
        assert other.latency.p95.value < ours.latency.p95.value
        assert other.accuracy == ours.accuracy


def test_the_table_of_study_2(study2: Analysis) -> None:
    found = {
        arm.arm: (
            arm.accuracy and round(arm.accuracy.by_trial, 4),
            arm.parse_rate and round(arm.parse_rate.by_trial, 3),
            arm.latency and round(arm.latency.p50.value),
            arm.latency and round(arm.latency.p95.value),
            arm.cost and round(arm.cost.total, 3),
        )
        for arm in study2.arms
    }
    assert found == {
        "B": (0.5175, 0.915, 977, 1541, 0.0),
        "C": (0.7925, 1.000, 988, 1170, 0.0),
        "D": (0.8300, 1.000, 1854, 2295, 0.034),
    }


def test_what_study_2_did_not_tell(study2: Analysis) -> None:
    by_case = [arm.accuracy and round(arm.accuracy.value, 3) for arm in study2.arms]
    assert by_case == [0.536, 0.783, 0.862]
    assert [w for w in study2.warnings if w.startswith("D: accuracy is 0.862")] == [
        "D: accuracy is 0.862 with cases weighted equally and 0.830 with trials weighted equally: cases were "
        "asked 1 to 12 times"
    ]
    assert [arm.determinism and len(arm.determinism.changed) for arm in study2.arms] == [3, 0, 2]
    right_where_they_agree = [p.agreed_right / p.agreed_scored for p in study2.pairs]
    assert all(0.92 <= share <= 0.97 for share in right_where_they_agree)


def test_repeats_are_not_taken_for_independent_latencies(study2: Analysis) -> None:
    """B's slow answers are those to a few cases: 400 latencies say less about P95 than D's, which scatter."""
    b, _, d = (arm.latency for arm in study2.arms)
    assert b is not None
    assert d is not None
    assert b.n == d.n == 400
    assert b.p95.n_effective < 80 < 380 < d.p95.n_effective
    assert b.p95.high is None
    assert d.p95.high is not None


def test_the_decision_of_study_2_by_its_own_rules(tmp_path: Path) -> None:
    """The API fails the latency gate, so the last row holds, not the second that the study named."""
    prices = tmp_path / "prices.toml"
    prices.write_text(PRICES)
    columns = replace(COLUMNS, cost="dollars")
    log, costs = load(DATA / "study2.csv", columns, repeats_in_order=True), load_costs(prices)
    decision = analysis_of(log, costs=costs).verdict.decision
    assert (decision.row, decision.primary, decision.fallback) == ("api-fails-latency", "C", None)
    without = analysis_of(log, gates=[parse_gate("accuracy>=0.85")], costs=costs).verdict.decision
    assert (without.row, without.primary) == ("slm-wins-both", "C")
    assert "not told apart from it at level 0.05: C" in without.reasons
