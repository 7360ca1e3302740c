"""From rows to the analysis: weighting, what counts, comparisons, gates; and sessions."""

import random
from dataclasses import replace

import pytest

from routerlab.core.errors import LabError
from routerlab.core.statistics.gates import Gate
from routerlab.study.figures.analysis import analyse
from routerlab.study.figures.arm import Settings
from routerlab.study.figures.gates import DEFAULT_GATES
from routerlab.study.figures.result import Analysis
from routerlab.study.figures.rows import Row
from tests.study.figures.harness import FAMILIES, LABELS, answers, log, row

QUICK = Settings(resamples=500)


def right(n: int, k: int, seed: int = 0) -> list[bool]:
    """k of n true, at random places."""
    found = [i < k for i in range(n)]
    random.Random(seed).shuffle(found)
    return found


def discordant(both: int, only_a: int, only_b: int, neither: int) -> list[Row]:
    a = [True] * (both + only_a) + [False] * (only_b + neither)
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return answers("a", a) + answers("b", b)


@pytest.mark.parametrize(
    ("counts", "p"),
    [((35, 8, 12, 5), 0.503445), ((18, 25, 6, 11), 0.000878), ((20, 4, 27, 9), 3.4e-05)],
)
def test_counts_of_the_study(counts: tuple[int, int, int, int], p: float) -> None:
    found = analyse(log(discordant(*counts)), QUICK)
    (pair,) = found.pairs
    both, only_a, only_b, _ = counts
    assert (pair.both, pair.only_a, pair.only_b, pair.neither, pair.n) == (*counts, 60)
    assert pair.p == pair.p_holm == pytest.approx(p, abs=1e-6)
    assert pair.difference == pytest.approx((only_a - only_b) / 60)
    assert pair.low is not None
    assert pair.high is not None
    assert pair.low < pair.difference < pair.high
    accuracies = [arm.accuracy and arm.accuracy.right for arm in found.arms]
    assert accuracies == [both + only_a, both + only_b]
    assert pair.agreed_right == both
    assert found.cochran is None
    assert found.unanimity is None


def test_three_arms_are_adjusted_together() -> None:
    rows = answers("a", right(60, 43, 1)) + answers("b", right(60, 24, 2)) + answers("c", right(60, 47, 3))
    found = analyse(log(rows), QUICK)
    assert [(p.a, p.b) for p in found.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert max(p.p_holm for p in found.pairs) >= max(p.p for p in found.pairs)
    assert min(p.p_holm for p in found.pairs) == pytest.approx(3 * min(p.p for p in found.pairs))
    assert found.cochran is not None
    assert (found.cochran.n, found.cochran.df) == (60, 2)
    assert found.unanimity is not None
    assert found.unanimity.answered == 60


def test_repeats_are_averaged_within_a_case_first() -> None:
    often = [row("c1", repeat=n) for n in range(1, 10)]
    found = analyse(log([*often, row("c2", "CoT/simple")]), QUICK)
    (arm,) = found.arms
    assert arm.accuracy is not None
    assert (arm.accuracy.value, arm.accuracy.by_trial) == (0.5, 0.9)
    assert arm.repeats == (1, 9)
    assert found.warnings == (
        "a: accuracy is 0.500 with cases weighted equally and 0.900 with trials weighted equally: cases were "
        "asked 1 to 9 times",
    )


def test_weightings_that_hardly_differ_need_no_word() -> None:
    rows = answers("a", [True] * 50 + [False] * 10)
    more = [replace(one, repeat=2) for one in rows[:6]]
    assert analyse(log([*rows, *more]), QUICK).warnings == ()


def test_a_case_is_right_when_most_repeats_are() -> None:
    """Two of three right is right for McNemar, one of two is not; the difference uses the shares."""
    a = [row("c1", "code/simple" if n < 3 else None, repeat=n) for n in (1, 2, 3)]
    a += [row("c2", "code/simple" if n < 2 else None, repeat=n) for n in (1, 2)]
    b = [row("c1", None, "b"), row("c2", None, "b")]
    (pair,) = analyse(log([*a, *b]), QUICK).pairs
    assert (pair.only_a, pair.only_b, pair.neither) == (1, 0, 1)
    assert pair.difference == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_what_is_not_answered_is_wrong_and_has_no_latency() -> None:
    rows = [row("c1"), row("c2", None), row("c3", None, status="timeout", latency_ms=None)]
    (arm,) = analyse(log(rows), QUICK).arms
    assert arm.accuracy is not None
    assert arm.parse_rate is not None
    assert arm.latency is not None
    assert (arm.accuracy.right, arm.accuracy.n, arm.parse_rate.hits) == (1, 3, 1)
    assert (arm.latency.n, arm.latency.unanswered) == (2, 1)
    assert arm.statuses == {"ok": 1, "unparsed": 1, "timeout": 1}


def test_what_a_person_cut_short_does_not_count() -> None:
    found = analyse(log([row("c1"), row("c2", None, status="cancelled", latency_ms=None)]), QUICK)
    assert (found.trials, found.cases, found.cancelled) == (1, 1, 1)


def test_a_control_is_measured_and_not_judged() -> None:
    control = [
        row(f"c{i}", None, "control", gold=LABELS[i % 6], status="unrouted", latency_ms=0.1)
        for i in range(60)
    ]
    found = analyse(log([*control, *answers("a", right(60, 40))]), QUICK)
    arm = found.by_name["control"]
    assert (arm.accuracy, arm.parse_rate, arm.macro_f1, arm.task_accuracy) == (None, None, None, None)
    assert arm.latency is not None
    assert (arm.latency.n, arm.latency.p50.value, arm.latency.unanswered) == (60, 0.1, 0)
    assert found.pairs == ()
    assert list(found.verdict.viable) == ["a"]
    assert found.verdict.pareto is not None
    assert found.verdict.pareto.members == ("a",)


def test_gates_are_answered_with_what_would_decide_them() -> None:
    found = analyse(log(answers("a", right(60, 52))), QUICK)
    accurate, fast = found.arms[0].gates
    assert (accurate.answer, fast.answer) == ("undecided", "undecided")
    assert accurate.more is not None
    assert accurate.more > 1000  # 0.867 is close to 0.85
    assert fast.more == 12  # all were fast, and 72 show that
    assert found.verdict.viable == {"a": "undecided"}


def test_further_cases_of_a_quantile_are_counted_in_cases() -> None:
    """Each case three times, always the same: 180 latencies are worth 60, and 12 or 13 cases are missing."""
    rows = [replace(one, repeat=n) for one in answers("a", [True] * 60) for n in (1, 2, 3)]
    rows = [replace(one, latency_ms=float(one.case[1:])) for one in rows]
    found = analyse(log(rows), QUICK, [Gate("p95", "<=", 2000)])
    (gate,) = found.arms[0].gates
    assert gate.answer == "undecided"
    assert gate.more in (12, 13)


def test_repeats_that_scatter_are_worth_more() -> None:
    """30 cases twice, no slow answer in the company of another: worth 60, so 6 more cases give the 72."""
    rows = [replace(one, repeat=n) for one in answers("a", [True] * 30) for n in (1, 2)]
    rows = [
        replace(r, latency_ms=500.0 if (r.repeat, r.case) in {(1, "c3"), (2, "c9")} else 100.0) for r in rows
    ]
    (gate,) = analyse(log(rows), QUICK, [Gate("p95", "<=", 2000)]).arms[0].gates
    assert (gate.answer, gate.more) == ("undecided", 6)


def test_how_many_cases_would_decide_an_f1_is_not_made_up() -> None:
    gate, fast = (
        analyse(log(answers("a", right(60, 52))), QUICK, [Gate("macro_f1", ">=", 0.85), *DEFAULT_GATES[1:]])
        .arms[0]
        .gates
    )
    assert (gate.answer, gate.more, gate.undecidable) == ("undecided", None, True)
    assert (fast.answer, fast.undecidable) == ("undecided", False)


@pytest.mark.parametrize("good", [True, False])
def test_a_bootstrap_of_answers_that_are_all_alike_bounds_nothing(good: bool) -> None:
    gates = [Gate("macro_f1", ">=", 0.5), Gate("f1:code/simple", ">=", 0.5)]
    for gate in analyse(log(answers("a", [good] * 60)), QUICK, gates).arms[0].gates:
        assert (gate.value, gate.low, gate.high, gate.answer) == (float(good), None, None, "undecided")


def test_a_gate_on_a_label_and_on_what_is_not_there() -> None:
    gates = [Gate("f1:code/simple", ">=", 0.5), Gate("f1:nobody", ">=", 0.5), Gate("cost", "<=", 1)]
    one, nobody, cost = analyse(log(answers("a", right(60, 55))), QUICK, gates).arms[0].gates
    assert one.value is not None
    assert (one.value > 0.5, one.answer) == (True, "pass")
    assert (nobody.value, nobody.answer, cost.value, cost.answer) == (None, "undecided", None, "undecided")


def test_labels_without_a_taxonomy() -> None:
    found = analyse(log([row("c1", "b", gold="b"), row("c2", "a", gold="b")], None), QUICK)
    (arm,) = found.arms
    assert found.labels == ("a", "b")
    assert (arm.task_accuracy, arm.families) == (None, {})
    assert arm.macro_f1 is not None


def test_an_answer_beyond_the_taxonomy_is_told() -> None:
    found = analyse(log([row("c1"), row("c2", "code/refactor")]), QUICK)
    assert found.labels[-1] == "code/refactor"
    assert found.warnings == (
        "a: it answered what is no label of the taxonomy ('code/refactor'); that is wrong",
    )


def test_confidence_from_probabilities_and_from_claims() -> None:
    shares = {"code/simple": 0.8, "CoT/simple": 0.2}
    rows = [row(f"c{i}", "code/simple" if i < 8 else None, probabilities=shares) for i in range(10)]
    found = analyse(log(rows), QUICK).arms[0].calibration
    assert found is not None
    assert (found.source, found.n, found.confidence, found.accuracy) == ("probabilities", 8, 0.8, 1.0)
    assert found.brier == pytest.approx(2 * 0.2**2)
    assert [(k.coverage, k.accuracy) for k in found.kept] == [(0.8, 1.0)]
    claimed = [row("c1", confidence=0.9), row("c2", "CoT/simple", confidence=0.9)]
    found = analyse(log(claimed), QUICK).arms[0].calibration
    assert found is not None
    assert (found.source, found.log_loss) == ("self-reported", None)
    assert found.ece == pytest.approx(0.4)
    assert found.brier == pytest.approx((0.1**2 + 0.9**2) / 2)


def test_the_curve_of_coverage_keeps_its_end() -> None:
    rows = [
        row(f"c{i}", "code/simple", confidence=i / 1000, gold="code/simple" if i % 3 else "CoT/simple")
        for i in range(1000)
    ]
    found = analyse(log(rows), QUICK).arms[0].calibration
    assert found is not None
    assert len(found.kept) == 200
    assert (found.kept[-1].coverage, found.kept[-1].accuracy) == pytest.approx((1.0, 0.666))


def test_latencies_beside_others_are_told() -> None:
    found = analyse(log([row("c1", contended=True), row("c2")]), QUICK)
    assert found.warnings == ("a: 1 of 2 latencies were measured while other arms ran",)


def test_two_gold_labels_of_one_case_are_an_error() -> None:
    with pytest.raises(LabError, match="case 'c1' has two gold labels, 'code/simple' and 'CoT/simple'"):
        analyse(log([row("c1"), row("c1", arm="b", gold="CoT/simple")]), QUICK)


def test_the_order_of_rows_does_not_matter() -> None:
    rows = answers("a", right(40, 30, 1), latency_ms=50.0) + answers("b", right(40, 20, 2))
    mixed = rows.copy()
    random.Random(3).shuffle(mixed)
    mixed.sort(key=lambda one: one.arm)
    one, other = analyse(log(rows), QUICK), analyse(log(mixed), QUICK)
    for a, b in zip(one.arms, other.arms, strict=True):
        drop = {"confusion": ()}  # the ids in a cell are in the order of the rows
        assert a.model_copy(update=drop) == b.model_copy(update=drop)
    assert one.pairs == other.pairs


def test_an_analysis_survives_its_file() -> None:
    rows = discordant(35, 8, 12, 5)
    found = analyse(log([replace(r, confidence=0.5, cost=0.1) for r in rows]), QUICK)
    assert Analysis.model_validate_json(found.model_dump_json()) == found
    assert "NaN" not in found.model_dump_json()


@pytest.mark.parametrize("seed", range(40))
def test_any_rows_give_figures_that_can_be_written(seed: int) -> None:
    """Few cases, few labels, no latencies, nothing right: no figure is NaN, and all is read as written."""
    rng = random.Random(seed)
    gold = {f"c{i}": rng.choice([*LABELS[: rng.randint(1, 6)], None]) for i in range(rng.randint(1, 8))}
    rows = [
        row(
            case,
            rng.choice([*LABELS, label, None]) if status == "ok" else None,
            arm,
            gold=label,
            status=status,
            repeat=repeat,
            latency_ms=rng.choice([None, 0.0, rng.expovariate(0.01)]),
            confidence=rng.choice([None, 0.0, 1.0]),
            probabilities=rng.choice([None, {"code/simple": 0.0}, {"code/simple": 0.5, "x": 0.5}]),
            cost=rng.choice([None, 0.0, 0.1]),
        )
        for case, label in gold.items()
        for arm in "abc"[: rng.randint(1, 3)]
        for repeat in range(1, rng.randint(1, 3) + 1)
        for status in [rng.choice(["ok", "ok", "unparsed", "timeout", "cancelled", "unrouted"])]
    ]
    rows = [
        replace(one, status="unparsed") if one.status == "ok" and one.label is None else one for one in rows
    ]
    gates = [*DEFAULT_GATES, Gate("f1:code/simple", ">=", 0.5), Gate("cost", "<=", 1.0)]
    found = analyse(log(rows, rng.choice([FAMILIES, {}])), Settings(resamples=50, seed=seed), gates)
    text = found.model_dump_json()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert Analysis.model_validate_json(text) == found


def test_a_label_that_only_has_probabilities_counts_in_them() -> None:
    shares = {"A": 0.5, "B": 0.1, "C": 0.4}
    rows = [row(f"c{i}", "A", gold="A", probabilities=shares) for i in range(20)]
    (found,) = analyse(log(rows, families={})).arms
    assert found.calibration is not None
    assert found.calibration.confidence == pytest.approx(0.5)
