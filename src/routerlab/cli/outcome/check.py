"""The checkers, in the sandbox that there is."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routerlab.study.outcome.run.score import Check


def checker() -> "tuple[Check, str | None]":
    """What gives an answer its score, and in what answers' code is run."""
    return (lambda task, answer: None), None
