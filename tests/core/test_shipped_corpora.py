"""The corpora that ship: sound, balanced, disjoint from each other, and no near duplicates."""

import re
from pathlib import Path

import pytest

from routerlab.core.corpus import Case, Corpus, load_corpus
from routerlab.core.similar import near_pairs
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import EXEMPLARS, ROUTING60, TAXONOMY

TAX = load_taxonomy(TAXONOMY)
POOL = ROUTING60.with_name("pool.toml")


def load(path: Path) -> Corpus:
    return load_corpus(path, TAX)


def words(case: Case) -> int:
    """Words; two Chinese or Japanese characters count as one."""
    wide = len(re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]", case.prompt))
    return len(re.sub(r"[\u3040-\u30ff\u4e00-\u9fff]", " ", case.prompt).split()) + wide // 2


def by_label(corpus: Corpus) -> dict[str, list[Case]]:
    return {label: [c for c in corpus.case if c.label == label] for label in TAX.labels}


def test_routing60_has_ten_cases_a_label_and_hard_ones_among_them() -> None:
    for label, cases in by_label(load(ROUTING60)).items():
        assert len(cases) == 10, label
        assert sum(c.difficulty == "hard" for c in cases) >= 3, label
        assert all(c.notes and "\n" not in c.notes for c in cases), label


def test_exemplars_are_two_a_label_and_no_two_of_a_kind_side_by_side() -> None:
    corpus = load(EXEMPLARS)
    assert {len(cases) for cases in by_label(corpus).values()} == {2}
    assert all(a.label != b.label for a, b in zip(corpus.case, corpus.case[1:], strict=False))


def test_the_pool_is_large_balanced_and_hard() -> None:
    corpus = load(POOL)
    for label, cases in by_label(corpus).items():
        assert len(cases) >= 60, label
        assert sum(c.difficulty == "hard" for c in cases) >= len(cases) / 3, label
        assert sum(c.language != "en" for c in cases) >= len(cases) / 10, label
        lengths = sorted(words(c) for c in cases)
        assert lengths[len(lengths) // 10] <= 12, label
        assert lengths[-len(lengths) // 10] >= 100, label


@pytest.mark.parametrize("path", [ROUTING60, EXEMPLARS, POOL], ids=lambda p: p.stem)
def test_every_prompt_has_4_to_300_words(path: Path) -> None:
    assert [c.id for c in load(path).case if not 4 <= words(c) <= 300] == []


def test_no_near_duplicates_within_or_between() -> None:
    everything = [case for path in (ROUTING60, EXEMPLARS, POOL) for case in load(path).case]
    assert len({c.id for c in everything}) == len(everything)
    assert not list(near_pairs([case.prompt for case in everything]))


def test_a_near_duplicate_would_be_found() -> None:
    case = load(ROUTING60).case[0]
    again = case.model_copy(update={"prompt": "Hi! " + case.prompt.replace("80 euros", "90 euros")})
    assert [pair[:2] for pair in near_pairs([case.prompt, again.prompt])] == [(0, 1)]
