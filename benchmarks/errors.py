"""How often analyses say what is not so: quality in trials, and whole analyses of outcomes, simulated."""

from concurrent.futures import ProcessPoolExecutor
from typing import Any

from tests.study.outcome.analysis import simulated as outcomes
from tests.study.trial.analysis import simulated as trials

PLANTED = 10
"""Of worlds with a large effect a tenth of the runs are enough."""


def measure(runs: int) -> dict[str, Any]:
    """World -> its runs, and how often what was said. Nothing of it depends on the machine."""
    with ProcessPoolExecutor() as pool:
        told = {f"trial, {name}": pool.submit(trial, name, runs) for name in trials.WORLDS}
        told |= {f"outcome, {name}": pool.submit(outcome, name, few(name, runs)) for name in outcomes.WORLDS}
        return {world: one.result() for world, one in told.items()}


def trial(name: str, runs: int) -> dict[str, Any]:
    """What was said in runs of this world."""
    return {"runs": runs, **trials.shares(name, range(runs))}


def outcome(name: str, runs: int) -> dict[str, Any]:
    """The same of a world of outcomes."""
    return {"runs": runs, **outcomes.shares(outcomes.WORLDS[name], range(runs))}


def few(name: str, runs: int) -> int:
    """How many runs this world gets."""
    return max(1, runs // PLANTED) if name.startswith("an effect") else runs
