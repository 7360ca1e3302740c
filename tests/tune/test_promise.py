"""A promised error: kept as often as it is said, for prompts that are drawn like those of the corpus."""

from collections.abc import Callable

import numpy as np
import pytest

from routerlab.core.familiarity import UNFAMILIAR
from routerlab.engine.contract.router import Promise
from routerlab.tune.cases import Bools
from routerlab.tune.fit import Doubles
from routerlab.tune.promise import CONFIDENCE, LEVELS, in_words, promise

DRAWS, CASES, LIMIT = 2000, 300, 0.05


def drawn(rng: np.random.Generator, n: int, wrong: Callable[[Doubles], Doubles]) -> tuple[Doubles, Bools]:
    """Confidence that is mostly high, and whether the answer is right; `wrong` is how often it is not."""
    confidence = 1 - 0.6 * rng.uniform(size=n) ** 3
    return confidence, rng.uniform(size=n) >= wrong(confidence)


@pytest.mark.parametrize(
    ("wrong", "above"),
    [
        # 1 - confidence has a mean of (1 - t) / 4 above t, so 0.4 (1 - t) of the answers are wrong there.
        (lambda c: 1.6 * (1 - c), lambda t: 0.4 * (1 - t)),
        # The hardest case: a little too many are wrong at any threshold, so every promise is broken.
        (lambda c: np.full(len(c), 0.0501), lambda t: 0.0501),
        # Confidence means the reverse: the surest answers are the worst.
        (lambda c: np.where(c > 0.98, 0.06, 0.02), lambda t: 1.0 if t > 0.953 else 0.0),
    ],
)
def test_the_promise_is_broken_no_more_often_than_stated(
    wrong: Callable[[Doubles], Doubles], above: Callable[[float], float]
) -> None:
    rng = np.random.default_rng(17)
    found = [promise(*drawn(rng, CASES, wrong), np.ones(CASES), LIMIT) for _ in range(DRAWS)]
    broken = [above(p.probability) > LIMIT for p in found if p is not None]
    by_chance = 3 * np.sqrt((1 - CONFIDENCE) * CONFIDENCE / DRAWS)
    assert sum(broken) / DRAWS <= 1 - CONFIDENCE + by_chance


def test_the_promise_is_not_an_empty_one() -> None:
    """Where 0.875 is the lowest threshold that keeps the limit, most of what could be answered is."""
    rng = np.random.default_rng(3)
    found = promise(*drawn(rng, 2000, lambda c: 1.6 * (1 - c)), np.ones(2000), LIMIT)
    assert found is not None
    assert 0.875 <= found.probability <= 0.92
    assert found.answered > 0.5
    assert found.error <= LIMIT


def test_the_answers_counted_are_those_that_are_sure_and_familiar_enough() -> None:
    confidence = np.array([0.995] * 100 + [0.5] * 10 + [0.999] * 5)
    right = np.array([True] * 100 + [False] * 15)
    familiar = np.array([UNFAMILIAR] * 110 + [UNFAMILIAR / 2] * 5)
    found = promise(confidence, right, familiar, LIMIT)
    assert found == Promise(
        probability=0.51,
        familiarity=UNFAMILIAR,
        max_error=LIMIT,
        confidence=CONFIDENCE,
        cases=115,
        answered=0.8696,
        error=0.0,
    )
    assert not found.rejects(0.51, UNFAMILIAR)
    assert found.rejects(0.5099, 1.0)
    assert found.rejects(1.0, UNFAMILIAR / 2)
    assert in_words(found, LIMIT, "mine") == (
        "promise, with confidence 0.9: of the answers that are at least 0.51 probable and 0.02 familiar, at "
        "most 5.0% are wrong, for prompts drawn like those of mine (there 87% of 115 were answered so, 0.0% "
        "of them wrong)"
    )


@pytest.mark.parametrize("n", [0, 44])
def test_with_too_few_cases_nothing_is_promised(n: int) -> None:
    """0.95 ** 44 is more than a tenth: so many right answers in a row are no evidence."""
    assert promise(np.ones(n), np.ones(n, bool), np.ones(n), LIMIT) is None
    assert promise(np.ones(45), np.ones(45, bool), np.ones(45), LIMIT) is not None
    assert in_words(None, LIMIT, "mine").startswith("no promise: too few cases of mine")


def test_thresholds_are_tested_from_the_strictest_down() -> None:
    assert list(LEVELS) == sorted(LEVELS, reverse=True)
    assert (LEVELS[0], LEVELS[-1]) == (0.99, 0.0)
