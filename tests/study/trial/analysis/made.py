"""Sessions whose outcome is known, analysed."""

from collections.abc import Callable

from routerlab.study.trial.analysis.result import Economics, HypothesisResult, TrialResult
from routerlab.study.trial.protocol.assignment import Planned
from tests.study.trial.harness import LABELS, Answer

Made = Callable[..., TrialResult]
"""Makes a protocol and a session, and analyses it."""


def number(case: str) -> int:
    return int(case.removeprefix("c"))


def mostly_right(planned: Planned, gold: str) -> Answer:
    """keywords errs on every fifth case, majority on every second, always to the next label."""
    wrong = number(planned.case) % (5 if planned.arm == "keywords" else 2) == 0
    label = LABELS[(LABELS.index(gold) + 1) % 6] if wrong else gold
    return "ok", label, 1000.0 if planned.arm == "keywords" else 3000.0


def hypothesis(result: TrialResult, name: str) -> HypothesisResult:
    return next(one for one in result.hypotheses if one.id == name)


def bill(result: TrialResult, arm: str) -> Economics:
    return next(one for one in result.economics if one.arm == arm)
