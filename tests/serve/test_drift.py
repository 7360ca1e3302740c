"""The alarm: hardly ever without drift, and soon with it."""

from pathlib import Path

import numpy as np
import pytest

from routerlab.api import AsyncRouter, Decision
from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.core.prediction import Prediction
from routerlab.engine.arms.arm import ArmState
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.router import load_router
from routerlab.serve.drift import Drift, Seen, compare, drawn, told, tuned
from routerlab.serve.front import Against, Wanted, load_work
from routerlab.serve.ledger import Keep, Recorder
from routerlab.serve.metrics import Metrics
from routerlab.tune.out_of_fold import OutOfFold, load_oof
from tests.conftest import PATIENCE_S, REPO
from tests.core.session.harness import ARM
from tests.engine.asking import FRONT_DOOR
from tests.serve.harness import LIMITS, Told

LABELS = ("code/simple", "code/complex", "CoT/simple")
MIX = (0.6, 0.3, 0.1)


def made(
    rng: np.random.Generator, n: int, mix: tuple[float, ...] = MIX, sure: float = 8.0, known: float = 1.0
) -> list[Seen]:
    labels, shares, near = rng.choice(3, n, p=mix), rng.beta(sure, 2, n), rng.beta(known, 1, n)
    columns = (labels.tolist(), shares.tolist(), near.tolist())
    return [Seen(LABELS[k], share, f) for k, share, f in zip(*columns, strict=True)]


def decided(sample: list[Seen]) -> list[Prediction]:
    return [
        Prediction(
            status="ok", label=s.label, probabilities={s.label: s.confidence or 0}, familiarity=s.familiarity
        )
        for s in sample
    ]


def test_without_drift_an_alarm_is_as_rare_as_stated() -> None:
    """2,000 arms that never drift, each looked at three times against its one reference."""
    rng, size, rate, false = np.random.default_rng(21), 40, 0.05, 0
    for _ in range(2000):
        reference = made(rng, size)
        found = (compare(reference, made(rng, size), look, rate) for look in (1, 2, 3))
        false += any(figure.alarm for figures in found for figure in figures)
    assert 0 < false <= rate * 2000  # some: an alarm that never comes would be good for nothing


@pytest.mark.parametrize(
    ("figure", "change"),
    [
        ("labels", {"mix": (0.4, 0.3, 0.3)}),
        ("confidence", {"sure": 4.0}),
        ("familiarity", {"known": 0.5}),
    ],
)
def test_planted_drift_is_found_in_the_first_window_after_it(figure: str, change: dict[str, float]) -> None:
    found = others = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        figures = compare(made(rng, 500), made(rng, 500, **change), look=3)  # type: ignore[arg-type]
        alarms = {f.name for f in figures if f.alarm}
        found += figure in alarms
        others += bool(alarms - {figure})
    assert found >= 19
    assert others <= 1  # what did not drift


def test_windows_follow_the_reference_and_it_says_what_moved_and_when_that_is_over() -> None:
    rng, drift = np.random.default_rng(1), Drift(100)
    sample = decided(made(rng, 100) + made(rng, 100, mix=(0.0, 0.0, 1.0)))
    assert not any(map(drift.add, sample[:199]))
    moved = drift.add(sample[199])
    assert moved == drift.figures
    (line,) = told("main", (), moved, drift.against)
    assert line.startswith("drift: main: labels: CoT/simple ")
    assert "-> 100% (p " in line
    for one in decided(made(rng, 100)):
        drift.add(one)
    (over,) = told("main", moved, drift.figures, drift.against)
    assert over.startswith("drift is over: main: labels: ")
    assert drift.looks == 2


def test_what_has_no_label_or_no_familiarity_is_not_looked_at() -> None:
    drift = Drift(10)
    for _ in range(30):
        assert drift.add(Prediction(status="timeout")) == ()
    for _ in range(20):
        drift.add(Prediction(status="ok", label=LABELS[0], probabilities={LABELS[0]: 0.9}))
    assert [figure.name for figure in drift.figures] == ["labels", "confidence"]
    assert not any(figure.alarm for figure in drift.figures)
    off = Drift(0)
    assert not any(map(off.add, decided(made(np.random.default_rng(0), 30))))


def test_metrics_and_the_log_have_it_until_arms_are_loaded_anew() -> None:
    lines: list[str] = []
    metrics = Metrics(50, lines.append)
    rng = np.random.default_rng(3)
    for one in decided(made(rng, 50) + made(rng, 50, mix=(0.0, 0.0, 1.0))):
        metrics.decided(Decision(**one.model_dump(), arm="main"), None)
    assert len(lines) == 1
    assert lines[0].startswith("drift: main: labels: ")
    text = metrics.text().decode()
    assert 'routerlab_drift{arm="main",figure="labels"} 1.0' in text
    assert 'routerlab_drift{arm="main",figure="familiarity"} 0.0' in text
    assert 'routerlab_drift_distance{arm="main",figure="labels"}' in text
    metrics.begin()
    assert "routerlab_drift{" not in metrics.text().decode()


def answers(sample: list[Seen]) -> OutOfFold:
    """What a router was tuned with, had these been its answers."""
    n, labels = len(sample), np.array([LABELS.index(s.label) for s in sample])
    shares, known = np.zeros((n, len(LABELS))), np.array([s.familiarity for s in sample], float)
    shares[np.arange(n), labels] = [s.confidence for s in sample]
    return OutOfFold(("",) * n, labels, shares, known, known > 0, known)


def test_against_tuning_an_alarm_without_drift_is_as_rare() -> None:
    rng, size, rate, arms, false = np.random.default_rng(29), 40, 0.05, 250, 0
    for _ in range(arms):
        reference = drawn(answers(made(rng, 100)), LABELS, size)
        found = (compare(reference, made(rng, size), look, rate) for look in (1, 2, 3))
        false += any(figure.alarm for figures in found for figure in figures)
    assert 0 < false <= rate * arms


SHIPPED = REPO / "routers" / "minilm.toml"
TUNED = ARM.model_copy(
    update={"router_file": str(SHIPPED), "router_sha256": canonical_sha256(load_router(SHIPPED))}
)


def test_other_answers_of_a_shipped_routers_tuning_have_not_drifted_and_one_label_alone_has() -> None:
    labels, size = FRONT_DOOR.labels, 500
    reference = tuned(TUNED, labels, size)
    pin = load_router(SHIPPED).evidence.answers
    more = drawn(load_oof(SHIPPED.parent, pin, "minilm"), labels, 3 * size)
    own = set(reference)
    window = [one for one in more if one not in own][:size]
    assert len(reference) == len(window) == size
    assert not any(figure.alarm for figure in compare(reference, window, 1))
    drift = Drift(size, reference=reference)
    one_label = [one for one in window if one.label == labels[0]]
    (moved, *_) = [drift.add(one) for one in decided((one_label * size)[:size])][-1]
    assert (moved.name, moved.alarm, drift.against) == ("labels", True, "tuning")


@pytest.mark.parametrize(
    ("changed", "size", "why"),
    [
        ({"router_file": None}, 500, "it is no tuned router"),
        ({"router_sha256": "0" * 64}, 500, "minilm.toml is another router by now"),
        ({"router_file": "/dev/zero"}, 500, "/dev/zero is not here"),
        ({}, 20000, "it was tuned with 13855 cases, fewer than a window has"),
    ],
)
def test_what_was_not_tuned_so_is_held_against_what_came_first(
    changed: dict[str, str | None], size: int, why: str
) -> None:
    with pytest.raises(LabError, match=why):
        tuned(TUNED.model_copy(update=changed), FRONT_DOOR.labels, size)


class Tuned(Told):
    """An arm with the router that ships."""

    async def start(self) -> None:
        self.spec = self.spec.model_copy(update={"router": SHIPPED})
        await super().start()
        assert isinstance(self.state.info, ArmInfo)
        known = self.state.info.model_copy(update={"router_sha256": TUNED.router_sha256})
        self.to(ArmState("ready", info=known))


@pytest.mark.parametrize(("against", "told_of"), [("tuning", ["shadow"]), ("first", [])])
async def test_a_server_holds_each_arm_against_its_tuning_where_it_can(
    tmp_path: Path, against: Against, told_of: list[str]
) -> None:
    lines: list[str] = []
    metrics = Metrics(50, lines.append)
    arms = {"main": Tuned("main"), "shadow": Told("shadow")}
    wanted = Wanted("main", ("shadow",), against=against)
    recorder = Recorder(None, Keep(), metrics, lines.append)
    work = await load_work(
        wanted, LIMITS, metrics, recorder, lambda name: AsyncRouter(arms[name], FRONT_DOOR.labels, PATIENCE_S)
    )
    assert lines == [
        f"drift: {name}: is held against its first 50 decisions, for its tuning's are not here: "
        "it is no tuned router"
        for name in told_of
    ]
    for _ in range(50):
        metrics.decided(Decision(arm="main", status="ok", label=FRONT_DOOR.labels[0]), None)
    told_now = lines[len(told_of) :]
    assert [line.partition(": labels")[0] for line in told_now] == ["drift: main"] * (against == "tuning")
    await work.close()
