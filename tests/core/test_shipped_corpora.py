"""The corpora that ship: sound, balanced, disjoint from each other, and no near duplicates."""

import re
from pathlib import Path

import pytest

from routerlab.annotate.corpus.overlay import Overlay
from routerlab.core.corpus import Case, Corpus, fold, load_corpus, prompt_sha256
from routerlab.core.files.toml import load_toml
from routerlab.core.similar import near_pairs
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import EXEMPLARS, OVERLAYS, POOL, POOLS, ROUTING60, TAXONOMY, UNFAMILIAR

TAX = load_taxonomy(TAXONOMY)


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


def test_the_second_pool_is_of_all_lengths_labels_and_languages() -> None:
    corpus = load(POOLS[1])
    assert len(corpus.case) >= 700
    for label, cases in by_label(corpus).items():
        assert len(cases) >= 150, label
        assert sum(c.difficulty == "hard" for c in cases) >= len(cases) / 6, label
        lengths = sorted(words(c) for c in cases)
        assert lengths[len(lengths) // 4] <= 40, label
        assert lengths[-1] >= 250, label
    assert len({c.language for c in corpus.case}) >= 24


def test_no_label_fits_what_is_unfamiliar() -> None:
    corpus = load(UNFAMILIAR)
    assert {(c.label, c.fit) for c in corpus.case} == {("CoT/simple", "none")}
    assert len(corpus.case) == 240


@pytest.mark.parametrize("path", [ROUTING60, EXEMPLARS, POOL], ids=lambda p: p.stem)
def test_every_prompt_has_4_to_300_words(path: Path) -> None:
    assert [c.id for c in load(path).case if not 4 <= words(c) <= 300] == []


def test_no_near_duplicates_within_or_between() -> None:
    everything = [case for path in (ROUTING60, EXEMPLARS, *POOLS) for case in load(path).case]
    assert len({c.id for c in everything}) == len(everything)
    assert not list(near_pairs([case.prompt for case in everything]))
    known = {fold(case.prompt) for case in everything}
    assert not [case.id for case in load(UNFAMILIAR).case if fold(case.prompt) in known]


def test_the_pools_have_no_prompt_of_the_real_ones() -> None:
    real = {e.prompt_sha256 for path in OVERLAYS for e in load_toml(path, Overlay).case}
    assert not [c.id for path in POOLS for c in load(path).case if prompt_sha256(c.prompt) in real]


def test_a_near_duplicate_would_be_found() -> None:
    case = load(ROUTING60).case[0]
    again = case.model_copy(update={"prompt": "Hi! " + case.prompt.replace("80 euros", "90 euros")})
    assert [pair[:2] for pair in near_pairs([case.prompt, again.prompt])] == [(0, 1)]
