"""The queue of an arm that decodes several sessions together, as if it had the machine to itself."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from routerlab.core.files.toml import load_toml
from routerlab.core.prediction import Latency, Trial
from routerlab.study.trial.analysis.waits import own_queue
from routerlab.study.trial.protocol.protocol import Protocol
from routerlab.study.trial.run.tally import Tally
from tests.study.trial.harness import protocol_file

START = datetime(2026, 11, 24, tzinfo=UTC)


def served(dues_ms: Sequence[float], most: int, held_ms: float = 0.0) -> list[Trial]:
    """Sessions of an arm that takes up to `most` at once, in 100 ms and 20 more for each; before every turn
    another arm has the machine for `held_ms`."""
    trials: list[Trial] = []
    waiting = list(dues_ms)
    free = 0.0
    while waiting:
        begun = max(free, waiting[0]) + held_ms
        batch = [due for due in waiting[:most] if due <= begun]
        del waiting[: len(batch)]
        took = 100.0 + 20.0 * len(batch)
        free = begun + took
        for due in batch:
            trials.append(
                Trial(
                    id=f"t{len(trials)}",
                    at=START,
                    arm="a",
                    case=f"c{len(trials)}",
                    status="ok",
                    latency_ms=Latency(total=took, queue=begun - due),
                    together=len(batch) if len(batch) > 1 else None,
                    session=f"s{len(trials)}",
                    due=START + timedelta(milliseconds=due),
                    contended=False,
                )
            )
    return trials


def dues(n: int = 200) -> list[float]:
    rng = random.Random(1)
    at, found = 0.0, []
    for _ in range(n):
        at += rng.expovariate(1 / 60)
        found.append(round(at, 2))
    return found


@pytest.mark.parametrize("most", [1, 2, 4])
def test_alone_on_the_machine_it_is_what_was_measured(most: int) -> None:
    trials = served(dues(), most)
    if most > 1:
        assert {t.together for t in trials} >= {None, most}
    assert own_queue(trials) == pytest.approx({t.session: t.latency_ms.queue for t in trials}, abs=0.01)


def test_other_arms_turns_are_left_out() -> None:
    trials = served(dues(), 4, held_ms=150.0)
    own = own_queue(trials)
    assert all(own[t.session or ""] <= t.latency_ms.queue + 0.01 for t in trials)
    assert sum(own.values()) < 0.5 * sum(t.latency_ms.queue for t in trials)


def test_what_is_shown_meanwhile_is_the_same(tmp_path: Path) -> None:
    tally = Tally(load_toml(protocol_file(tmp_path), Protocol))
    trials = served(dues(), 4, held_ms=150.0)
    for one in trials:
        tally.add(one)
    own = own_queue(trials)
    response = sorted(own[t.session or ""] + t.latency_ms.total for t in trials)
    assert tally.percentile(0.5) == pytest.approx(response[100], abs=0.01)
    turns = {t.latency_ms.queue: t.latency_ms.total for t in trials if t.together is None}
    assert tally.served_ms < sum(t.latency_ms.total for t in trials)
    assert tally.served_ms > sum(turns.values())
