"""Near duplicates: which prompts must stay on one side of a split, in any script."""

import random
import unicodedata

import pytest

from routerlab.core import similar
from routerlab.core.corpus import Case, Corpus
from routerlab.core.files.toml import load_toml
from routerlab.core.similar import NEAR, NEAR_REPORT, groups, near_pairs, nearest
from routerlab.resources import POOL


def tokens(prompt: str) -> frozenset[str]:
    return frozenset(similar.words(prompt))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Shared tokens over all tokens, 0..1: the oracle."""
    return len(a & b) / len(a | b) if a or b else 1.0


def cases(*prompts: str, group: dict[int, str] | None = None) -> list[Case]:
    return [Case(id=f"c{i}", prompt=p, label="x", group=(group or {}).get(i)) for i, p in enumerate(prompts)]


def parts(numbers: list[int]) -> set[frozenset[int]]:
    """The groups as sets of case numbers."""
    return {frozenset(i for i, n in enumerate(numbers) if n == number) for number in numbers}


def test_tokens_are_words_without_case_or_punctuation() -> None:
    assert tokens("Sort THE list, please: the list!") == {"sort", "the", "list", "please"}
    assert tokens("Straße 3.5") == {"strasse", "3", "5"}
    assert tokens(" ?! ") == frozenset()


def test_devanagari_words_stay_whole() -> None:
    """Vowel signs are marks, not letters: a rule of letters alone would cut the words at each of them."""
    words = ["मुझे", "किताब", "पढ़नी", "है"]
    assert any(unicodedata.category(ch) == "Mc" for word in words for ch in word)
    assert tokens(" ".join(words) + "।") == set(words)


@pytest.mark.parametrize("text", ["日本語", "こんにちは", "カタカナ"])
def test_characters_of_scripts_without_spaces_count_singly(text: str) -> None:
    assert tokens(text) == set(text)
    assert tokens(f"abc{text}def") == {"abc", "def", *text}


def test_jaccard_by_hand() -> None:
    assert jaccard(frozenset("abc"), frozenset("bcd")) == 2 / 4
    assert jaccard(frozenset("ab"), frozenset("cd")) == 0.0
    assert jaccard(frozenset(), frozenset()) == 1.0
    assert jaccard(frozenset("a"), frozenset()) == 0.0


def test_near_duplicates_are_grouped_transitively() -> None:
    """a is near b and b near c, but a and c share too little by themselves."""
    a, b, c = "one two three four", "three four five six", "five six seven eight"
    far = "bake bread at home"
    assert jaccard(tokens(a), tokens(c)) == 0.0
    near = jaccard(tokens(a), tokens(b))
    assert near == pytest.approx(2 / 6)
    assert parts(groups(cases(a, far, c, b), near=near)) == {frozenset({0, 2, 3}), frozenset({1})}
    assert len(parts(groups(cases(a, far, c, b), near=near + 0.01))) == 4


def test_the_limit_itself_is_near() -> None:
    seven = list("abcdefg")
    other = [*seven[:4], "w", "x"]  # 4 shared of 9
    assert jaccard(frozenset(seven), frozenset(other)) == pytest.approx(4 / 9)
    assert NEAR <= 4 / 9
    assert len(set(groups(cases(" ".join(seven), " ".join(other))))) == 1


def test_a_long_and_a_short_prompt_of_the_same_words() -> None:
    """The short cut by length must not change what is near."""
    long = " ".join(f"w{i}" for i in range(20))
    for kept in range(1, 21):
        short = " ".join(f"w{i}" for i in range(kept))
        assert (len(set(groups(cases(long, short)))) == 1) == (kept / 20 >= NEAR), kept


def test_unrelated_prompts_stay_apart() -> None:
    prompts = (
        "write a regex for ISO dates",
        "why is the sky blue?",
        "plan my holiday in Norway and book the trains",
        "मुझे किताब पढ़नी है",
        "夕食の献立を考えて",
    )
    assert len(set(groups(cases(*prompts)))) == len(prompts)
    assert groups([]) == []


def test_cases_of_a_named_group_stay_together() -> None:
    prompts = ("why is the sky blue?", "warum ist der Himmel blau?", "bake bread", "sort numbers")
    found = groups(cases(*prompts, group={0: "sky", 1: "sky", 3: "other"}))
    assert parts(found) == {frozenset({0, 1}), frozenset({2}), frozenset({3})}


def test_named_groups_are_joined_by_a_near_duplicate() -> None:
    prompts = ("why is the sky blue?", "warum ist der Himmel blau?", "tell me why the sky is blue")
    assert parts(groups(cases(*prompts, group={0: "sky", 1: "sky"}))) == {frozenset({0, 1, 2})}
    assert parts(groups(cases(*prompts[::-1], group={1: "sky", 2: "sky"}))) == {frozenset({0, 1, 2})}


def texts(n: int, seed: int) -> list[str]:
    """Random prompts: some share most words with another, some have none at all."""
    rng = random.Random(seed)
    words = [f"w{i}" for i in range(60)]
    found: list[str] = ["", "?!"]
    while len(found) < n:
        base = rng.choice(found).split() if rng.random() < 0.4 else []
        kept = [word for word in base if rng.random() < 0.8]
        found.append(" ".join([*kept, *rng.choices(words, k=rng.randrange(12))]))
    return found


def brute(prompts: list[str], near: float) -> list[tuple[int, int, float]]:
    """What near_pairs must return, by comparing sets."""
    sets = [tokens(prompt) for prompt in prompts]
    pairs = ((i, j, jaccard(sets[i], sets[j])) for j in range(len(sets)) for i in range(j))
    return [pair for pair in pairs if pair[2] >= near]


def old_groups(found: list[Case], near: float) -> list[int]:
    """The groups by comparing sets; the numbers too, since folds depend on them."""
    parent = list(range(len(found)))

    def root(i: int) -> int:
        return i if parent[i] == i else root(parent[i])

    sets = [tokens(case.prompt) for case in found]
    named: dict[str, int] = {}
    for i, case in enumerate(found):
        if case.group is not None:
            parent[root(i)] = root(named.setdefault(case.group, i))
        for j in range(i):
            if jaccard(sets[i], sets[j]) >= near:
                parent[root(i)] = root(j)
    return [root(i) for i in range(len(found))]


@pytest.mark.parametrize("cells", [1, 700, 10**6])
def test_near_pairs_are_those_of_comparing_sets(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly, whatever the size of the blocks."""
    monkeypatch.setattr(similar, "_CELLS", cells)
    for seed in range(3):
        prompts = texts(120, seed)
        for near in (NEAR, 0.5, NEAR_REPORT, 1.0):
            expected = brute(prompts, near)
            assert list(near_pairs(prompts, near)) == expected
            assert list(near_pairs(prompts, near, since=50)) == [pair for pair in expected if pair[1] >= 50]
            assert expected


def test_near_pairs_and_groups_of_the_pool() -> None:
    found = list(load_toml(POOL, Corpus).case)
    prompts = [case.prompt for case in found]
    expected = brute(prompts, 0.15)
    assert len(expected) > 50
    assert list(near_pairs(prompts, 0.15)) == expected
    assert groups(found[:300], 0.15) == old_groups(found[:300], 0.15)


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_those_of_comparing_sets(seed: int) -> None:
    rng = random.Random(seed)
    prompts = texts(80, seed)
    found = cases(*(p or "-" for p in prompts), group={i: f"g{rng.randrange(9)}" for i in range(0, 80, 5)})
    for near in (NEAR, 0.6):
        assert groups(found, near) == old_groups(found, near)


@pytest.mark.parametrize("cells", [1, 700, 10**6])
def test_nearest_are_the_most_similar_pairs(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar, "_CELLS", cells)
    for seed in range(3):
        prompts = texts(60, seed)
        every = sorted(brute(prompts, 0.001), key=lambda pair: -pair[2])
        for k in (1, 5, 50):
            assert nearest(prompts, k) == every[:k]
    assert nearest(["a b", "c d"], 5) == []
    assert nearest(["a"], 5) == nearest([], 5) == list(near_pairs([])) == []
    assert nearest(["a b c", "a b", "x a"], 5) == [(0, 1, 2 / 3), (1, 2, 1 / 3), (0, 2, 1 / 4)]
