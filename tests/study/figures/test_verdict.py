"""Pareto dominance and every row of the decision matrix."""

from typing import Any

import pytest

from routerlab.core.statistics.gates import Gate
from routerlab.study.figures.analysis import analyse
from routerlab.study.figures.arm import Hosting, Settings
from routerlab.study.figures.costs import CostTable, MachinePrice, TokenPrice
from routerlab.study.figures.gates import DEFAULT_GATES
from routerlab.study.figures.result import Decision, Verdict
from routerlab.study.figures.rows import Row
from tests.study.figures.harness import answers, log

N = 100
QUICK = Settings(resamples=200)


def arm(name: str, right: int, cost: float, ms: float = 500.0, first: int = 0) -> list[Row]:
    """An arm that has `right` of N cases right, from the case `first` on, each at a cost."""
    good = [(i - first) % N < right for i in range(N)]
    return answers(name, good, cost=cost, latency_ms=ms)


def judge(*arms: list[Row], gates: Any = DEFAULT_GATES, **hosting: Hosting) -> Verdict:
    table = CostTable(
        date="2026-03-16",
        machine=tuple(MachinePrice(arms=(n,), hosting=h, per_hour=1.0) for n, h in hosting.items()),
    )
    return analyse(log([row for rows in arms for row in rows]), QUICK, gates, table).verdict


def decide(*arms: list[Row], **hosting: Hosting) -> Decision:
    return judge(*arms, **hosting).decision


def test_an_slm_wins_both() -> None:
    found = decide(arm("slm", 90, 0.1), arm("big", 60, 0.5), big="api")
    assert (found.row, found.primary, found.fallback) == ("slm-wins-both", "slm", None)
    assert found.says == "an SLM wins cost and quality: deploy it"


def test_the_api_wins_quality() -> None:
    found = decide(arm("small", 40, 0.1), arm("slm", 60, 0.1), arm("big", 90, 0.5), big="api")
    assert (found.row, found.primary, found.fallback) == ("api-quality-slm-cost", "slm", "big")


def test_the_api_wins_both() -> None:
    found = decide(arm("slm", 60, 0.5), arm("big", 90, 0.1), big="api")
    assert (found.row, found.primary, found.fallback) == ("api-wins-both", "big", "slm")


def test_all_alike_the_cheapest() -> None:
    found = decide(arm("slm", 80, 0.3), arm("other", 82, 0.2), arm("big", 84, 0.5), big="api")
    assert (found.row, found.primary) == ("all-alike", "other")
    assert "not told apart from it at level 0.05: slm, other" in found.reasons


@pytest.mark.parametrize(
    ("hosting", "primary"),
    [
        ({"x": "api", "y": "serverless", "z": "self-hosted"}, "z"),
        ({"x": "api", "y": "serverless", "z": "api"}, "y"),
        ({"x": "self-hosted", "y": "self-hosted", "z": "self-hosted"}, "y"),
    ],
)
def test_ties_prefer_fewer_dependencies_then_accuracy(hosting: dict[str, Hosting], primary: str) -> None:
    found = decide(arm("x", 80, 0.1), arm("y", 82, 0.1), arm("z", 80, 0.1), **hosting)
    assert (found.row, found.primary) == ("all-alike", primary)


def test_a_tie_in_quality_goes_to_the_slm() -> None:
    """As in Study 2: the API is ahead by a little, one SLM is not told apart from it, another is."""
    found = decide(arm("b", 50, 0.1), arm("c", 80, 0.1), arm("d", 84, 0.5), d="api")
    assert (found.row, found.primary) == ("slm-wins-both", "c")


def test_an_api_that_is_too_slow_is_out() -> None:
    found = decide(arm("slm", 60, 0.1), arm("other", 80, 0.1), arm("big", 95, 0.5, ms=2500), big="api")
    assert (found.row, found.primary, found.fallback) == ("api-fails-latency", "other", None)
    assert "big, an API, fails the latency gate" in found.reasons
    slow_slm = decide(arm("slm", 95, 0.1, ms=2500), arm("big", 60, 0.5), big="api")
    assert slow_slm.row == "slm-wins-both"


def test_cost_and_quality_may_be_of_two_slms() -> None:
    found = decide(arm("good", 90, 0.2), arm("cheap", 60, 0.1))
    assert (found.row, found.primary) == ("slm-wins-both", "good")
    assert "cheap is cheaper and less accurate" in found.reasons


def test_what_no_row_covers_is_said() -> None:
    found = decide(arm("slm", 90, 0.5), arm("big", 60, 0.1), big="api")
    assert (found.row, found.primary) == (None, None)
    assert found.says == "no row of the matrix holds: see the Pareto set"


def test_no_decision_without_costs_or_a_second_arm() -> None:
    free = analyse(log(answers("a", [True] * N) + answers("b", [True] * N)), QUICK).verdict.decision
    assert free.says == "no decision: no cost is known of a, b"
    assert decide(arm("a", 90, 0.1)).row is None
    only = decide(arm("x", 90, 0.1, ms=2500), arm("y", 60, 0.1, ms=2500), x="api", y="api")
    assert only.says == "no decision: every arm is an API that fails the latency gate"


def test_the_pareto_set() -> None:
    found = judge(
        arm("good", 90, 0.3, ms=900),
        arm("fast", 70, 0.3, ms=100),
        arm("cheap", 60, 0.1, ms=500),
        arm("bad", 60, 0.4, ms=900),
        arm("twin", 90, 0.3, ms=900),
    ).pareto
    assert found is not None
    assert found.over == ("accuracy", "p95", "cost")
    assert found.members == ("good", "fast", "cheap", "twin")
    assert found.dominated == {"bad": "good"}


def test_the_pareto_set_is_over_what_all_arms_have() -> None:
    rows = [*answers("a", [True] * N, latency_ms=None), *answers("b", [False] * N)]
    found = analyse(log(rows), QUICK).verdict.pareto
    assert found is not None
    assert (found.over, found.members, found.dominated) == (("accuracy",), ("a",), {"b": "a"})


def test_who_is_viable() -> None:
    found = judge(
        arm("yes", 98, 0.1), arm("no", 50, 0.1), arm("maybe", 86, 0.1), arm("slow", 98, 0.1, ms=3000)
    )
    assert found.viable == {"yes": "pass", "no": "fail", "maybe": "undecided", "slow": "fail"}
    assert judge(arm("a", 98, 0.1), gates=[Gate("accuracy", ">=", 0.9)]).viable == {"a": "pass"}
    assert judge(arm("a", 98, 0.1), gates=[]).viable == {}


def test_token_prices_make_an_api() -> None:
    table = CostTable(
        date="2026-03-16",
        tokens=(TokenPrice(arms=("big",), input_per_million=0.27, output_per_million=1.1),),
    )
    rows = [*arm("slm", 60, 0.0), *answers("big", [True] * N, tokens_in=300, tokens_out=20)]
    found = analyse(log(rows), QUICK, DEFAULT_GATES, table)
    assert found.by_name["big"].hosting == "api"
    assert found.verdict.decision.row == "api-quality-slm-cost"


def test_an_api_that_is_too_slow_says_nothing_of_one_that_is_not() -> None:
    slow, fast = arm("slow", 95, 0.5, ms=5000.0), arm("fast", 90, 0.1)
    found = decide(arm("slm", 60, 0.5), slow, fast, slow="api", fast="api")
    assert (found.row, found.primary, found.fallback) == ("api-wins-both", "fast", "slm")
    assert any("slow" in reason for reason in found.reasons)
