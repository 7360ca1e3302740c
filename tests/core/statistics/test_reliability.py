"""Agreement beyond chance, against other people's implementations and a worked example."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from routerlab.core.statistics import paired
from routerlab.core.statistics.reliability import (
    Coefficient,
    Doubles,
    Figure,
    Ints,
    against_rest,
    alpha,
    applies,
    choose,
    cohen,
    confusion,
    counts,
    figures,
    fleiss,
    raw,
    reliability,
    specific,
)

_ = -1
# Krippendorff 2011, section C: four observers (rows) and twelve units.
WORKED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
).T
SEEDS = range(25)


def value(coefficient: Coefficient, table: Ints) -> float:
    return float(coefficient(table, np.ones((1, len(table))))[0])


def table_of(seed: int, raters: int, gaps: float = 0.0, k: int = 5, units: int = 40) -> Ints:
    """Raters who say the same thing more often than not."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, units)[:, None]
    said = np.where(rng.uniform(size=(units, raters)) < 0.6, truth, rng.integers(0, k, (units, raters)))
    said[rng.uniform(size=said.shape) < gaps] = -1
    return said


def oracle_alpha(table: Ints) -> float:
    import krippendorff

    data = np.where(table.T < 0, np.nan, table.T.astype(float))
    return float(krippendorff.alpha(reliability_data=data, level_of_measurement="nominal"))


def oracle_cohen(table: Ints) -> float:
    from sklearn.metrics import cohen_kappa_score

    both = table[(table >= 0).all(axis=1)]
    return float(cohen_kappa_score(both[:, 0], both[:, 1]))


def oracle_fleiss(table: Ints) -> float:
    from statsmodels.stats.inter_rater import fleiss_kappa

    return float(fleiss_kappa(counts(table)))  # type: ignore[no-untyped-call]


def oracle_raw(table: Ints) -> float:
    shares: list[float] = []
    for row in table:
        given = [x for x in row.tolist() if x >= 0]
        pairs = [a == b for i, a in enumerate(given) for b in given[i + 1 :]]
        shares += [sum(pairs) / len(pairs)] if pairs else []
    return sum(shares) / len(shares)


# --- values ----------------------------------------------------------------------------------------------


def test_the_worked_example_of_krippendorff() -> None:
    assert value(alpha, WORKED) == pytest.approx(0.743, abs=0.0005)
    assert choose(WORKED) == "alpha"


@pytest.mark.parametrize("seed", SEEDS)
def test_alpha_is_that_of_the_krippendorff_package(seed: int) -> None:
    for raters, gaps in ((2, 0.0), (2, 0.4), (3, 0.3), (6, 0.7)):
        table = table_of(seed, raters, gaps)
        assert value(alpha, table) == pytest.approx(oracle_alpha(table))


@pytest.mark.parametrize("seed", SEEDS)
def test_cohens_kappa_is_scikit_learns_over_the_units_that_both_labelled(seed: int) -> None:
    for gaps in (0.0, 0.3):
        table = table_of(seed, 2, gaps)
        assert value(cohen, table) == pytest.approx(oracle_cohen(table))


@pytest.mark.parametrize("seed", SEEDS)
def test_fleiss_kappa_is_that_of_statsmodels(seed: int) -> None:
    for raters in (2, 3, 7):
        table = table_of(seed, raters)
        assert value(fleiss, table) == pytest.approx(oracle_fleiss(table))


def test_fleiss_kappa_needs_as_many_labels_of_each_unit_but_not_of_the_same_raters() -> None:
    table = table_of(0, 4)
    table[np.arange(40), np.arange(40) % 4] = -1
    assert value(fleiss, table) == pytest.approx(oracle_fleiss(table))
    table[0, 1] = -1
    assert np.isnan(value(fleiss, table))


@pytest.mark.parametrize("seed", SEEDS)
def test_raw_agreement_is_the_mean_share_of_agreeing_pairs(seed: int) -> None:
    from sklearn.metrics import accuracy_score

    table = table_of(seed, 2)
    assert value(raw, table) == pytest.approx(accuracy_score(table[:, 0], table[:, 1]))
    gappy = table_of(seed, 5, 0.5)
    assert value(raw, gappy) == pytest.approx(oracle_raw(gappy))


@pytest.mark.parametrize("seed", SEEDS)
def test_specific_agreement_of_two_raters_is_the_f1_score(seed: int) -> None:
    from sklearn.metrics import f1_score

    table = table_of(seed, 2)
    for label in range(5):
        expected = f1_score(table[:, 0] == label, table[:, 1] == label)
        assert value(specific, against_rest(table, label)) == pytest.approx(expected)


def test_specific_agreement_of_three_raters_by_hand() -> None:
    """The label is given 2 + 1 + 3 times beside 2 others each, and 2 + 0 + 6 of those say it too; a unit with
    one label has nobody beside it."""
    table = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 1], [1, -1, -1]])
    assert value(specific, table) == pytest.approx(8 / 12)


def test_confusion_by_hand() -> None:
    a, b = np.array([0, 0, 1, 1, 2, -1, 0]), np.array([0, 1, 1, 0, 2, 1, -1])
    assert confusion(a, b, 4).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_weights_count_units_as_often_as_they_say() -> None:
    table, rng = table_of(1, 3), np.random.default_rng(0)
    times = rng.integers(0, 4, (3, len(table)))
    for coefficient in (raw, fleiss, alpha):
        found = coefficient(table, times.astype(float))
        assert found == pytest.approx([value(coefficient, np.repeat(table, t, axis=0)) for t in times])
    two = table[:, :2]
    expected = [value(cohen, np.repeat(two, t, axis=0)) for t in times]
    assert cohen(two, times.astype(float)) == pytest.approx(expected)


def test_two_perfect_raters_and_two_opposite_ones() -> None:
    same = np.array([[0, 0], [1, 1], [0, 0], [1, 1]])
    opposite = np.array([[0, 1], [1, 0], [0, 1], [1, 0]])
    for coefficient in (raw, cohen, fleiss, alpha):
        assert value(coefficient, same) == 1
    assert (value(cohen, opposite), value(fleiss, opposite), value(raw, opposite)) == (-1, -1, 0)
    assert value(alpha, opposite) == pytest.approx(oracle_alpha(opposite))


# --- which fits, and what is undefined -------------------------------------------------------------------


def test_the_coefficient_follows_the_table() -> None:
    assert choose(table_of(0, 2)) == "cohen"
    assert choose(table_of(0, 3)) == "fleiss"
    assert choose(table_of(0, 2, 0.1)) == choose(table_of(0, 3, 0.1)) == "alpha"
    assert [applies(name, table_of(0, 2, 0.1)) for name in ("cohen", "fleiss", "alpha")] == [
        True,
        False,
        True,
    ]
    assert [applies(name, table_of(0, 3, 0.1)) for name in ("cohen", "fleiss", "alpha")] == [
        False,
        False,
        True,
    ]
    assert [applies(name, table_of(0, 3)) for name in ("cohen", "fleiss", "alpha")] == [False, True, True]
    with pytest.raises(ValueError, match="two raters"):
        value(cohen, table_of(0, 3))


@pytest.mark.parametrize(
    "table",
    [
        np.empty((0, 2), dtype=np.int64),
        np.array([[0, -1], [-1, 1], [2, -1]]),
        np.array([[-1, -1, -1]]),
        np.array([[1, -1, -1], [-1, -1, 0]]),
    ],
)
def test_without_a_common_unit_nothing_is_defined(table: Ints) -> None:
    found = reliability(table, 3)
    assert found.paired == 0
    for figure in (found.raw, *found.beyond.values()):
        assert figure == Figure(None, None)
    for label in found.labels:
        assert (label.beyond, label.specific) == (Figure(None, None), Figure(None, None))


@pytest.mark.parametrize("raters", [2, 3])
def test_with_one_label_only_raw_agreement_is_defined(raters: int) -> None:
    found = reliability(np.zeros((9, raters), dtype=np.int64), 2)
    assert found.raw == Figure(1.0, (1.0, 1.0))
    assert set(found.beyond.values()) == {Figure(None, None)}
    assert found.labels[0].beyond == Figure(None, None)
    assert found.labels[0].specific == Figure(1.0, (1.0, 1.0))
    assert found.labels[1].specific == Figure(None, None)


def test_one_unit_gives_a_value_and_no_interval() -> None:
    assert figures({"raw": raw}, np.array([[0, 1], [0, -1]])) == {"raw": Figure(0.0, None)}


def test_all_figures_of_a_table() -> None:
    table = np.vstack([table_of(3, 3, 0.2), [[-1, -1, -1], [2, -1, -1]]])
    found = reliability(table, 6, resamples=200)
    labelled = (table >= 0).sum(axis=1)
    assert (found.units, found.paired) == ((labelled > 0).sum(), (labelled > 1).sum())
    assert (found.fits, list(found.beyond)) == ("alpha", ["alpha"])
    assert found.beyond["alpha"].value == pytest.approx(oracle_alpha(table))
    for label, row in enumerate(found.labels[:5]):
        assert row.times == (table == label).sum()
        assert row.beyond.value == pytest.approx(oracle_alpha(against_rest(table, label)))
    assert found.labels[5].times == 0


# --- intervals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coefficient", "oracle", "raters", "gaps"),
    [(cohen, oracle_cohen, 2, 0.0), (fleiss, oracle_fleiss, 3, 0.0), (alpha, oracle_alpha, 3, 0.3)],
)
def test_the_interval_is_that_of_a_plain_loop_over_the_same_draws(
    coefficient: Coefficient, oracle: Callable[[Ints], float], raters: int, gaps: float
) -> None:
    table = table_of(5, raters, gaps)
    found = figures({"x": coefficient}, table, resamples=300, seed=11)["x"]
    paired = table[(table >= 0).sum(axis=1) >= 2]
    patterns, times = np.unique(paired, axis=0, return_counts=True)
    draws = np.random.default_rng(11).multinomial(len(paired), times / len(paired), 300)
    drawn = [oracle(np.repeat(patterns, draw, axis=0)) for draw in draws]
    assert found.value == pytest.approx(oracle(table))
    assert found.interval == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


@pytest.mark.parametrize(("coefficient", "raters", "gaps"), [(cohen, 2, 0.0), (raw, 3, 0.2), (alpha, 4, 0.3)])
def test_drawing_patterns_is_drawing_units(coefficient: Coefficient, raters: int, gaps: float) -> None:
    table = table_of(6, raters, gaps, units=120)
    table = table[(table >= 0).sum(axis=1) >= 2]
    rng = np.random.default_rng(0)
    drawn = [value(coefficient, table[rng.integers(0, len(table), len(table))]) for n in range(4000)]
    found = figures({"x": coefficient}, table, resamples=4000)["x"]
    assert found.interval == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.015)


def test_the_same_units_and_seed_give_the_same_interval_in_any_order_and_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = table_of(7, 3, 0.3)
    first = reliability(table, 5, resamples=500, seed=3)
    assert reliability(table[::-1], 5, resamples=500, seed=3) == first
    assert reliability(table, 5, resamples=500, seed=4) != first
    monkeypatch.setattr(paired, "CELLS", 100)
    assert reliability(table, 5, resamples=500, seed=3) == first


def test_where_it_is_undefined_too_often_there_is_no_interval() -> None:
    """One unit of twelve has the second label: a third of the resamples have one label only, and nobody knows
    what agreement would be there."""
    table = np.zeros((12, 2), dtype=np.int64)
    table[0] = 1
    found = figures({"x": cohen}, table)["x"]
    assert found == Figure(1.0, None)
    undefined: list[Any] = []

    def never_twice(rows: Ints, weights: Doubles) -> Doubles:
        undefined.append(len(weights))
        return np.full(len(weights), 0.5 if len(undefined) == 1 else np.nan)

    assert figures({"x": never_twice}, table)["x"] == Figure(0.5, None)


def test_ten_thousand_units_and_many_raters_stay_in_bounded_memory() -> None:
    """Every unit is a pattern of its own: all weights at once would be 1000 x 10,000 x 8 bytes = 80 MB."""
    table = table_of(8, 12, 0.2, units=10_000)
    tracemalloc.start()
    figures({"raw": raw, "alpha": alpha}, table, resamples=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
