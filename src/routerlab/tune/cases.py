"""What a router may be fitted to: held-out cases are refused, bad ones set aside, folds kept apart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routerlab.annotate.corpus.overlay import Overlay
from routerlab.core.corpus import Case, Corpus, corpus_faults, fold, prompt_sha256
from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.core.similar import groups
from routerlab.core.taxonomy import Taxonomy
from routerlab.core.text import plural
from routerlab.resources import OVERLAYS, ROUTING60

HELD_OUT_SHA256 = "7a534586d87d249fa0abe65e5fa039b69b05f0b4b8341ef75e515e53478e28f9"
"""Canonical content of routing60: the test set, never to be fitted to or chosen with."""

LEAST_A_LABEL = 4
"""Cases of a label below which it cannot be learnt and tested."""

LEAST = 100
"""Cases of a corpus that can tell something of their own: a temperature, what their kind is like."""

ALSO = 0.2
"""What labels that also fit weigh together, in fitting."""

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Split = tuple[Ints, Ints]
"""Row numbers to fit to, and to test on."""


@dataclass(frozen=True)
class Training:
    """Cases to fit to: `gold` are label indices in the taxonomy's order, `group` what must stay together.

    `warnings` say what was left out of the corpus, and why. `corpora` are those that `corpus` was put
    together from, where there are several.
    """

    cases: tuple[Case, ...]
    labels: tuple[str, ...]
    gold: Ints
    group: Ints
    corpus: Corpus
    warnings: tuple[str, ...]
    corpora: tuple[Corpus, ...] = ()

    @property
    def part(self) -> Ints:
        """The number in `corpora` of each case's own; one more where it is of none of them."""
        if not self.corpora:
            return np.zeros(len(self.gold), dtype=np.int64)
        numbers = {name: k for k, corpus in enumerate(self.corpora) for name in corpus.by_id}
        return np.array([numbers.get(case.id, len(self.corpora)) for case in self.cases], dtype=np.int64)

    @property
    def by_corpus(self) -> list[tuple[Corpus, Ints]]:
        """Each of `corpora` with the row numbers of its cases."""
        part = self.part
        return [(corpus, np.flatnonzero(part == k)) for k, corpus in enumerate(self.corpora)]

    @property
    def target(self) -> Doubles:
        """(n, labels): the share of each label that is taken for right, ALSO of it for those that also fit.

        With several corpora of at least LEAST cases it is (n, kinds, labels): each is a kind of prompts, and
        the last of them that of all other cases, too.
        """
        target = np.eye(len(self.labels))[self.gold]
        for i, case in enumerate(self.cases):
            if others := [self.labels.index(label) for label in case.also if label != case.label]:
                target[i] *= 1 - ALSO
                target[i, others] = ALSO / len(others)
        kinds = [k for k, corpus in enumerate(self.corpora) if len(corpus.case) >= LEAST]
        if len(kinds) < 2:
            return target
        part = self.part
        own = np.array([part == k for k in kinds[:-1]])
        kind = np.vstack([own, ~own.any(axis=0)]).T
        return np.asarray(kind[:, :, None] * target[:, None, :])

    @property
    def weighted(self) -> Doubles:
        """`target` for a head: each kind weighs as the root of its cases (Mahajan et al. 2018, "Exploring the
        limits of weakly supervised pretraining", 2.2), so that a large one does not drown the others."""
        target = self.target
        if target.ndim == 2:
            return target
        cases = np.maximum(target.sum(axis=(0, 2)), 1.0)
        return np.asarray(target * np.sqrt(len(target) / (len(cases) * cases))[:, None])

    @property
    def hard(self) -> Bools:
        """Which cases look like another label at first sight."""
        return np.array([case.difficulty == "hard" for case in self.cases])


def held_out() -> Corpus:
    """The sixty cases; LabError when the file is not the one whose hash is known."""
    corpus = load_toml(ROUTING60, Corpus)
    if corpus.sha256 != HELD_OUT_SHA256:
        raise LabError(
            f"{ROUTING60}: is not the held-out corpus (its hash differs); restore it before tuning"
        )
    return corpus


def overlay_tests() -> dict[str, str]:
    """The test cases of the overlays that ship: SHA-256 of the folded prompt -> "ID of NAME".

    LabError when one is not the file whose hash is known.
    """
    found: dict[str, str] = {}
    for path, sha256 in OVERLAYS.items():
        overlay = load_toml(path, Overlay)
        if overlay.sha256 != sha256:
            raise LabError(
                f"{path}: is not the overlay that ships (its hash differs); restore it before tuning"
            )
        found |= {e.prompt_sha256: f"{e.id} of {overlay.name}" for e in overlay.case if e.part == "test"}
    return found


def refuse_held_out(corpus: Corpus, path: Path) -> None:
    """LabError when the corpus is the held-out one, or has any of its prompts or of an overlay's test."""
    if corpus.sha256 == HELD_OUT_SHA256:
        raise LabError(
            f"{path}: is routing60, the held-out test: no router is fitted to it; use a pool of its own"
        )
    tested = {fold(case.prompt): case.id for case in held_out().case}
    leaks = [
        f"{case.id} = {tested[fold(case.prompt)]}" for case in corpus.case if fold(case.prompt) in tested
    ]
    if leaks:
        raise LabError(
            f"{path}: {plural(len(leaks), 'prompt is', 'prompts are')} in routing60, the held-out test "
            f"({leaks[0]}); take them out"
        )
    kept = overlay_tests()
    leaks = [f"{c.id} = {kept[h]}" for c in corpus.case if (h := prompt_sha256(c.prompt)) in kept]
    if leaks:
        raise LabError(
            f"{path}: {plural(len(leaks), 'prompt is a test case', 'prompts are test cases')}, reported and "
            f"never fitted to ({leaks[0]}); take them out"
        )


def load_training(paths: Sequence[Path], taxonomy: Taxonomy) -> Training:
    """The corpora in `paths` as one to fit to. LabError when a case is held out, an id is in two of them, or
    nothing can be learnt.

    Faulty cases (unknown label, duplicate) are left out with a warning, and so are labels with too few cases.
    """
    corpora = [load_toml(path, Corpus) for path in paths]
    for path, corpus in zip(paths, corpora, strict=True):
        refuse_held_out(corpus, path)
    if len(corpora) == 1:
        return training(corpora[0], taxonomy, str(paths[0]))
    where = " + ".join(map(str, paths))
    return replace(training(_together(paths, corpora), taxonomy, where), corpora=tuple(corpora))


def _together(paths: Sequence[Path], corpora: Sequence[Corpus]) -> Corpus:
    """All cases as those of one corpus; LabError for an id that is in two files."""
    first: dict[str, Path] = {}
    for path, corpus in zip(paths, corpora, strict=True):
        for name in corpus.by_id:
            if name in first:
                raise LabError(
                    f"{path}: case {name} is in {first[name]} too; ids are unique over all corpora"
                )
        first |= dict.fromkeys(corpus.by_id, path)
    return Corpus(
        schema_version=1,
        name=" + ".join(corpus.name for corpus in corpora),
        taxonomy=corpora[0].taxonomy,
        case=tuple(case for corpus in corpora for case in corpus.case),
    )


def training(corpus: Corpus, taxonomy: Taxonomy, where: str) -> Training:
    """The sound cases of the corpus (see load_training)."""
    faults = corpus_faults(corpus, taxonomy)
    bad = {i for i, _, _ in faults}
    warnings = []
    if faults:
        warnings.append(f"{where}: {plural(len(bad), 'case')} left out, the first because of: {faults[0][2]}")
    if unlabelled := sum(case.label is None for case in corpus.case):
        warnings.append(f"{where}: {plural(unlabelled, 'case')} without a label left out")
    cases = [case for i, case in enumerate(corpus.case) if i not in bad and case.label is not None]
    apart = {(case.label, number) for case, number in zip(cases, groups(cases), strict=True)}
    count = Counter(label for label, _ in apart)
    warnings += [
        f"{where}: label {label!r} has {plural(count[label], 'case')} (near duplicates are one), "
        f"{LEAST_A_LABEL} are the least: the router will never answer it"
        for label in taxonomy.labels
        if count[label] < LEAST_A_LABEL
    ]
    cases = [case for case in cases if count[case.label] >= LEAST_A_LABEL]
    if len({case.label for case in cases}) < 2:
        raise LabError(
            f"{where}: nothing to learn: two labels with {LEAST_A_LABEL} cases each are the least "
            f"(sound cases a label: {', '.join(f'{k} {count[k]}' for k in taxonomy.labels)})"
        )
    gold = np.array([taxonomy.labels.index(case.label) for case in cases])
    return Training(tuple(cases), taxonomy.labels, gold, np.array(groups(cases)), corpus, tuple(warnings))


def splits(gold: Ints, group: Ints, k: int, seed: int) -> list[Split]:
    """k folds with every label in each as far as it goes, groups whole; fewer where a label is rare."""
    from sklearn.model_selection import StratifiedGroupKFold

    rarest = min(len(set(group[gold == label])) for label in set(gold))
    folds = StratifiedGroupKFold(max(2, min(k, rarest)), shuffle=True, random_state=seed)
    return list(folds.split(np.zeros((len(gold), 1)), gold, group))


def sample(training: Training, n: int, seed: int) -> list[int]:
    """About n row numbers, the same share of each label, in a seeded order."""
    rng = np.random.default_rng(seed)
    share = min(1.0, n / len(training.cases))
    rows: list[int] = []
    for label in sorted(set(training.gold)):
        own = np.flatnonzero(training.gold == label)
        rows += rng.permutation(own)[: max(1, round(share * len(own)))].tolist()
    return [int(i) for i in rng.permutation(rows)]


def subset(training: Training, rows: Sequence[int] | Ints) -> Training:
    """Only those rows."""
    cases = tuple(training.cases[i] for i in rows)
    return replace(training, cases=cases, gold=training.gold[rows], group=training.group[rows])
