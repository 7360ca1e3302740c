"""How far arms agree on the same question."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from math import log2
from typing import Protocol


class Answer(Protocol):
    """What an arm said to a question, and what is right, if anybody knows. A trial is one."""

    @property
    def arm(self) -> str: ...
    @property
    def label(self) -> str | None: ...
    @property
    def gold(self) -> str | None: ...
    @property
    def group(self) -> tuple[str, int]: ...


@dataclass(frozen=True)
class Vote:
    """The labels given to one question, one a voter.

    `label` has the most votes, None on a tie or without votes; `votes` is how many the leading label has.
    `entropy` is Shannon's, in bits and not normalised: 0 where all agree, log2(k) where k labels have equal
    shares.
    """

    label: str | None
    votes: int
    entropy: float


@dataclass(frozen=True)
class Pair:
    """Two arms over the questions both gave a label to.

    Of `n` questions they `agreed` on some; `scored` of those have a gold label, and on `right` of these both
    were right.
    """

    a: str
    b: str
    n: int
    agreed: int
    scored: int
    right: int

    @property
    def agree_rate(self) -> float | None:
        """Share of the common questions with the same label; None without any."""
        return self.agreed / self.n if self.n else None

    @property
    def right_rate(self) -> float | None:
        """How often agreement is right; None where no agreed question has a gold label."""
        return self.right / self.scored if self.scored else None


def vote(labels: Iterable[str | None]) -> Vote:
    """The vote on one question. A missing label (no answer, or one that could not be read) does not vote."""
    counts = Counter(label for label in labels if label is not None)
    n = counts.total()
    leading = counts.most_common(2)
    votes = leading[0][1] if leading else 0
    tie = len(leading) == 2 and leading[1][1] == votes
    return Vote(
        label=leading[0][0] if leading and not tie else None,
        votes=votes,
        entropy=sum(-c / n * log2(c / n) for c in counts.values() if c != n),
    )


def pairwise(trials: Iterable[Answer]) -> list[Pair]:
    """Every pair of arms, in the order in which they first gave a label; questions match by item and repeat.

    Where an arm answered the same question twice, the later answer counts.
    """
    answers: dict[str, dict[tuple[str, int], Answer]] = {}
    for trial in trials:
        if trial.label is not None:
            answers.setdefault(trial.arm, {})[trial.group] = trial
    return [_pair(a, b, answers[a], answers[b]) for a, b in combinations(answers, 2)]


def _pair(a: str, b: str, of_a: dict[tuple[str, int], Answer], of_b: dict[tuple[str, int], Answer]) -> Pair:
    common = of_a.keys() & of_b.keys()
    agreed = [of_a[group] for group in common if of_a[group].label == of_b[group].label]
    scored = [trial for trial in agreed if trial.gold is not None]
    right = sum(trial.label == trial.gold for trial in scored)
    return Pair(a, b, len(common), len(agreed), len(scored), right)
