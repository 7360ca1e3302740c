"""Which prompts are near duplicates: they must not be on both sides of a split."""

import re
import unicodedata
from collections.abc import Sequence

from routerlab.core.corpus import Case

NEAR = 0.35
"""Token Jaccard from which two prompts are near duplicates."""


def tokens(prompt: str) -> frozenset[str]:
    """Words (letters, digits and the marks on them), and characters of scripts written without spaces."""
    kept = (ch if unicodedata.category(ch)[0] in "LNM" else " " for ch in prompt.casefold())
    return frozenset(re.sub(r"([\u3040-\u30ff\u4e00-\u9fff])", r" \1 ", "".join(kept)).split())


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Shared tokens over all tokens, 0..1."""
    return len(a & b) / len(a | b) if a or b else 1.0


def groups(cases: Sequence[Case], near: float = NEAR) -> list[int]:
    """A group number for each case: near duplicates, and cases of the same `group`, share one.

    Compares all pairs: about a second for 1,500 cases.
    """
    parent = list(range(len(cases)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    words = [tokens(case.prompt) for case in cases]
    named: dict[str, int] = {}
    for i, case in enumerate(cases):
        if case.group is not None:
            parent[root(i)] = root(named.setdefault(case.group, i))
        for j in range(i):
            small, large = sorted((len(words[i]), len(words[j])))
            if small >= near * large and jaccard(words[i], words[j]) >= near:
                parent[root(i)] = root(j)
    return [root(i) for i in range(len(cases))]
