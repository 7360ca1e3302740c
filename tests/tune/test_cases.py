"""What may be fitted to: the held-out sixty never, faulty cases not, and folds that keep groups whole."""

import random
from pathlib import Path

import numpy as np
import pytest

from routerlab import resources
from routerlab.core.corpus import Case, Corpus, fold
from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.core.taxonomy import load_taxonomy
from routerlab.tune import cases as under_test
from routerlab.tune.cases import (
    HELD_OUT_SHA256,
    LEAST_A_LABEL,
    held_out,
    load_training,
    refuse_held_out,
    sample,
    splits,
    subset,
    training,
)
from tests.tune.harness import case, pool, taxonomy, trained, written

SIXTY = load_toml(resources.ROUTING60, Corpus)
FRONT_DOOR = load_taxonomy(resources.TAXONOMY)


# --- the held-out sixty -----------------------------------------------------------------------------------


def test_the_sixty_are_known_by_their_hash() -> None:
    assert SIXTY.sha256 == HELD_OUT_SHA256
    assert held_out() == SIXTY


def test_the_sixty_are_refused_under_any_name(tmp_path: Path) -> None:
    copy = tmp_path / "mine.toml"
    copy.write_text("# mine\n" + resources.ROUTING60.read_text())
    for path in (resources.ROUTING60, copy):
        with pytest.raises(LabError, match="is routing60, the held-out test") as e:
            load_training([path], FRONT_DOOR)
        assert str(e.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "change", [str, str.upper, lambda p: f"  {p.replace(' ', '  ')}\n"], ids=["same", "re-cased", "re-spaced"]
)
def test_one_of_their_prompts_is_enough(tmp_path: Path, change: object) -> None:
    assert callable(change)
    stolen = SIXTY.case[7]
    own = tuple(case(i, label) for i, label in enumerate(FRONT_DOOR.labels * 4))
    leaked = case(99, FRONT_DOOR.labels[0], prompt=change(stolen.prompt))
    path = written(tmp_path / "leak.toml", pool([], case=(*own, leaked), taxonomy="front-door"))
    with pytest.raises(LabError, match="1 prompt is in routing60") as e:
        load_training([path], FRONT_DOOR)
    assert f"c99 = {stolen.id}" in str(e.value)
    clean = written(tmp_path / "clean.toml", pool([], case=own, taxonomy="front-door"))
    assert len(load_training([clean], FRONT_DOOR).cases) == len(own)


def test_a_changed_sixty_stops_tuning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the true list nothing could be told apart from it."""
    other = tmp_path / "routing60.toml"
    written(other, SIXTY.model_copy(update={"case": SIXTY.case[:59]}))
    monkeypatch.setattr(under_test, "ROUTING60", other)
    with pytest.raises(LabError, match="is not the held-out corpus"):
        refuse_held_out(pool("aabb"), Path("mine.toml"))


def test_the_pool_that_ships_can_be_tuned_with() -> None:
    found = load_training([resources.POOL], FRONT_DOOR)
    assert found.warnings == ()
    assert set(found.gold.tolist()) == set(range(6))
    assert not {fold(c.prompt) for c in found.cases} & {fold(c.prompt) for c in SIXTY.case}


# --- sound cases ------------------------------------------------------------------------------------------


def test_faulty_cases_are_left_out_and_the_first_is_named() -> None:
    sound = pool("abc" * 4)
    faulty = (
        case(20, "z"),
        case(21, "a", prompt=f" {sound.case[0].prompt.upper()} "),
        case(0, "a", prompt="an id that is there"),
    )
    found = training(sound.model_copy(update={"case": (*sound.case, *faulty)}), taxonomy(), "mine.toml")
    assert found.cases == sound.case
    (warning,) = found.warnings
    assert warning.startswith(
        "mine.toml: 3 cases left out, the first because of: case c20: unknown label 'z'"
    )


def test_a_label_with_too_few_cases_is_named_and_never_answered() -> None:
    found = training(pool("ab" * 4 + "c" * (LEAST_A_LABEL - 1)), taxonomy(), "mine.toml")
    assert {c.label for c in found.cases} == {"a", "b"}
    assert found.labels == ("a", "b", "c")
    (warning,) = found.warnings
    assert "label 'c' has 3 cases" in warning
    assert "never answer" in warning
    enough = training(pool("ab" * 4 + "c" * LEAST_A_LABEL), taxonomy(), "mine.toml")
    assert enough.warnings == ()
    assert len(enough.cases) == 12


def test_nothing_to_learn_is_an_error_with_the_counts() -> None:
    with pytest.raises(LabError, match=r"nothing to learn.*a 9, b 3, c 0"):
        training(pool("a" * 9 + "b" * 3), taxonomy(), "mine.toml")
    with pytest.raises(LabError, match="nothing to learn"):
        training(pool("xyz" * 5), taxonomy(), "mine.toml")


def test_gold_follows_the_taxonomy_not_the_file() -> None:
    found = training(pool("ccccaaaabbbb"), taxonomy(), "mine.toml")
    assert found.gold.tolist() == [2] * 4 + [0] * 4 + [1] * 4
    hard = training(
        pool([], case=tuple(case(i, "ab"[i % 2], difficulty="hard" if i < 3 else "easy") for i in range(8))),
        taxonomy(),
        "mine.toml",
    )
    assert hard.hard.tolist() == [True] * 3 + [False] * 5


# --- folds ------------------------------------------------------------------------------------------------


def grouped() -> tuple[np.ndarray, np.ndarray]:
    """300 rows of three labels, in 100 groups of one to six rows of one label each."""
    rng = random.Random(1)
    gold: list[int] = []
    group: list[int] = []
    for number in range(100):
        size = rng.randint(1, 6)
        gold += [number % 3] * size
        group += [number] * size
    return np.array(gold), np.array(group)


def test_folds_keep_groups_whole_and_spread_labels() -> None:
    gold, group = grouped()
    folds = list(splits(gold, group, 5, seed=3))
    assert len(folds) == 5
    tested = np.concatenate([t for _, t in folds])
    assert sorted(tested.tolist()) == list(range(len(gold)))
    for fitted, own in folds:
        assert not set(fitted) & set(own)
        assert not set(group[fitted]) & set(group[own])
        for label in range(3):
            share = (gold[own] == label).sum() / (gold == label).sum()
            assert 0.1 < share < 0.3


def test_folds_follow_from_the_seed() -> None:
    gold, group = grouped()
    tests = {seed: [t.tolist() for _, t in splits(gold, group, 5, seed)] for seed in (1, 2)}
    assert tests[1] == [t.tolist() for _, t in splits(gold, group, 5, 1)]
    assert tests[1] != tests[2]


def test_rare_labels_make_fewer_folds() -> None:
    gold, group = np.array([0] * 20 + [1] * 4), np.arange(24)
    folds = list(splits(gold, group, 5, seed=0))
    assert len(folds) == 4
    assert all((gold[tested] == 1).sum() == 1 for _, tested in folds)
    few = np.array([*range(20), 20, 20, 21, 21])
    assert len(list(splits(gold, few, 5, seed=0))) == 2


def test_near_duplicates_of_the_corpus_are_one_group() -> None:
    twin = case(50, "a", prompt="word0a word0b word0c please")
    base = pool("ab" * 5)
    found = training(base.model_copy(update={"case": (*base.case, twin)}), taxonomy(), "mine.toml")
    assert found.group[10] == found.group[0]
    assert len(set(found.group)) == 10


# --- samples ----------------------------------------------------------------------------------------------


def test_a_sample_is_seeded_and_keeps_the_labels_shares() -> None:
    whole = training(pool("a" * 60 + "b" * 30 + "c" * 10), taxonomy(), "mine.toml")
    rows = sample(whole, 20, seed=1)
    assert rows == sample(whole, 20, seed=1)
    assert rows != sample(whole, 20, seed=2)
    assert len(set(rows)) == 20
    assert np.bincount(whole.gold[rows]).tolist() == [12, 6, 2]
    assert rows != sorted(rows)


def test_a_sample_has_at_most_everything_and_every_label() -> None:
    whole = trained(5)
    assert sorted(sample(whole, 1000, seed=0)) == list(range(15))
    assert set(whole.gold[sample(whole, 1, seed=0)].tolist()) == {0, 1, 2}


def test_a_subset_has_those_rows_only() -> None:
    whole = trained(4)
    part = subset(whole, [3, 0, 7])
    chosen: list[Case] = [whole.cases[i] for i in (3, 0, 7)]
    assert list(part.cases) == chosen
    assert part.gold.tolist() == [whole.gold[i] for i in (3, 0, 7)]
    assert part.group.tolist() == [whole.group[i] for i in (3, 0, 7)]
    assert part.labels == whole.labels
