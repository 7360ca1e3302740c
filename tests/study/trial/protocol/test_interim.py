"""Looks: when they are due, what they find, and what follows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations
from math import sqrt

import numpy as np
import pytest

from routerlab.core.prediction import Trial
from routerlab.core.statistics.paired import holm
from routerlab.study.trial.analysis.power import Bools, outcomes, paired_p
from routerlab.study.trial.protocol.assignment import Planned, assign
from routerlab.study.trial.protocol.interim import Pair, Standing, level_at, look_points, standing, step_down
from routerlab.study.trial.protocol.protocol import Protocol

CASES = [f"c{i}" for i in range(40)]
ARMS = ["control", "a", "b", "c"]
ROUTED = ARMS[1:]


def protocol(**looks: object) -> Protocol:
    return Protocol.model_validate(
        {
            "schema_version": 1,
            "name": "t",
            "sessions": 40,
            "arm": [{"ask": arm} for arm in ARMS],
            "traffic": {"rate": 1.0},
            "looks": looks,
            "hypothesis": [{"id": "H5", "says": "differ", "endpoint": "accuracy"}],
        }
    )


def answers(planned: Sequence[Planned], right: dict[str, float]) -> list[Trial]:
    """Every session answered: an arm is right on the first share of the cases."""
    share = {case: i / len(CASES) for i, case in enumerate(CASES)}
    return [
        Trial(
            id=f"t{p.index}",
            at=datetime.now(UTC),
            arm=p.arm,
            case=p.case,
            repeat=p.repeat,
            gold="x",
            status="unrouted" if p.arm == "control" else "ok",
            label=None if p.arm == "control" else "x" if share[p.case] < right[p.arm] else "y",
            session=p.id,
            contended=False,
        )
        for p in planned
    ]


def stand(trials: list[Trial], planned: list[Planned], **looks: object) -> Standing:
    return standing(protocol(**looks), planned, ROUTED, trials)


def test_looks_are_due_at_ends_of_blocks_and_count_different_cases() -> None:
    planned = assign("blocks", CASES, ARMS, 80, seed=1)
    points = look_points(planned, ROUTED, [0.25, 0.5])
    assert [(p.after, p.information) for p in points] == [(40, 0.25), (80, 0.5)]
    # with repeats nothing is learnt about accuracy after the first pass
    assert look_points(planned, ROUTED, [0.99])[0].after == 160


def test_with_a_hash_a_look_waits_for_enough_cases_that_all_routers_had() -> None:
    planned = assign("hash", CASES, ARMS, 100, seed=1)
    (point,) = look_points(planned, ROUTED, [0.5])

    def common(sessions: Sequence[Planned]) -> int:
        return len(set.intersection(*({p.case for p in sessions if p.arm == a} for a in ROUTED)))

    total = common(planned)
    assert common(planned[: point.after]) == np.ceil(total / 2)
    assert common(planned[: point.after - 1]) == np.ceil(total / 2) - 1
    assert point.information == pytest.approx(common(planned[: point.after]) / total)


def test_one_look_is_holms_method() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        p = rng.random(3) ** 3
        rejected: dict[Pair, int] = {}
        pairs = list(combinations("abc", 2))
        step_down(dict(zip(pairs, p.tolist(), strict=True)), rejected, (1.0,), 0.05)
        expected = {pair for pair, one in zip(pairs, holm(p.tolist()), strict=True) if one <= 0.05}
        assert set(rejected) == expected


def test_what_is_rejected_passes_its_share_on_and_stays_rejected() -> None:
    p = {("a", "b"): 1e-9, ("a", "c"): 0.001, ("b", "c"): 0.9}
    rejected: dict[Pair, int] = {}
    levels = step_down(p, rejected, (0.5,), 0.05)
    assert rejected == {("a", "b"): 1}
    assert levels["a", "b"] == level_at((0.5,), 0.05 / 3)
    assert levels["a", "c"] == levels["b", "c"] == level_at((0.5,), 0.05 / 2)
    step_down({**p, ("a", "b"): 1.0}, rejected, (0.5, 1.0), 0.05)
    assert rejected == {("a", "b"): 1, ("a", "c"): 2}


def found_anything(right: Bools, fractions: Sequence[float]) -> Bools:
    """For each trial whether looks at these fractions found any pair to differ."""
    pairs = list(combinations(range(right.shape[2]), 2))
    n = right.shape[1]
    looks = [paired_p(right[:, : round(f * n), :]) for f in fractions]
    found = np.zeros(len(right), bool)
    for trial in range(len(right)):
        rejected: dict[Pair, int] = {}
        for k, p in enumerate(looks, 1):
            named = {(str(a), str(b)): float(p[trial, i]) for i, (a, b) in enumerate(pairs)}
            step_down(named, rejected, tuple(fractions[:k]), 0.05)
        found[trial] = bool(rejected)
    return found


def test_two_thousand_null_trials_with_looks_find_something_as_seldom_as_promised() -> None:
    right = outcomes([0.75] * 3, 0.4, 240, 2000, seed=5)
    found = found_anything(right, [0.25, 0.5, 0.75, 1.0])
    assert found.mean() < 0.05 + 2 * sqrt(0.05 * 0.95 / 2000)
    assert found.mean() > 0.005


def test_looks_cost_little_power() -> None:
    right = outcomes([0.9, 0.75], 0.5, 240, 1000, seed=6)
    once, often = found_anything(right, [1.0]).mean(), found_anything(right, [0.5, 1.0]).mean()
    assert once > 0.9
    assert 0 <= once - often < 0.03


def test_a_look_is_taken_when_its_sessions_are_over_and_not_before() -> None:
    planned = assign("blocks", CASES, ARMS, 40, seed=1)
    trials = answers(planned, {"a": 0.9, "b": 0.9, "c": 0.2})
    early = stand(trials[:79], planned, rule="obrien-fleming", fractions=[0.5])
    assert early.looks == ()
    assert early.next is not None
    assert early.next.after == 80
    due = stand(trials[:80], planned, rule="obrien-fleming", fractions=[0.5])
    assert len(due.looks) == 1
    assert due.next is None
    # what comes later changes nothing about a look
    later = stand(trials, planned, rule="obrien-fleming", fractions=[0.5])
    assert later.looks == due.looks
    text = str(due.looks[0])
    assert "look 1 at 50% of the cases, 80 sessions" in text
    assert text.endswith("Decision: continue")


def test_a_cancelled_session_is_not_over() -> None:
    planned = assign("blocks", CASES, ARMS, 40, seed=1)
    trials = answers(planned, {"a": 0.9, "b": 0.9, "c": 0.2})[:80]
    trials[40] = trials[40].model_copy(update={"status": "cancelled", "label": None})
    assert not stand(trials, planned, rule="obrien-fleming", fractions=[0.5]).looks


def test_an_arm_that_lost_is_dropped_and_is_not_tested_again() -> None:
    planned = assign("blocks", CASES, ARMS, 40, seed=1)
    trials = answers(planned, {"a": 0.95, "b": 0.95, "c": 0.05})
    how = {"rule": "obrien-fleming", "fractions": [0.5, 0.75], "action": "drop"}
    found = stand(trials[:80], planned, **how)
    assert found.dropped == {"c": "less accurate than another at look 1"}
    assert found.stop is None
    assert found.next is not None
    assert found.next.number == 2
    without = [t for t in trials if t.arm != "c" or t in trials[:80]]
    after = stand(without, planned, **how)
    assert [{(t.a, t.b) for t in look.tests} for look in after.looks][1] == {("a", "b")}


def test_a_trial_stops_when_every_pair_is_decided_or_one_router_is_left() -> None:
    planned = assign("blocks", CASES, ARMS, 40, seed=1)
    apart = answers(planned, {"a": 0.99, "b": 0.5, "c": 0.01})[:120]
    how = {"rule": "obrien-fleming", "fractions": [0.75]}
    assert stand(apart, planned, action="stop", **how).stop == "every pair of arms is found to differ"
    assert stand(apart, planned, action="record", **how).stop is None
    assert stand(apart, planned, action="drop", **how).stop == "one router is left"
    alike = answers(planned, {"a": 0.99, "b": 0.95, "c": 0.01})[:120]
    assert stand(alike, planned, action="stop", **how).stop is None


def test_walds_test_counts_each_case_once_and_drops_or_stops() -> None:
    planned = assign("blocks", CASES, ARMS, 80, seed=1)
    trials = answers(planned, {"a": 1.0, "b": 0.8, "c": 0.0})
    how = {"rule": "sprt", "p0": 0.7, "p1": 0.9}
    found = stand(trials, planned, action="drop", **how)
    assert {arm: verdict for arm, (verdict, _) in found.verdicts.items() if arm != "b"} == {
        "a": "viable",
        "c": "not viable",
    }
    assert found.verdicts["b"][1] <= len(CASES)
    assert set(found.dropped) >= {"c"}
    assert found.stop is None
    assert stand(trials[:8], planned, action="drop", **how).dropped == {}
    nobody = answers(planned, {"a": 0.0, "b": 0.0, "c": 0.0})
    assert stand(nobody, planned, action="drop", **how).stop == "no arm is viable"
    assert stand(nobody, planned, action="stop", **how).stop == "every arm is decided"
    assert stand(nobody, planned, action="record", **how).stop is None
