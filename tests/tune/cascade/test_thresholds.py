"""Thresholds chosen together: known optima, every combination by brute force, folds that know nothing."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from routerlab.core.familiarity import UNFAMILIAR
from routerlab.tune.cascade import thresholds as chosen
from routerlab.tune.cascade.thresholds import (
    MOST,
    STEPS,
    Members,
    Thresholds,
    Trials,
    Wish,
    by_confidence,
    folds,
    point,
    steps,
)

WISHES = [
    Wish(), Wish(accuracy=0.5), Wish(accuracy=0.9), Wish(accuracy=1.0), Wish(ms=1.0), Wish(ms=60.0),
    Wish(ms=400.0), Wish(share=0.0), Wish(share=0.3), Wish(share=1.0),
]  # fmt: skip


def drawn(n: int, count: int, seed: int) -> Members:
    """Members that are right as often as they say, the larger the surer; every third case is not timed."""
    rng = np.random.default_rng(seed)
    least = np.linspace(0.4, 0.8, count)[:, None]
    confidence = rng.uniform(least, 1.0, (count, n)).round(2)
    answers = np.where(rng.uniform(size=(count, n)) < confidence, 0, 1)
    times = 10.0 * 3.0 ** np.arange(count)[:, None] * rng.uniform(0.5, 1.5, (count, n))
    times[-1, ::3] = np.nan
    return Members(np.zeros(n, np.int64), answers, confidence, times, np.zeros(n, dtype=bool))


def all_of(m: Members) -> Trials:
    return Trials(m, np.zeros(len(m.gold), np.int64))


def best(m: Members, wish: Wish) -> tuple[Thresholds, bool]:
    return all_of(m).best(wish, np.array([0]))


def by_loops(m: Members, thresholds: Thresholds) -> tuple[float, float, float]:
    """(accuracy, mean ms, share that the last is asked), a case after the other."""
    right, times, last = 0, [], 0
    for case in range(len(m.gold)):
        spent = 0.0
        for i in range(len(m.answers)):
            spent += m.times[i, case]
            if i == len(m.answers) - 1 or m.confidence[i, case] >= thresholds[i]:
                break
        right += int(m.answers[i, case] == m.gold[case])
        last += i == len(m.answers) - 1
        if not np.isnan(m.times[:, case]).any():
            times.append(spent)
    return right / len(m.gold), sum(times) / len(times), last / len(m.gold)


@pytest.mark.parametrize(("count", "most"), [(2, MOST), (3, 100), (4, 130)])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_better_than_what_is_chosen(
    count: int, most: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside every combination there is, counted by plain loops; so is the frontier."""
    monkeypatch.setattr(chosen, "MOST", most)
    m = drawn(8 + 9 * seed, count, seed)
    tried = {t: by_loops(m, t) for t in product(steps(count - 1), repeat=count - 1)}
    alone = float(m.right[-1].mean())
    for wish in WISHES:
        found, fulfilled = best(m, wish)
        accuracy, ms, _ = tried[found]
        if wish.ms is not None:
            good = {t: f for t, f in tried.items() if f[1] <= wish.ms + 1e-6}
        elif wish.share is not None:
            good = {t: f for t, f in tried.items() if f[2] <= wish.share + 1e-9}
        else:
            goal = alone if wish.accuracy is None else wish.accuracy
            good = {t: f for t, f in tried.items() if f[0] >= goal - 1e-9}
        assert fulfilled == bool(good) == (found in good)
        figures = (good or tried).values()
        if wish.ms is None and wish.share is None:
            highest = max(f[0] for f in figures)
            among = figures if good else [f for f in figures if f[0] == highest]
            assert ms == pytest.approx(min(f[1] for f in among))
        elif good:
            assert accuracy == max(f[0] for f in figures)
            assert ms == pytest.approx(min(f[1] for f in figures if f[0] == accuracy))
        else:  # only the time can be too long: no share is
            assert ms == pytest.approx(min(f[1] for f in figures))
    frontier = all_of(m).frontier()
    assert [p.accuracy for p in frontier] == sorted({p.accuracy for p in frontier})
    for p in frontier:
        assert (p.accuracy, p.mean_ms, p.asked[-1]) == pytest.approx(tried[p.thresholds])
        assert not [f for f in tried.values() if f[0] > p.accuracy and f[1] <= p.mean_ms + 1e-6]
        assert not [f for f in tried.values() if f[0] >= p.accuracy and f[1] < p.mean_ms - 1e-5]
    assert max(f[0] for f in tried.values()) == pytest.approx(frontier[-1].accuracy)


def four() -> Members:
    """Four kinds of cases in turn: the first is sure of its own and right, of others 0.5 and wrong; so are
    the second and third; the last is always right, and half sure."""
    kinds, n = np.arange(20) % 4, 20
    own = np.arange(4)[:, None] == kinds
    own[-1] = True
    confidence = np.where(own, 0.9, 0.5)
    times = np.repeat([[1.0], [10.0], [100.0], [1000.0]], n, axis=1)
    return Members(np.zeros(n, np.int64), np.where(own, 0, 1), confidence, times, np.zeros(n, dtype=bool))


def test_four_members_each_answer_what_they_know() -> None:
    m = four()
    found, fulfilled = best(m, Wish())
    assert fulfilled
    assert by_confidence(m, found).tolist() == [0, 1, 2, 3] * 5
    p = point(m, by_confidence(m, found), found)
    assert (p.accuracy, p.mean_ms, p.asked) == (1.0, (1 + 11 + 111 + 1111) / 4, (1.0, 0.75, 0.5, 0.25))
    half, _ = best(m, Wish(accuracy=0.5))
    assert by_confidence(m, half).tolist() == [0, 1, 1, 1] * 5
    never, _ = best(m, Wish(share=0.0))
    assert by_confidence(m, never).tolist() == [0, 1, 2, 2] * 5
    affordable, fits = best(m, Wish(ms=60.0))
    assert by_confidence(m, affordable).tolist() == [0, 1, 2, 2] * 5  # 58.5 ms; 308.5 with the last
    assert fits


def test_what_is_unfamiliar_to_a_member_goes_on_however_sure_it_is() -> None:
    m = four()
    familiarity = np.ones((4, 20))
    familiarity[0, :2] = UNFAMILIAR, UNFAMILIAR / 2
    familiarity[-1] = 0.001  # the last answers in any case
    known = replace(m, familiarity=familiarity)
    assert by_confidence(known, (0.0, 0.0, 0.0)).tolist() == [0, 1] + [0] * 18
    assert by_confidence(m, (0.0, 0.0, 0.0)).tolist() == [0] * 20


def test_of_equal_thresholds_the_lowest_is_taken() -> None:
    """All above 0.5 and up to 0.9 do the same."""
    assert best(four(), Wish())[0] == (first_above(0.5),) * 3


def first_above(x: float) -> float:
    return min(t for t in steps(3) if t > x)


def test_what_is_out_of_reach_gives_the_nearest_and_says_so() -> None:
    m = four()
    wrong = Members(m.gold + 2, m.answers, m.confidence, m.times, m.hard)
    found, fulfilled = best(wrong, Wish(accuracy=0.5))
    assert (found, fulfilled) == ((0.0, 0.0, 0.0), False)  # all are as bad, the first is the quickest
    found, fulfilled = best(m, Wish(ms=0.5))
    assert (found, fulfilled) == ((0.0, 0.0, 0.0), False)
    some = drawn(40, 3, 1)
    found, fulfilled = best(some, Wish(accuracy=1.0))
    assert not fulfilled
    assert point(some, by_confidence(some, found), found).accuracy == all_of(some).frontier()[-1].accuracy


def test_steps_are_fewer_where_there_are_more_members() -> None:
    assert steps(1) == steps(2) == STEPS
    for count in (3, 4, 5):
        found = steps(count)
        assert (found[0], found[-1]) == (0.0, 1.0)
        assert sorted(set(found)) == list(found)
        assert len(found) ** count <= MOST < (len(found) + 1) ** count


def test_cross_validated_thresholds_know_nothing_of_the_case() -> None:
    """Gold of one fold decides about others only."""
    m = drawn(400, 2, seed=3)
    group = folds(400, seed=0)
    assert (folds(400, seed=0) == group).all()
    assert np.bincount(group).tolist() == [80] * 5
    who = Trials(m, group).cross_validated(Wish(accuracy=0.8))
    gold = m.gold.copy()
    gold[group == 2] = 1
    changed = Members(gold, m.answers, m.confidence, m.times, m.hard)
    again = Trials(changed, group).cross_validated(Wish(accuracy=0.8))
    assert (again[group == 2] == who[group == 2]).all()
    assert not (again == who).all()
    assert m.right[who, np.arange(400)].mean() == pytest.approx(0.8, abs=0.05)


def test_few_cases_have_a_fold_each() -> None:
    m = drawn(3, 2, seed=0)
    assert sorted(folds(3, seed=0)) == [0, 1, 2]
    assert set(Trials(m, folds(3, seed=0)).cross_validated(Wish())) <= {0, 1}
