"""What a corpus is made of: its balance, how long and how hard it is, and what in it is alike."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from routerlab.core.corpus import Case, Corpus
from routerlab.core.similar import NEAR, Pair, near_pairs, nearest, words
from routerlab.core.taxonomy import Taxonomy

NEAREST = 5
"""Pairs that are shown, the most similar ones."""


@dataclass(frozen=True)
class LabelRow:
    """The cases of one label (None: of none), how many of them are hard, and their lengths in words."""

    label: str | None
    cases: int
    hard: int
    shortest: int
    median: int
    p90: int
    longest: int


@dataclass(frozen=True)
class PairRow:
    """Two cases by their ids, their labels, and the Jaccard of their words."""

    a: str
    b: str
    label_a: str | None
    label_b: str | None
    similarity: float

    @property
    def contradicts(self) -> bool:
        """Whether both have a label, and not the same."""
        return None not in (self.label_a, self.label_b) and self.label_a != self.label_b


@dataclass(frozen=True)
class Stats:
    """Counts of cases. `promoted` have a label from sessions: by `agreement` ("2 of 2" annotators), of which
    some were `adjudicated`, or (`seen`) not all blind. `no_fit` counts by label the cases that it is only the
    nearest of. `across` are near duplicates with different labels,
    the most similar first."""

    name: str
    cases: int
    unlabelled: int
    labels: tuple[LabelRow, ...]
    no_fit: dict[str, int]
    difficulty: dict[str, int]
    languages: dict[str, int]
    authors: dict[str, int]
    promoted: int
    agreement: dict[str, int]
    adjudicated: int
    seen: int
    annotators: dict[str, int]
    near_pairs: int
    nearest: tuple[PairRow, ...]
    across: tuple[PairRow, ...]


def stats(corpus: Corpus, taxonomy: Taxonomy) -> Stats:
    """What the corpus is made of. All prompts are compared: a few seconds for 10,000."""
    cases = corpus.case
    annotated = [case.annotated for case in cases if case.annotated]
    unlabelled = sum(case.label is None for case in cases)
    pairs = sorted(near_pairs([case.prompt for case in cases], NEAR), key=lambda pair: -pair[2])
    closest = pairs if len(pairs) >= NEAREST else nearest([case.prompt for case in cases], NEAREST)
    return Stats(
        name=corpus.name,
        cases=len(cases),
        unlabelled=unlabelled,
        labels=tuple(_row(label, cases) for label in (*taxonomy.labels, *([None] if unlabelled else []))),
        no_fit=_counts(case.label for case in cases if case.fit and case.label),
        difficulty=_counts(case.difficulty or "not said" for case in cases),
        languages=_counts(case.language for case in cases),
        authors=_counts(case.author or corpus.author or "not said" for case in cases),
        promoted=len(annotated),
        agreement=_counts(each.agreement for each in annotated),
        adjudicated=sum(each.adjudicator is not None for each in annotated),
        seen=sum(each.seen is not None for each in annotated),
        annotators=_counts(name for each in annotated for name in each.annotators),
        near_pairs=len(pairs),
        nearest=tuple(_pair(pair, cases) for pair in closest[:NEAREST]),
        across=tuple(row for row in (_pair(pair, cases) for pair in pairs) if row.contradicts),
    )


def _row(label: str | None, cases: Sequence[Case]) -> LabelRow:
    own = [case for case in cases if case.label == label]
    lengths = sorted(len(words(case.prompt)) for case in own) or [0]
    n = len(lengths)
    hard = sum(case.difficulty == "hard" for case in own)
    return LabelRow(label, len(own), hard, lengths[0], lengths[n // 2], lengths[int(0.9 * n)], lengths[-1])


def _pair(pair: Pair, cases: Sequence[Case]) -> PairRow:
    a, b = cases[pair[0]], cases[pair[1]]
    return PairRow(a.id, b.id, a.label, b.label, pair[2])


def _counts(names: Iterable[str]) -> dict[str, int]:
    """Name -> how often, the most frequent first."""
    return dict(Counter(names).most_common())
