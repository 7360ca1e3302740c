"""A cascade from out-of-fold answers: who answers, times that are missing, the file, its best member."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.engine.contract.router import Cascade, Evidence, HeadPin, ModelPin, Router, load_router
from routerlab.tune.cascade.compare import compare
from routerlab.tune.cascade.thresholds import (
    Wish,
    by_confidence,
    by_disagreement,
    members,
    outcome,
    point,
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


def test_a_threshold_by_hand() -> None:
    """At 0.75 the second and fourth case go on; the second is put right, the fourth stays wrong."""
    who = by_confidence(PAIR, (0.75,))
    assert who.tolist() == [0, 1, 0, 1]
    right, times = outcome(PAIR, who)
    assert right.tolist() == [True, True, True, False]
    assert times.tolist() == [10.0, 110.0, 10.0, 110.0]
    found = point(PAIR, who, (0.75,))
    assert (found.accuracy, found.mean_ms, found.asked) == (0.75, 60.0, (1.0, 0.5))


def test_confidence_at_the_threshold_is_enough() -> None:
    assert by_confidence(PAIR, (float(PAIR.confidence[0, 2]),))[2] == 0


def test_zero_never_asks_and_one_always_does() -> None:
    assert by_confidence(PAIR, (0.0,)).tolist() == [0] * 4
    assert by_confidence(PAIR, (1.0,)).tolist() == [1] * 4


def test_three_by_hand() -> None:
    """Each time of a member that was asked counts, also of those that passed the case on."""
    third = answers("++++", [0.9] * 4, [1000.0] * 4)
    middle = answers("+++-", [0.9, 0.9, 0.3, 0.3], [100.0] * 4)
    trio = members([SMALL, middle, third])
    who = by_confidence(trio, (0.75, 0.5))
    assert who.tolist() == [0, 1, 0, 1]  # the middle is as sure of the answer that is wrong
    who = by_confidence(trio, (0.75, 0.8))
    assert who.tolist() == [0, 1, 0, 2]
    assert outcome(trio, who)[1].tolist() == [10.0, 110.0, 10.0, 1110.0]
    assert point(trio, who, (0.75, 0.8)).asked == (1.0, 0.5, 0.25)


def test_disagreement_asks_the_third() -> None:
    third = answers("++++", [0.9] * 4, [1000.0] * 4)
    trio = members([SMALL, LARGE, third])
    who = by_disagreement(trio)
    assert who.tolist() == [1, 2, 1, 1]
    right, times = outcome(trio, who)
    assert right.tolist() == [True, True, True, False]  # where both are wrong alike nobody notices
    assert times.tolist() == [110.0, 1110.0, 110.0, 110.0]
    assert point(trio, who).asked == (1.0, 1.0, 0.25)


def test_members_are_compared_over_common_cases_in_one_order() -> None:
    other = answers("-++", [0.9, 0.8, 0.7], [100.0, 200.0, 300.0], ids="xca")
    m = members([SMALL, other])
    assert m.confidence.tolist() == [pytest.approx([0.95, 0.80]), pytest.approx([0.7, 0.8])]  # cases a and c
    assert m.times[1].tolist() == [300.0, 200.0]
    assert m.answers[1].tolist() == [0, 0]


def test_members_without_common_cases_or_times_are_refused() -> None:
    with pytest.raises(LabError, match="the same --corpus"):
        members([SMALL, answers("++", [0.9, 0.9], [1.0, 1.0], ids="xy")])
    never_both = answers("++++", [0.9] * 4, [NAN, NAN, 5.0, 5.0])
    with pytest.raises(LabError, match="the same --seed"):
        members([answers("++++", [0.9] * 4, [5.0, 5.0, NAN, NAN]), never_both])


def test_times_that_are_missing_do_not_count() -> None:
    """Nor do those of the others on the same cases: a mean is over the same cases for all."""
    some = answers("+++-", [0.9] * 4, [100.0, NAN, 300.0, NAN])
    m = members([answers("+-+-", [0.9] * 4, [10.0, 1000.0, 30.0, 1000.0]), some])
    assert m.timed.tolist() == [True, False, True, False]
    found = point(m, by_confidence(m, (1.0,)), (1.0,))
    assert found.mean_ms == 220.0
    assert found.accuracy == 0.75  # of all four
    assert point(m, by_confidence(m, (0.0,)), (0.0,)).mean_ms == 20.0


def test_a_cascade_beside_its_best_member() -> None:
    """McNemar's p of 1 against 3 is 2 x (1 + 4) / 16."""
    small = answers("+---++++", [0.9] * 4 + [0.6] * 4, [10.0] * 8, ids="abcdefgh")
    large = answers("-+++++++", [0.9] * 8, [90.0] * 8, ids="abcdefgh")
    m = members([small, large])
    found = compare(m, by_confidence(m, (0.7,)), seed=0)
    assert (found.member, found.only_cascade, found.only_member) == (1, 1, 3)
    assert (found.difference, found.p) == (-0.25, 0.625)
    assert found.time == pytest.approx((10 + 90 / 2) / 90)
    assert found.interval is not None
    low, high = found.interval
    assert -0.75 <= low < -0.25 < high <= 0.25


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


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_written_cascade_comes_back_and_pins_its_members(tmp_path: Path, count: int) -> None:
    path = tmp_path / "both.toml"
    routers = [router(f"r{i}") for i in range(count)]
    files = [tmp_path / f"{r.name}.toml" for r in routers]
    m = members([SMALL, *[LARGE] * (count - 1)])
    made = write_cascade(path, files, routers, m, "confidence", Wish(), 0, "command")
    found = load_router(path)
    assert isinstance(found, Cascade)
    assert found == made.cascade
    assert (found.schema_version, found.name, found.rule) == (2, "both", "confidence")
    assert found.thresholds == made.chosen.thresholds
    assert made.fulfilled
    assert found.thresholds[0] == 0.65  # the lowest at which the second case, of 0.60, is asked again
    assert set(found.thresholds[1:]) <= {0.0}  # whoever is asked then may as well answer
    assert [(p.file, p.sha256) for p in found.member] == [
        (f"{r.name}.toml", canonical_sha256(r)) for r in routers
    ]
    (row,) = found.evidence.row
    assert (row.n, row.accuracy) == (4, made.chosen.accuracy)
    assert found.evidence.machine == "m"  # that of the times


def test_a_cascade_by_disagreement(tmp_path: Path) -> None:
    trio = members([SMALL, LARGE, answers("++++", [0.9] * 4, [1000.0, NAN, NAN, NAN])])
    routers = [router(n) for n in ("one", "two", "three")]
    files = [tmp_path / f"{r.name}.toml" for r in routers]
    path = tmp_path / "three.toml"
    made = write_cascade(path, files, routers, trio, "disagreement", Wish(), 0, "command")
    assert (made.chosen.accuracy, made.chosen.asked) == (0.75, (1.0, 1.0, 0.25))
    assert made.frontier == [point(trio, by_disagreement(trio))]
    assert load_router(path) == made.cascade
    assert (made.cascade.rule, made.cascade.thresholds) == ("disagreement", ())
    assert made.cascade.evidence.row[0].p95 == 110.0
