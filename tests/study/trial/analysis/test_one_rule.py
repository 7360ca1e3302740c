"""A limit on P95 as a hypothesis and as a gate: the same sessions get the same answer."""

from collections.abc import Callable
from pathlib import Path

import pytest

from routerlab.study.trial.analysis.analysis import analyse_trial
from routerlab.study.trial.protocol.assignment import Planned
from tests.study.trial.harness import Answer, protocol_file, session_file

WORDS = {"pass": "supported", "fail": "refuted", "undecided": "undecided"}


def lossy(lost: int, slow: int) -> Callable[[Planned, str], Answer]:
    """Of a hundred sessions so many are never answered; of nineteen so many are too slow."""

    def answer(planned: Planned, gold: str) -> Answer:
        i = planned.index
        return ("crashed", None, 0.0) if i % 100 < lost else ("ok", gold, 900.0 + 1200.0 * (i % 19 < slow))

    return answer


@pytest.mark.parametrize(
    ("cases", "lost", "slow", "answer"),
    [(120, 0, 0, "pass"), (30, 0, 0, "undecided"), (120, 3, 1, "undecided"), (120, 20, 0, "fail")],
)
def test_the_hypothesis_on_p95_and_the_gate_are_one_rule(
    tmp_path: Path, cases: int, lost: int, slow: int, answer: str
) -> None:
    file = protocol_file(tmp_path, cases=cases, sessions=120)
    result = analyse_trial(session_file(tmp_path, file, lossy(lost, slow)), None, None)
    alone = next(one for one in result.hypotheses if one.id == "H8").tests[0]
    gate = result.analysis.by_name[alone.subject].gates[-1]
    assert gate.answer == answer
    assert alone.finding == WORDS[answer]
