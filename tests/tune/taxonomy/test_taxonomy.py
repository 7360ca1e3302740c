"""Other labels: which are confused, what merging and splitting does, and agreement beyond chance."""

from dataclasses import replace

import numpy as np
import pytest

from routerlab.tune.cases import splits
from routerlab.tune.fit import certain, out_of_fold
from routerlab.tune.taxonomy.experiments import kappa, merged_taxonomy, merges, try_merge, try_split
from tests.tune.harness import taxonomy, telling, trained

GOLD = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3])
SAID = np.array([0, 1, 1, 0, 1, 0, 1, 2, 3, 3])
"""0 and 1 are taken for each other three times, 2 for 3 once, all others never."""


def test_kappa_by_hand() -> None:
    """Six of ten agree; by chance (4x3 + 3x4 + 2x1 + 1x2) / 100 would."""
    chance = (4 * 3 + 3 * 4 + 2 * 1 + 1 * 2) / 100
    assert kappa(GOLD, SAID) == pytest.approx((0.6 - chance) / (1 - chance))
    assert kappa(GOLD, GOLD) == 1.0
    assert kappa(np.zeros(5, np.int64), np.zeros(5, np.int64)) == 1.0
    assert kappa(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])) == 0.0


def test_kappa_is_scikit_learns() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(0)
    gold = rng.integers(0, 5, 200)
    said = np.where(rng.uniform(size=200) < 0.6, gold, rng.integers(0, 5, 200))
    assert kappa(gold, said) == pytest.approx(cohen_kappa_score(gold, said))


def test_the_most_confused_pairs_come_first_and_others_not_at_all() -> None:
    assert merges(GOLD, SAID, 4, most=9) == [(0, 1), (2, 3)]
    assert merges(GOLD, SAID, 4, most=1) == [(0, 1)]
    assert merges(SAID, GOLD, 4, most=9) == [(0, 1), (2, 3)]
    assert merges(GOLD, GOLD, 4, most=9) == []


def test_merging_what_cannot_be_told_apart_helps() -> None:
    """Labels a and b look alike to the model, c does not."""
    part = trained(30)
    seen = np.where(part.gold == 1, 0, part.gold)
    features = telling(seen, 6, 4.0, seed=1)
    folds = splits(part.gold, part.group, 5, 0)
    answered = out_of_fold(features, certain(part.gold, 3), 3.0, folds).argmax(axis=1)
    before = kappa(part.gold, answered)
    found = try_merge(part, features, folds, answered, 0, 1)
    assert (found.name, found.labels) == ("a + b", 2)
    assert found.accuracy > 0.9
    assert found.kappa > before + 0.2
    old = np.where(answered == 1, 0, answered)
    assert found.collapsed == pytest.approx((old == seen).mean())
    bad = try_merge(part, features, folds, answered, 0, 2)
    assert bad.kappa < found.kappa - 0.2


def test_a_label_of_two_kinds_is_split_there() -> None:
    part = trained(30)
    kinds = part.gold.copy()
    own = np.flatnonzero(part.gold == 2)
    kinds[own[::2]] = 3
    features = telling(kinds, 4, 8.0, seed=2)
    folds = splits(part.gold, part.group, 5, 0)
    found, typical = try_split(part, features, folds, 2, seed=0)
    assert (found.name, found.labels) == ("c in two", 4)
    assert found.accuracy > 0.9
    assert found.collapsed > 0.9
    rows = [next(i for i, c in enumerate(part.cases) if c.prompt == p) for p in typical]
    assert {int(kinds[i]) for i in rows} == {2, 3}
    assert (part.gold == trained(30).gold).all()  # nothing was changed in place
    assert try_split(part, features, folds, 2, seed=0)[0] == found


def test_a_merged_taxonomy_has_one_label_less_under_both_names() -> None:
    old = taxonomy("abA")
    merged = merged_taxonomy(old, 0, 2)
    assert merged.labels == ("a+A", "b")
    assert merged.families == {"a+A": "a", "b": "b"}
    assert merged.label[0].cue == "about a; or about A"
    assert merged.version == "1+merge"
    assert merged_taxonomy(taxonomy("abA"), 0, 1).families == {"a+b": "a+b", "A": "a"}


def test_a_taxonomy_that_was_used_can_be_merged() -> None:
    old = taxonomy("abA")
    assert old.labels == ("a", "b", "A")
    assert merged_taxonomy(old, 0, 2).sha256 != old.sha256


def test_merging_leaves_the_training_as_it_is() -> None:
    part = trained(10)
    features = telling(part.gold, 6, 4.0, seed=1)
    folds = splits(part.gold, part.group, 3, 0)
    kept = replace(part, gold=part.gold.copy())
    try_merge(part, features, folds, part.gold.copy(), 0, 1)
    assert (part.gold == kept.gold).all()
