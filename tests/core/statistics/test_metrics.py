"""Accuracy, parse rate and latency figures, against scikit-learn and the literal definitions."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from routerlab.core.prediction import Latency, Trial
from routerlab.core.statistics.intervals import wilson
from routerlab.core.statistics.metrics import (
    CaseMean,
    Running,
    accuracy,
    family_accuracy,
    lenient_rate,
    parse_rate,
    summarise,
)
from routerlab.core.statistics.quantiles import percentile

AT = datetime(2026, 11, 23, tzinfo=UTC)
FAMILIES = {"code/simple": "code", "code/complex": "code", "CoT/simple": "CoT", "hybrid/agentic": "hybrid"}
LABELS = list(FAMILIES)


def trial(case: str | None = "c1", label: str | None = "code/simple", ms: float = 1.0, **more: Any) -> Trial:
    facts: dict[str, Any] = {
        "id": "t1",
        "at": AT,
        "arm": "a",
        "gold": "code/simple",
        "status": "unparsed" if label is None else "ok",
        "contended": False,
    }
    return Trial(case=case, label=label, latency_ms=Latency(total=ms), **{**facts, **more})


def some_trials(n: int, seed: int, cases: int) -> list[Trial]:
    rng = random.Random(seed)
    gold = [rng.choice(LABELS) for _ in range(cases)]
    trials = []
    for i in range(n):
        case = i if n == cases else rng.randrange(cases)
        label = rng.choice([*LABELS, gold[case], gold[case], None])
        trials.append(trial(f"c{case}", label, rng.expovariate(0.01), gold=gold[case]))
    return trials


def test_accuracy_with_one_repeat_is_scikit_learns() -> None:
    from sklearn.metrics import accuracy_score

    trials = some_trials(60, seed=1, cases=60)
    expected = accuracy_score([t.gold for t in trials], [t.label or "none" for t in trials])
    assert accuracy(trials) == pytest.approx(expected)


def test_cases_weigh_the_same_however_often_they_were_asked() -> None:
    from sklearn.metrics import accuracy_score

    trials = [trial("c1")] * 9 + [trial("c2", "CoT/simple")]
    assert accuracy(trials) == pytest.approx(0.5)
    weights = [1 / 9] * 9 + [1.0]
    gold, labels = [t.gold for t in trials], [t.label for t in trials]
    assert accuracy(trials) == pytest.approx(accuracy_score(gold, labels, sample_weight=weights))


def test_what_counts_as_wrong() -> None:
    assert accuracy([]) is None
    assert accuracy([trial(gold=None)]) is None
    assert accuracy([trial(label=None, status="cancelled")]) is None
    for status in ("unparsed", "refused", "crashed", "timeout"):
        assert accuracy([trial("c1"), trial("c2", None, status=status)]) == 0.5
        assert parse_rate([trial("c1"), trial("c2", None, status=status)]) == 0.5
    assert parse_rate([trial("c1"), trial("c2", None, status="cancelled")]) == 1.0
    assert parse_rate([]) is None


def test_typed_prompts_are_cases_of_their_own() -> None:
    typed = [trial(None, prompt="p", repeat=n) for n in (1, 2)] + [trial(None, "CoT/simple", prompt="q")]
    assert accuracy(typed) == 0.5


def test_family_is_that_of_the_gold_label() -> None:
    trials = [
        trial("c1", "code/simple"),
        trial("c2", "code/complex"),  # right family, wrong label: exact match is what counts
        trial("c3", "CoT/simple", gold="CoT/simple"),
        trial("c4", "CoT/simple", gold="of/another-taxonomy"),
    ]
    assert family_accuracy(trials, FAMILIES) == {"code": 0.5, "CoT": 1.0, "hybrid": None}


def test_summary_of_a_known_run() -> None:
    trials = [trial(f"c{i}", "code/simple" if i < 45 else "CoT/simple", ms=float(i)) for i in range(60)]
    trials += [
        trial("c60", None, ms=1000, status="crashed"),
        trial("c61", None, ms=2000, status="cancelled"),
        trial("c0", arm="b", ms=5, contended=True),
    ]
    a, b = summarise(trials, FAMILIES)
    assert (a.arm, a.n, a.scored, a.parse_rate) == ("a", 61, 61, 60 / 61)
    assert a.accuracy == pytest.approx(45 / 61)
    assert (a.low, a.high) == pytest.approx(wilson(45, 61))
    assert a.families == {"code": a.accuracy, "CoT": None, "hybrid": None}
    assert (a.p50, a.p95, a.contended) == (30, 57, False)
    assert (b.arm, b.n, b.accuracy, b.p50, b.contended) == ("b", 1, 1.0, 5, True)


def test_summary_tells_how_much_was_unfamiliar_and_abstained_from() -> None:
    told = [(0.5, None), (0.019, True), (0.02, None), (None, None)]
    trials = [trial(f"c{i}", familiarity=f, abstained=away) for i, (f, away) in enumerate(told)]
    a, b = summarise([*trials, trial(arm="b")], FAMILIES)
    assert a.unfamiliar == pytest.approx(1 / 3)
    assert a.abstained == 1
    assert (b.unfamiliar, b.abstained) == (None, 0)


def test_summary_without_gold_or_answers() -> None:
    (row,) = summarise([trial(None, None, prompt="p", gold=None, status="crashed")], FAMILIES)
    assert (row.n, row.scored, row.accuracy, row.low, row.high) == (1, 0, None, None, None)
    assert (row.parse_rate, row.p50, row.p95) == (0.0, None, None)
    assert summarise([], FAMILIES) == []


def test_running_figures_equal_those_computed_at_the_end() -> None:
    trials = some_trials(300, seed=2, cases=40)
    running = Running()
    for i, one in enumerate(trials, start=1):
        running.add(one)
        if i % 7 and i != len(trials):
            continue
        answered = [t.latency_ms.total for t in trials[:i]]
        assert running.n == i
        assert running.accuracy == pytest.approx(accuracy(trials[:i]))
        assert running.p50 == percentile(answered, 0.5)
        assert running.p95 == percentile(answered, 0.95)
        assert running.scored == len({t.case for t in trials[:i]})


def test_running_figures_start_empty_and_skip_what_was_cancelled() -> None:
    running = Running()
    running.add(trial(label=None, status="cancelled"))
    assert (running.n, running.scored, running.accuracy, running.p50, running.p95) == (0, 0, None, None, None)


def test_a_long_run_of_right_answers_stays_exactly_one() -> None:
    mean = CaseMean()
    for i in range(3000):
        mean.add(f"c{i % 7}", True)
    assert mean.value == 1.0


def test_what_only_a_lenient_reading_has_is_not_parsed() -> None:
    trials = [trial("c1", strict=True), trial("c2", strict=False), trial("c3", None, strict=False)]
    assert parse_rate(trials) == pytest.approx(1 / 3)
    assert lenient_rate(trials) == pytest.approx(2 / 3)
    assert lenient_rate([trial("c1")]) is None
    (row,) = summarise(trials, FAMILIES)
    assert row.parse_rate == pytest.approx(1 / 3)
    assert row.lenient_rate == pytest.approx(2 / 3)


def test_the_end_of_an_interval_at_everything_is_everything() -> None:
    """Where a gate at 1, or at 0, would else have failed by rounding."""
    assert {(wilson(0, n)[0], wilson(n, n)[1]) for n in range(1, 200)} == {(0.0, 1.0)}
