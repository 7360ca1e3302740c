"""Gates: how they are written, what they answer, what would decide them."""

from math import ceil, floor

import pytest

from routerlab.core.errors import LabError
from routerlab.core.statistics.gates import MOST, Gate, cases_for_share, parse_gate, values_for_quantile
from routerlab.core.statistics.intervals import quantile_interval, wilson

ACCURATE, FAST = Gate("accuracy", ">=", 0.85), Gate("p95", "<=", 2000)


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("accuracy>=0.85", ACCURATE),
        (" p95 <= 2e3 ", FAST),
        ("parse_rate>0.99", Gate("parse_rate", ">", 0.99)),
        ("f1:hybrid/agentic>=0.8", Gate("f1:hybrid/agentic", ">=", 0.8)),
        ("cost<1", Gate("cost", "<", 1)),
    ],
)
def test_a_gate_is_read(text: str, gate: Gate) -> None:
    assert parse_gate(text) == gate
    assert parse_gate(str(gate)) == gate


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy", "not a gate"),
        ("accuracy=0.8", "not a gate"),
        ("", "not a gate"),
        ("speed>=1", "unknown metric 'speed'; there are accuracy"),
        ("f1:>=1", "not a gate"),
        ("accuracy>=80", "a number from 0 to 1"),
        ("f1:a/b>=80", "a number from 0 to 1"),
        ("p95<=2s", "'2s' is not a number"),
        ("p95<=nan", "'nan' is not a number"),
        ("p95<=-1", "negative"),
    ],
)
def test_what_is_no_gate_is_told(text: str, message: str) -> None:
    with pytest.raises(LabError, match=message):
        parse_gate(text)


def test_the_answer_is_from_the_interval() -> None:
    assert ACCURATE.answer(0.85, 0.99) == "pass"
    assert ACCURATE.answer(0.70, 0.84) == "fail"
    assert ACCURATE.answer(0.70, 0.85) == "undecided"
    assert FAST.answer(900, 2000) == "pass"
    assert FAST.answer(2001, None) == "fail"
    assert FAST.answer(900, None) == "undecided"
    assert FAST.answer(None, None) == "undecided"


def test_a_strict_gate_is_not_kept_by_the_limit_itself() -> None:
    assert Gate("accuracy", ">", 0.85).answer(0.85, 0.9) == "undecided"
    assert Gate("accuracy", ">", 0.85).answer(0.8, 0.85) == "fail"
    assert Gate("p95", "<", 2000).answer(900, 2000) == "undecided"
    assert Gate("p95", "<", 2000).answer(2000, 2100) == "fail"


@pytest.mark.parametrize("share", [0.2, 0.6, 0.783, 0.84, 0.8499, 0.862, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("gate", [ACCURATE, Gate("accuracy", ">", 0.85), Gate("accuracy", "<=", 0.85)])
def test_the_number_of_cases_is_the_smallest_that_decides(share: float, gate: Gate) -> None:
    n = cases_for_share(gate, share)
    if n is None:
        assert gate.answer(*wilson(share * MOST, MOST)) == "undecided"
        return
    assert gate.answer(*wilson(share * n, n)) != "undecided"
    assert n == 1 or gate.answer(*wilson(share * (n - 1), n - 1)) == "undecided"


def test_the_numbers_of_cases_of_the_study() -> None:
    """57/60, 110/120, 180/200 and 354/400 just pass 0.85: at these shares no smaller number does, much."""
    for k, n in [(57, 60), (110, 120), (180, 200), (354, 400)]:
        needed = cases_for_share(ACCURATE, k / n)
        assert needed is not None
        assert n * 0.8 < needed <= n


def test_no_number_of_cases_decides_a_share_at_the_limit() -> None:
    assert cases_for_share(ACCURATE, 0.85) is None
    assert cases_for_share(ACCURATE, 0.8501) is None
    assert cases_for_share(Gate("accuracy", ">=", 1.0), 1.0) is None
    assert cases_for_share(Gate("accuracy", ">=", 1.0), 0.9) is not None


def test_p95_without_slow_answers_takes_72() -> None:
    assert values_for_quantile(FAST, 0.95, 1.0, 60) == 72
    assert values_for_quantile(FAST, 0.95, 1.0, 100) == 101


@pytest.mark.parametrize("share", [0.5, 0.9, 0.94, 0.96, 0.97, 0.99])
def test_the_number_of_values_is_the_smallest_that_decides(share: float) -> None:
    """Counted out: so many values, that share of them at or below the limit, rounded against the answer."""
    whole = floor if share > 0.95 else ceil

    def answer(n: int) -> str:
        within = whole(round(share * n, 6))
        return FAST.answer(*quantile_interval([1000.0] * within + [3000.0] * (n - within), 0.95))

    n = values_for_quantile(FAST, 0.95, share, 10)
    assert n is not None
    assert answer(n) == ("pass" if share > 0.95 else "fail")
    assert all(answer(fewer) == "undecided" for fewer in range(11, n))


def test_no_number_of_values_decides_a_share_at_the_limit() -> None:
    assert values_for_quantile(FAST, 0.95, 0.95, 60) is None
