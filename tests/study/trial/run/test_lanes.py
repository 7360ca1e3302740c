"""What a screen is told of a run: the figures that the analysis will have, and nothing of outcomes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from routerlab.core.files.toml import load_toml
from routerlab.core.prediction import Latency, Status, Trial
from routerlab.core.session.file import read_session
from routerlab.core.statistics.gates import parse_gate
from routerlab.engine.arms.arm import ArmState
from routerlab.study.figures.arm import QuantileFigure
from routerlab.study.trial.analysis.analysis import analyse_trial
from routerlab.study.trial.protocol.assignment import Planned
from routerlab.study.trial.protocol.protocol import Protocol, Traffic
from routerlab.study.trial.run.lanes import (
    Load,
    Overview,
    lane,
    loop_left,
    schedule_left,
    traffic_words,
    work_left,
)
from routerlab.study.trial.run.tally import SETTLE_S, WINDOW_S, Said, Tally, gates_now
from tests.study.trial.harness import protocol_file, session_file

NOW = datetime(2026, 11, 24, tzinfo=UTC)
P95 = [parse_gate("p95<=2000"), parse_gate("accuracy>=0.85")]
GATES = '"p50<=200", "p95<=300", "accuracy>=0.5"'
QUICK_S = 0.004


@pytest.fixture
def protocol(tmp_path: Path) -> Protocol:
    return load_toml(protocol_file(tmp_path), Protocol)


def trial(
    i: int, ms: float = 100.0, status: Status = "ok", due_s: float | None = None, queue: float = 0.0
) -> Trial:
    return Trial(
        id=f"t{i}",
        at=NOW,
        arm="a",
        case=f"c{i % 30}",
        status=status,
        latency_ms=Latency(queue=queue, total=ms),
        session=f"7-{i}",
        due=NOW + timedelta(seconds=i if due_s is None else due_s),
        contended=False,
    )


def tallied(protocol: Protocol, trials: Sequence[Trial], connections: int = 1) -> Tally:
    made = Tally(protocol, P95, connections)
    for one in trials:
        made.add(one)
    return made


def answer(planned: Planned, gold: str) -> tuple[Status, str | None, float]:
    """Every seventh is given up in the queue, every eleventh crashes; times go up and down."""
    if planned.index % 7 == 3:
        return "timeout", None, 0.0
    if planned.index % 11 == 5:
        return "crashed", None, 40.0
    return "ok", gold, 100.0 + planned.index * 37 % 300


@pytest.mark.parametrize("latency", ["response", "service"])
@pytest.mark.parametrize("convention", ["study", "linear"])
def test_times_and_gates_are_those_of_the_analysis(tmp_path: Path, latency: str, convention: str) -> None:
    more = f'latency = "{latency}"\npercentile = "{convention}"\ngates = [{GATES}]'
    path = protocol_file(tmp_path, sessions=90, more=more)
    session = session_file(tmp_path, path, answer, due_every_s=0.15)
    protocol = load_toml(path, Protocol)
    gates = [parse_gate(text) for text in protocol.gates]
    found = {arm.arm: arm for arm in analyse_trial(session, None, None).analysis.arms}
    trials = read_session(session).session.trials
    for name in ("keywords", "majority"):
        own = Tally(protocol, gates)
        for one in trials:
            if one.arm == name:
                own.add(one)
        times = found[name].latency
        assert times is not None
        assert own.percentile(0.5) == times.p50.value
        assert own.percentile(0.95) == times.p95.value
        for gate in found[name].gates:
            said = own.gates[gate.gate]
            assert said == ("at the end" if gate.gate.startswith("accuracy") else gate.answer)
        assert own.over == 90
        assert own.lost["timeout"] + own.lost["crashed"] == 90 - found[name].statuses["ok"]
    assert any(row.p95.value > 400 for row in (found["keywords"].latency,) if row) == (latency == "response")


def test_a_queue_behind_other_arms_is_not_counted_and_one_of_several_connections_is(
    protocol: Protocol,
) -> None:
    one = [trial(0, 100.0, queue=5000.0)]
    assert tallied(protocol, one).percentile(0.95) == pytest.approx(100.0, abs=0.01)
    assert tallied(protocol, one, connections=2).percentile(0.95) == 5100.0
    competing = protocol.traffic.model_copy(update={"schedule": "parallel"})
    parallel = protocol.model_copy(update={"traffic": competing})
    assert tallied(parallel, one).percentile(0.95) == 5100.0


def test_what_was_cancelled_is_not_over(protocol: Protocol) -> None:
    own = tallied(protocol, [trial(0, status="cancelled"), trial(1)])
    assert own.over == 1
    assert not own.lost


def test_wrong_and_unreadable_answers_count_as_right_ones_do(protocol: Protocol) -> None:
    def seen(status: Status, label: str | None) -> object:
        answers = [
            trial(i, status=status).model_copy(update={"gold": "b", "label": label}) for i in range(80)
        ]
        return lane("a", 90, tallied(protocol, answers), Load(), 0.0, 60.0)

    assert seen("ok", "b") == seen("ok", "c") == seen("unparsed", None)


@pytest.mark.parametrize(
    ("gate", "low", "high", "said"),
    [
        ("p95<=2000", 10.0, 1999.0, "pass"),
        ("p95<=2000", 2001.0, None, "fail"),
        ("p95<=2000", 10.0, None, "too few"),
        ("p95<=2000", None, 2500.0, "undecided"),
        ("p95>=2000", None, 2500.0, "too few"),
        ("p99<=2000", 10.0, 20.0, "too few"),
        ("accuracy>=0.85", 10.0, 20.0, "at the end"),
        ("cost<=1", 10.0, 20.0, "at the end"),
    ],
)
def test_gates_so_far(gate: str, low: float | None, high: float | None, said: Said) -> None:
    figure = QuantileFigure(value=15.0, low=low, high=high, n_effective=50.0)
    assert gates_now([parse_gate(gate)], {"p95": figure}) == {gate: said}


def test_a_gate_opens_with_enough_cases(protocol: Protocol) -> None:
    cases = [trial(i).model_copy(update={"case": f"c{i}"}) for i in range(59)]
    assert tallied(protocol, cases[:58]).gates["p95<=2000"] == "too few"
    own = tallied(protocol, cases[:58])
    for one in cases[58:] + [trial(100 + i).model_copy(update={"case": f"d{i}"}) for i in range(20)]:
        own.add(one)
    assert own.gates["p95<=2000"] == "pass"


def test_a_rate_is_of_the_latest_minute_and_needs_some_seconds(protocol: Protocol) -> None:
    own = Tally(protocol)
    assert own.per_minute(0.0, SETTLE_S - 0.1) is None
    own.add(trial(0))  # of an earlier run
    for i in range(10):
        own.add(trial(1 + i), now=float(i))
    assert own.per_minute(10.0, 10.0) == 60.0
    assert own.per_minute(WINDOW_S + 4.5, 300.0) == 5.0
    assert own.per_minute(1000.0, 1000.0) == 0.0


@pytest.mark.parametrize(
    ("load", "phase", "note"),
    [
        (Load(), "waiting", ""),
        (Load([ArmState("loading", stage="reading")]), "loading", "reading"),
        (Load([ArmState("ready", message="an old crash")]), "idle", ""),
        (Load([ArmState("ready"), ArmState("busy")]), "busy", ""),
        (Load([ArmState("crashed", message="killed")]), "restarting", "killed"),
        (Load([ArmState("failed", message="out")]), "failed", "out"),
        (Load([ArmState("ready"), ArmState("failed", message="out")]), "idle", ""),
        (Load([ArmState("stopped")]), "stopped", ""),
        (Load([ArmState("busy")], 3, "lost"), "dropped", "lost"),
    ],
)
def test_phases(protocol: Protocol, load: Load, phase: str, note: str) -> None:
    found = lane("a", 5, Tally(protocol), load, 0.0, 0.0)
    assert (found.phase, found.note) == (phase, note)
    done = lane("a", 2, tallied(protocol, [trial(0), trial(1)]), Load([ArmState("ready")]), 0.0, 0.0)
    assert done.phase == "done"


def test_what_was_sent_is_served_queued_or_over(protocol: Protocol) -> None:
    own = tallied(protocol, [trial(0), trial(1)])
    found = lane("a", 30, own, Load([ArmState("busy"), ArmState("ready")], under_way=5), 0.0, 0.0)
    assert (found.over, found.sent, found.serving, found.queued, found.connections) == (2, 7, 1, 4, 2)
    dropped = lane("a", 30, own, Load([ArmState("busy")], 1, "lost"), 0.0, 0.0)
    view = Overview("sending", (found, dropped))
    assert (view.over, view.total) == (4, 30 + 3)  # a dropped arm is sent no more


def test_an_open_run_is_over_with_its_schedule_or_when_its_arms_are() -> None:
    assert schedule_left([50.0, 90.0], 40.0, {"a": 3.0, "b": 4.0}, ["a", "b"]) == 50.0
    assert schedule_left([50.0], 40.0, {"a": 30.0, "b": 40.0}, ["a", "b"]) == 70.0
    assert schedule_left([50.0], 40.0, {"a": 30.0, "b": 40.0}, ["a"]) == 40.0
    assert schedule_left([50.0], 60.0, {}, []) == 0.0
    assert schedule_left([], 60.0, {}, []) == 0.0


def test_work_and_loops(protocol: Protocol) -> None:
    own = tallied(protocol, [trial(0, 1000.0), trial(1, 3000.0)])
    found = lane("a", 12, own, Load([ArmState("busy")]), 0.0, 0.0)
    assert work_left(own, found) == 20.0
    assert work_left(own, replace(found, connections=4)) == 5.0
    assert work_left(Tally(protocol), found) == 0.0
    assert loop_left(10, 30, 5.0) == 15.0
    assert loop_left(0, 30, 5.0) is None


@pytest.mark.parametrize(
    ("traffic", "words"),
    [
        ({"rate": 0.5}, "poisson, 0.5 a second"),
        ({"rate": 2, "pattern": "bursty", "concurrency": 8}, "bursty, 2 a second, 8 at a time at most"),
        ({"pattern": "closed", "users": 4}, "closed loop, 4 at a time"),
        ({"pattern": "closed", "think_s": 1.5}, "closed loop, 1 at a time, 1.5 s of thought"),
    ],
)
def test_traffic_in_words(traffic: dict[str, object], words: str) -> None:
    assert traffic_words(Traffic.model_validate(traffic)) == words


def test_ten_thousand_sessions_are_counted(protocol: Protocol) -> None:
    """How quickly: `python -m benchmarks drawing`."""
    own = tallied(protocol, [trial(i, 100.0 + i * 7919 % 3000) for i in range(10_000)])
    own.add(trial(10_000))
    assert lane("a", 20_000, own, Load([ArmState("busy")]), 0.0, 60.0).over == 10_001
