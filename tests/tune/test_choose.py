"""Choosing layer, way to ask and window: nothing that is tested has a part in it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from routerlab.core.errors import LabError
from routerlab.core.statistics.calibration import log_loss
from routerlab.tune import choose as under_test
from routerlab.tune.cases import Bools, Ints, Split, Training, splits, training
from routerlab.tune.choose import FOLDS, Candidates, Choice, Nested, Setting, as_good, choose, nested
from routerlab.tune.fit import STRENGTHS, Floats, Linear, certain, fit, fold_heads, out_of_fold
from routerlab.tune.probe import fit_probe
from routerlab.tune.write import seen
from tests.tune.harness import balanced, case, judged, noise, pool, taxonomy, telling, trained

pytestmark = pytest.mark.whole  # many heads are fitted


def quiet(done: int, total: int) -> None:
    """Nobody is told."""


def all_usable(sets: int, n: int) -> Bools:
    return np.ones((sets, n), dtype=bool)


def candidates_of(
    table: Mapping[tuple[int, int], Floats], layers: tuple[int, ...], usable: Bools | None = None
) -> Candidates:
    """Candidates without exemplars among the cases, if nothing else is said; later ways take longer."""
    n = next(iter(table.values())).shape[1]
    ways = len({number for number, _ in table})
    ms = {(way, window): 10.0 * (way + 1) + window for way, window in table}
    return Candidates(table, layers, all_usable(ways, n) if usable is None else usable, ms)


def best_of(candidates: Candidates, gold: Ints, seed: int = 0) -> Choice:
    return choose(candidates, judged(gold, int(gold.max()) + 1), seed, np.arange(len(gold))).taken


def nested_of(candidates: Candidates, gold: Ints, seed: int = 0) -> Nested:
    """In three outer folds instead of ten, for speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(under_test, "OUTER_FOLDS", 3)
        return nested(candidates, judged(gold, int(gold.max()) + 1), seed, quiet)


def right(found: Nested, gold: Ints) -> float:
    return float((found.shares.argmax(axis=1) == gold[found.rows]).mean())


def layers_with(best: int, gold: Ints, count: int = 5) -> Floats:
    """Noise everywhere but in one layer."""
    table = [noise(len(gold), 8, seed=100 + k) for k in range(count)]
    table[best] = telling(gold, 8, 3.0, seed=100 + best)
    return np.stack(table)


# --- honesty ----------------------------------------------------------------------------------------------


def test_random_labels_stay_at_chance_with_many_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers of noise: choosing with the tested cases would find those that fit them by luck."""
    monkeypatch.setattr(under_test, "STRENGTHS", STRENGTHS[:1])
    lucky, honest, n, k = [], [], 80, 10
    for draw in (2, 3):
        gold = np.random.default_rng(draw).permutation(balanced(n, 2))
        table = np.stack([noise(n, 2, seed=1000 * draw + i) for i in range(k)])
        folds = list(splits(gold, np.arange(n), 5, 1))
        alone = [out_of_fold(t, certain(gold, 2), STRENGTHS[0], folds).argmax(axis=1) for t in table]
        lucky.append(max((a == gold).mean() for a in alone))
        found = nested_of(candidates_of({(0, 256): table}, tuple(range(k))), gold)
        assert len(found.rows) == n
        assert log_loss(found.shares, gold) > 0.65
        honest.append(right(found, gold))
    assert np.mean(lucky) > 0.58
    assert np.mean(honest) < 0.55  # a half, give or take a standard error of 0.04


def test_tested_labels_have_no_part_in_any_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an outer fold answers may not change when the labels of its tested cases do."""
    gold = balanced(90, 3)
    table = np.stack([telling(gold, 6, s, seed=k) for k, s in enumerate((1.0, 1.2, 1.1))])
    candidates = candidates_of({(0, 256): table}, (0, 1, 2))
    rng = np.random.default_rng(2)
    tested = rng.permutation(90)[:18]
    fitted = np.setdiff1d(np.arange(90), tested)

    def one_outer_fold(gold: Ints, group: Ints, k: int, seed: int) -> list[Split]:
        return [(fitted, tested)] if len(gold) == 90 else splits(gold, group, k, seed)

    monkeypatch.setattr(under_test, "splits", one_outer_fold)
    changed = gold.copy()
    changed[tested] = rng.integers(0, 3, len(tested))
    one, other = nested_of(candidates, gold), nested_of(candidates, changed)
    assert one.chosen == other.chosen
    assert (one.shares[tested] == other.shares[tested]).all()


def test_rows_that_are_not_named_are_not_looked_at() -> None:
    gold = balanced(120, 3)
    table = layers_with(2, gold)
    rows = np.flatnonzero(np.arange(120) % 4)
    whole = choose(candidates_of({(0, 256): table}, tuple(range(5))), judged(gold), 0, rows)
    broken, other = table.copy(), gold.copy()
    broken[:, ::4] = np.nan
    other[::4] = 0
    part = choose(candidates_of({(0, 256): broken}, tuple(range(5))), judged(other), 0, rows)
    assert part == whole
    assert whole.taken.setting.layer == 2


def test_every_outer_fold_chooses_the_better_layer_for_itself() -> None:
    """With features that did not belong to the fitted rows the choice would be a guess."""
    gold = balanced(120, 3)
    found = nested_of(candidates_of({(0, 256): layers_with(2, gold, 3)}, (0, 1, 2)), gold)
    assert [s.layer for s in found.chosen] == [2] * 3
    assert right(found, gold) > 0.85
    assert log_loss(found.shares, gold) < 0.5  # the temperature fits too


def test_exemplars_are_never_tested() -> None:
    """Not even where another set is chosen: all sets are judged by the same cases."""
    gold = balanced(120, 3)
    own = np.array([5, 17, 40, 77])
    usable = all_usable(2, 120)
    usable[1, own] = False
    plain, informed = telling(gold, 6, 1.0, seed=1), telling(gold, 6, 3.0, seed=2)
    candidates = candidates_of({(0, 256): plain[None], (1, 256): informed[None]}, (0,), usable)
    found = nested_of(candidates, gold)
    assert not set(own) & set(found.rows.tolist())
    assert len(found.rows) == 116
    assert {s.way for s in found.chosen} == {1}


def test_exemplars_are_not_chosen_or_fitted_with(monkeypatch: pytest.MonkeyPatch) -> None:
    gold = balanced(60, 3)
    usable = all_usable(1, 60)
    usable[0, [3, 4]] = False
    marked = telling(gold, 6, 1.0, seed=1)
    marked[[3, 4], 5] = 1000.0
    seen: list[Floats] = []

    def watched(features: Floats, *more: object) -> object:
        seen.append(features)
        return fit(features, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(under_test, "fit", watched)
    monkeypatch.setattr("routerlab.tune.fit.fit", watched)
    nested_of(candidates_of({(0, 256): marked[None]}, (0,), usable), gold)
    assert len(seen) > 10
    assert all((features[:, 5] < 500).all() for features in seen)


# --- what is chosen ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("best", [0, 2, 4])
def test_a_clearly_better_layer_is_chosen(best: int) -> None:
    gold = balanced(90, 3)
    candidates = candidates_of({(0, 256): layers_with(best, gold)}, (3, 5, 8, 9, 11))
    assert best_of(candidates, gold).setting.layer == (3, 5, 8, 9, 11)[best]


@pytest.mark.parametrize("best", [256, 160, 96])
def test_a_clearly_better_window_is_chosen(best: int) -> None:
    gold = balanced(90, 3)
    table = {(0, w): telling(gold, 8, 3.0 if w == best else 0.5, seed=w)[None] for w in (256, 160, 96)}
    assert best_of(candidates_of(table, (0,)), gold).setting.window == best


def test_the_narrower_window_wins_a_tie_and_what_is_nearly_one() -> None:
    gold = balanced(90, 3)
    same = telling(gold, 8, 2.0, seed=1)[None]
    assert best_of(candidates_of({(0, 256): same, (0, 96): same}, (0,)), gold).setting.window == 96
    nearly = same + noise(90, 8, seed=2) * np.float32(1e-4)
    assert best_of(candidates_of({(0, 256): same, (0, 96): nearly}, (0,)), gold).setting.window == 96


def test_exemplars_must_earn_their_time() -> None:
    gold = balanced(90, 3)
    weak, strong = (telling(gold, 8, s, seed=1)[None] for s in (0.5, 3.0))
    assert best_of(candidates_of({(0, 256): weak, (1, 256): strong}, (0,)), gold).setting.way == 1
    assert best_of(candidates_of({(0, 256): strong, (1, 256): strong}, (0,)), gold).setting.way == 0


@pytest.mark.parametrize(("errors", "good"), [(-3.0, True), (0.0, True), (0.9, True), (1.1, False)])
def test_what_is_worse_by_less_than_a_standard_error_is_as_good(errors: float, good: bool) -> None:
    """The error is that of the paired difference, over the cases by which both may be judged."""
    best = np.random.default_rng(3).random(200)
    change = np.random.default_rng(4).normal(size=200)
    change -= change.mean()
    change += errors * change.std(ddof=1) / np.sqrt(200)
    setting = Setting(0, 256, 3, 10.0)
    one = Choice(setting, 0.5, 1.0, np.append(best + change, np.nan))
    other = Choice(setting, 0.5, 1.0, np.append(best, 7.0))
    assert as_good(one, other) == good
    above, error = one.excess(other)
    assert above == pytest.approx(errors * error, abs=1e-12)


def test_the_shallower_layer_wins_a_tie() -> None:
    gold = balanced(90, 3)
    same = telling(gold, 8, 2.0, seed=1)
    assert best_of(candidates_of({(0, 256): np.stack([same, same])}, (5, 9)), gold).setting.layer == 5


def test_the_choice_follows_from_the_seed() -> None:
    gold = balanced(60, 3)
    table = np.stack([telling(gold, 6, 1.0, seed=k) for k in range(2)])
    candidates = candidates_of({(0, 256): table, (0, 96): table[::-1]}, (0, 1))
    assert best_of(candidates, gold, seed=3) == best_of(candidates, gold, seed=3)
    assert best_of(candidates, gold, seed=3).loss != best_of(candidates, gold, seed=4).loss
    one, again = nested_of(candidates, gold, seed=3), nested_of(candidates, gold, seed=3)
    assert one.chosen == again.chosen
    assert (one.shares == again.shares).all()


def test_progress_counts_the_outer_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "OUTER_FOLDS", 4)
    told: list[tuple[int, int]] = []
    gold = balanced(60, 3)
    table = {(0, 256): telling(gold, 4, 1.0, seed=0)[None]}
    tell: Callable[[int, int], None] = lambda d, n: told.append((d, n))  # noqa: E731
    nested(candidates_of(table, (0,)), judged(gold), 0, tell)
    assert told == [(i, 4) for i in range(1, 5)]


def test_other_strengths_begin_at_the_usual_ones_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[float, int]] = []

    def noted(features: Floats, target: Any, strength: float, folds: Any, starts: Any) -> list[Linear]:
        begun.append((strength, len(starts)))
        return fold_heads(features, target, strength, folds, starts)

    monkeypatch.setattr(under_test, "fold_heads", noted)
    gold = balanced(90, 2)
    best_of(candidates_of({(0, 256): telling(gold, 6, 1.0, seed=3)[None]}, (4,)), gold)
    usual, *others = STRENGTHS
    assert begun == [(usual, 0), *((strength, FOLDS) for strength in others)]


# --- the whole fit ----------------------------------------------------------------------------------------


def test_everything_is_fitted_to_weighted_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by what they are made to say here: the next label."""
    rolled = property(lambda self: np.roll(self.target, 1, axis=1))
    monkeypatch.setattr(Training, "weighted", rolled)
    part = trained(20)
    features = telling(part.gold, 8, 4.0, seed=1)
    found = fit_probe(candidates_of({(0, 256): features[None]}, (7,)), part, 0, lambda what, d, n: None)
    said = (part.gold + 1) % len(part.labels)
    assert (found.linear.logits(features).argmax(axis=1) == said).mean() > 0.9
    assert (found.oof.shares.argmax(axis=1) == said[found.oof.rows]).mean() > 0.9
    assert found.curve[-1].accuracy < 0.1


def test_a_fitted_probe_has_its_temperature_folded_in() -> None:
    part = trained(20)
    features = telling(part.gold, 8, 2.0, seed=1)
    candidates = candidates_of({(0, 256): features[None]}, (7,))
    told: set[str] = set()
    found = fit_probe(candidates, part, 0, lambda what, d, n: told.add(what))
    assert found.choosing is not None
    assert found.setting == found.choosing.taken.setting == Setting(0, 256, 7, found.setting.strength)
    plain = fit(features, part.target, found.setting.strength)
    t = found.choosing.taken.temperature
    assert t != pytest.approx(1.0, abs=0.01)
    assert found.linear.logits(features) == pytest.approx(plain.logits(features) / t)
    assert found.curve[-1].n == 48
    assert told == {"cross-validating", "learning curve"}
    assert "; layer, penalty, way to ask, window and temperature were chosen" in seen(part, found)[0]
    assert "; layer 7 was given; penalty, way to ask, window and temperature were" in seen(part, found, 7)[0]


def test_a_label_of_near_duplicates_is_refused_in_words() -> None:
    """Two labels, four cases each, but only two prompts that really differ: no fold can be made."""
    cases = tuple(case(i, "ab"[i // 4], group=f"g{i // 2}") for i in range(8))
    with pytest.raises(LabError, match="a 2, b 2"):
        training(pool([], case=cases), taxonomy("ab"), "mine.toml")
