"""What the tuning tests fit to: pools of made-up cases, and features that tell their labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray

from routerlab.core.corpus import Case, Corpus
from routerlab.core.taxonomy import Label, Taxonomy
from routerlab.tune.cases import Ints, Training, training

Floats = NDArray[np.float32]


def taxonomy(names: str = "abc") -> Taxonomy:
    """One-letter labels; upper and lower case are one family."""
    labels = tuple(Label(name=n, family=n.lower(), cue=f"about {n}") for n in names)
    return Taxonomy(schema_version=1, name="letters", version="1", label=labels)


def case(n: int, label: str, **more: Any) -> Case:
    """The nth case; no two of them share a word."""
    facts: dict[str, Any] = {"id": f"c{n}", "prompt": f"word{n}a word{n}b word{n}c", "label": label}
    return Case(**{**facts, **more})


def pool(labels: Sequence[str], **more: Any) -> Corpus:
    """A corpus with a case for each of the labels."""
    cases = tuple(case(i, label) for i, label in enumerate(labels))
    facts: dict[str, Any] = {"schema_version": 1, "name": "mine", "taxonomy": "letters", "case": cases}
    return Corpus(**{**facts, **more})


def trained(a_label: int, names: str = "abc") -> Training:
    """So many cases of each label, labels in turn."""
    return training(pool(list(names) * a_label), taxonomy(names), "mine.toml")


def judged(gold: Ints, labels: int = 3) -> Training:
    """Nothing but labels to fit to: rows of their own group."""
    return Training((), tuple("abcdef"[:labels]), gold, np.arange(len(gold)), pool("ab"), ())


def written(path: Path, corpus: Corpus) -> Path:
    """The corpus as a file."""
    path.write_text(tomli_w.dumps(corpus.model_dump(mode="python", exclude_none=True)))
    return path


def noise(n: int, columns: int, seed: int) -> Floats:
    """Features that tell nothing."""
    return np.random.default_rng(seed).standard_normal((n, columns)).astype(np.float32)


def telling(gold: Ints, columns: int, strength: float, seed: int) -> Floats:
    """Features whose first columns point at the label, in noise of size 1."""
    found = noise(len(gold), columns, seed)
    found[np.arange(len(gold)), gold] += strength
    return found


def balanced(n: int, labels: int) -> Ints:
    """Label indices in turn."""
    return np.arange(n) % labels
