"""Near duplicates: which prompts must stay on one side of a split, in any script."""

import unicodedata

import pytest

from routerlab.core.corpus import Case
from routerlab.core.similar import NEAR, groups, jaccard, tokens


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
