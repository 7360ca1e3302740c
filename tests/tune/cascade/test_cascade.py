"""Choosing a cascade from out-of-fold answers: thresholds, disagreement, times that are missing."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.engine.contract.router import Cascade, Evidence, HeadPin, ModelPin, Router, load_router
from routerlab.tune.cascade.thresholds import (
    STEPS,
    Members,
    best_threshold,
    cross_validated,
    disagree,
    members,
    outcome,
    point,
    trade_off,
    unsure,
)
from routerlab.tune.cascade.write import write_cascade
from routerlab.tune.out_of_fold import OutOfFold

NAN = float("nan")


def answers(right: str, confidence: list[float], ms: list[float], ids: str = "abcd") -> OutOfFold:
    """Two labels, gold always 0: `right` has a + where the answer is right."""
    top = np.array(confidence)
    shares = np.stack([top, 1 - top], axis=1)
    shares = np.where((np.array(list(right)) == "+")[:, None], shares, shares[:, ::-1])
    n = len(ids)
    return OutOfFold(tuple(ids), np.zeros(n, np.int64), shares, np.array(ms), np.zeros(n, dtype=bool))


SMALL = answers("+-+-", [0.95, 0.60, 0.80, 0.70], [10.0, 10.0, 10.0, 10.0])
LARGE = answers("+++-", [0.9] * 4, [100.0, 100.0, 100.0, 100.0])
PAIR = members([SMALL, LARGE])


def drawn(n: int, seed: int) -> Members:
    """A small member that is right as often as it says, and a large one that is right 9 times of 10."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1.0, n)
    small = np.where(rng.uniform(size=n) < confidence, 0, 1)
    large = np.where(rng.uniform(size=n) < 0.9, 0, 1)
    times = (np.full(n, 10.0), np.full(n, 100.0))
    return Members(np.zeros(n, np.int64), (small, large), confidence, times, np.zeros(n, dtype=bool))


ALL = np.arange(4)


def test_zero_never_asks_and_one_always_does() -> None:
    points = trade_off(PAIR)
    assert [p.threshold for p in points] == list(STEPS)
    never, always = points[0], points[-1]
    assert (never.threshold, never.asked, never.mean_ms, never.accuracy) == (0.0, 0.0, 10.0, 0.5)
    assert (always.threshold, always.asked, always.mean_ms, always.accuracy) == (1.0, 1.0, 110.0, 0.75)
    asked = [p.asked for p in points]
    assert asked == sorted(asked)


def test_a_threshold_by_hand() -> None:
    """At 0.75 the second and fourth case go on; the second is put right, the fourth stays wrong."""
    escalated = unsure(PAIR, 0.75)
    assert escalated.tolist() == [False, True, False, True]
    right, times = outcome(PAIR, escalated)
    assert right.tolist() == [True, True, True, False]
    assert times.tolist() == [10.0, 110.0, 10.0, 110.0]
    found = point(PAIR, escalated, 0.75)
    assert (found.accuracy, found.mean_ms, found.asked) == (0.75, 60.0, 0.5)


def test_confidence_at_the_threshold_is_enough() -> None:
    assert not unsure(PAIR, float(PAIR.confidence[2]))[2]


def test_the_best_threshold_asks_least_for_the_wanted_accuracy() -> None:
    """0.65 is the lowest step at which the second case (0.60) is asked again, which is all it takes."""
    assert best_threshold(PAIR, ALL, None, None) == 0.65
    assert best_threshold(PAIR, ALL, 0.5, None) == 0.0
    assert best_threshold(PAIR, ALL, 0.75, None) == 0.65
    assert best_threshold(PAIR, np.array([0, 2]), None, None) == 0.0


def test_an_accuracy_out_of_reach_gives_the_best_there_is() -> None:
    found = best_threshold(PAIR, ALL, 1.0, None)
    assert outcome(PAIR, unsure(PAIR, found))[0].mean() == 0.75


@pytest.mark.parametrize("wanted", [0.78, 0.85, 0.9])
def test_wanted_accuracy_is_reached_with_the_least_asking(wanted: float) -> None:
    m = drawn(1000, seed=1)
    rows = np.arange(1000)
    found = best_threshold(m, rows, wanted, None)
    by_hand = [p for p in trade_off(m) if p.accuracy >= wanted]
    assert found == min(by_hand, key=lambda p: p.asked).threshold
    assert outcome(m, unsure(m, found))[0].mean() >= wanted


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_the_share_limit_holds_and_is_used(share: float) -> None:
    m = drawn(1000, seed=2)
    found = best_threshold(m, np.arange(1000), None, share)
    assert unsure(m, found).mean() <= share
    higher = [t for t in STEPS if t > found]
    assert not higher or unsure(m, higher[0]).mean() > share


def test_cross_validated_thresholds_know_nothing_of_the_case() -> None:
    """Gold of one fold decides about others only."""
    m = drawn(400, seed=3)
    escalated = cross_validated(m, 0.85, None, seed=0)
    assert (cross_validated(m, 0.85, None, seed=0) == escalated).all()
    fold = np.array_split(np.random.default_rng(0).permutation(400), 5)[2]
    gold = m.gold.copy()
    gold[fold] = 1
    changed = Members(gold, m.answers, m.confidence, m.times, m.hard)
    again = cross_validated(changed, 0.85, None, seed=0)
    assert (again[fold] == escalated[fold]).all()
    assert not (again == escalated).all()
    assert outcome(m, escalated)[0].mean() == pytest.approx(0.85, abs=0.05)


def test_disagreement_asks_the_third() -> None:
    third = answers("++++", [0.9] * 4, [1000.0] * 4)
    trio = members([SMALL, LARGE, third])
    assert disagree(trio).tolist() == [False, True, False, False]
    right, times = outcome(trio, disagree(trio))
    assert right.tolist() == [True, True, True, False]  # where both are wrong alike nobody notices
    assert times.tolist() == [110.0, 1110.0, 110.0, 110.0]


def test_members_are_compared_over_common_cases_in_one_order() -> None:
    other = answers("-++", [0.9, 0.8, 0.7], [100.0, 200.0, 300.0], ids="xca")
    m = members([SMALL, other])
    assert m.confidence.tolist() == pytest.approx([0.95, 0.80])  # cases a and c
    assert m.times[1].tolist() == [300.0, 200.0]
    assert m.answers[1].tolist() == [0, 0]


def test_members_without_common_cases_or_times_are_refused() -> None:
    with pytest.raises(LabError, match="the same --corpus"):
        members([SMALL, answers("++", [0.9, 0.9], [1.0, 1.0], ids="xy")])
    never_both = answers("++++", [0.9] * 4, [NAN, NAN, 5.0, 5.0])
    with pytest.raises(LabError, match="the same --seed"):
        members([answers("++++", [0.9] * 4, [5.0, 5.0, NAN, NAN]), never_both])


def test_times_that_are_missing_do_not_count() -> None:
    some = answers("+++-", [0.9] * 4, [100.0, NAN, 300.0, NAN])
    m = members([SMALL, some])
    found = point(m, np.ones(4, dtype=bool), 1.0)
    assert found.mean_ms == 210.0
    assert found.accuracy == 0.75  # of all four


# --- the file ---------------------------------------------------------------------------------------------


def router(name: str) -> Router:
    evidence = Evidence(
        corpus="mine", corpus_sha256="c" * 64, cases=4, seed=0, command="routerlab tune", machine="m",
        lab_version="0", llama_cpp="x", scikit_learn="1", seen=(), row=(),
    )  # fmt: skip
    return Router(
        name=name,
        contract="probe",
        created=datetime(2026, 11, 24, tzinfo=UTC),
        taxonomy="two",
        taxonomy_sha256="a" * 64,
        prompt_sha256="b" * 64,
        window=96,
        model=ModelPin(file=f"{name}.gguf", sha256="d" * 64, quantization="F32"),
        head=HeadPin(file=f"{name}.npz", sha256="e" * 64, layer=3),
        evidence=evidence,
    )


def test_a_written_cascade_comes_back_and_pins_its_members(tmp_path: Path) -> None:
    path = tmp_path / "both.toml"
    routers = [router("small"), router("large")]
    files = [tmp_path / f"{r.name}.toml" for r in routers]
    made, chosen, shown = write_cascade(path, files, routers, PAIR, "confidence", None, None, 0, "command")
    found = load_router(path)
    assert isinstance(found, Cascade)
    assert found == made
    assert (found.name, found.rule, found.threshold) == ("both", "confidence", chosen.threshold)
    assert chosen.threshold == 0.65
    assert [(m.file, m.sha256) for m in found.member] == [
        (f"{r.name}.toml", canonical_sha256(r)) for r in routers
    ]
    assert len(shown) == len(STEPS)
    (row,) = found.evidence.row
    assert (row.n, row.accuracy) == (4, chosen.accuracy)


def test_a_cascade_by_disagreement(tmp_path: Path) -> None:
    trio = members([SMALL, LARGE, answers("++++", [0.9] * 4, [1000.0, NAN, NAN, NAN])])
    routers = [router(n) for n in ("one", "two", "three")]
    files = [tmp_path / f"{r.name}.toml" for r in routers]
    made, chosen, shown = write_cascade(
        tmp_path / "three.toml", files, routers, trio, "disagreement", None, None, 0, "command"
    )
    assert (chosen.accuracy, chosen.asked) == (0.75, 0.25)
    assert shown == [point(trio, disagree(trio), 0.0)]
    assert load_router(tmp_path / "three.toml") == made
    assert made.rule == "disagreement"
    assert made.evidence.row[0].p95 == 110.0
