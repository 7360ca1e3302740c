"""A threshold with a promise: how many of the answers that are given may be wrong.

Learn then Test (Angelopoulos, Bates, Candes, Jordan and Lei 2021, arXiv:2110.01052, sections 2.2 and 4.2:
fixed sequence testing, selective prediction). Every threshold is a hypothesis: "of the answers at least so
probable, more than `max_error` are wrong". Of n such answers the errors are then more than binomial(n,
max_error), so P(so few) is a p-value. They are tested from the highest threshold down, until one cannot be
rejected: whichever is true first, it is rejected with a probability of at most 1 - confidence, and then all
above it are false.
"""

from routerlab.core.familiarity import UNFAMILIAR
from routerlab.engine.contract.router import Promise
from routerlab.tune.cases import Bools
from routerlab.tune.fit import Doubles

CONFIDENCE = 0.9
LEVELS = tuple(level / 100 for level in range(99, -1, -1))
"""Thresholds tested, in this order, which must not depend on the answers."""


def promise(
    confidence: Doubles, right: Bools, familiarity: Doubles, max_error: float, sure: float = CONFIDENCE
) -> Promise | None:
    """The lowest threshold that the promise can be given with; None when there is none, not even the first.

    `confidence` (n,) is the probability of each answer by a head that had not seen the case, `right` (n,)
    whether it is the gold label, `familiarity` (n,) that of its prompt.
    """
    from scipy.special import bdtr

    found = None
    for level in LEVELS:
        kept = (confidence >= level) & (familiarity >= UNFAMILIAR)
        n, wrong = int(kept.sum()), int((kept & ~right).sum())
        if bdtr(0, n, max_error) > 1 - sure:
            continue  # not even without an error: nothing is tested, whatever the labels are
        if bdtr(wrong, n, max_error) > 1 - sure:
            break
        found = Promise(
            probability=level,
            familiarity=UNFAMILIAR,
            max_error=max_error,
            confidence=sure,
            cases=len(right),
            answered=round(n / len(right), 4),
            error=round(wrong / n, 4),
        )
    return found


def in_words(promise: Promise | None, max_error: float, corpus: str) -> str:
    """What is promised, in one sentence."""
    if promise is None:
        return (
            f"no promise: too few cases of {corpus}, or too many wrong answers, for an error of at most "
            f"{max_error:.1%} among those that are at least {LEVELS[0]:g} probable"
        )
    return (
        f"promise, with confidence {promise.confidence:g}: of the answers that are at least "
        f"{promise.probability:g} probable and {promise.familiarity:g} familiar, at most {max_error:.1%} are "
        f"wrong, for prompts drawn like those of {corpus} (there {promise.answered:.0%} of {promise.cases} "
        f"were answered so, {promise.error:.1%} of them wrong)"
    )
