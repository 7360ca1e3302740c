"""How often analyses say what is not so: quality in trials, and whole analyses of outcomes, simulated."""

from typing import Any

from tests.study.outcome.analysis import simulated as outcomes
from tests.study.trial.analysis import simulated as trials

PLANTED = 10
"""Of worlds with a large effect a tenth of the runs are enough."""


def measure(runs: int) -> dict[str, Any]:
    """World -> its runs, and how often what was said. Nothing of it depends on the machine."""
    result: dict[str, Any] = {}
    for name in trials.WORLDS:
        result[f"trial, {name}"] = {"runs": runs, **trials.shares(name, range(runs))}
    for name, world in outcomes.WORLDS.items():
        n = few(name, runs)
        result[f"outcome, {name}"] = {"runs": n, **outcomes.shares(world, range(n))}
    return result


def few(name: str, runs: int) -> int:
    """How many runs this world gets."""
    return max(1, runs // PLANTED) if name.startswith("an effect") else runs
