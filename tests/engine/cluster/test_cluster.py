"""Bulk work on a real cluster of two nodes on this machine, one of which is killed half-way: what downstream
models answer, what tuning reads, what a replay labels."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routerlab.core.corpus import Case, Corpus, prompt_sha256
from routerlab.core.errors import LabError
from routerlab.core.session.file import read_session
from routerlab.engine.cluster.actor import Shape, shape
from routerlab.engine.cluster.arm import ClusterArm, find_cluster, on_cluster
from routerlab.engine.lab.events import TrialDone
from routerlab.engine.lab.factory import ModelArms
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import Materials
from routerlab.engine.lab.start import start_arms
from routerlab.models.memory import Estimate
from routerlab.models.placement import RESERVE, share
from routerlab.resources import TAXONOMY
from routerlab.tune.features import Workbench
from routerlab.tune.ways import Way
from tests.engine import tiny
from tests.engine.asking import FRONT_DOOR, shots_for
from tests.engine.tuned import LAYER, WINDOW, deep_model, plan_for
from tests.engine.workers import SETTINGS, spec, until
from tests.study.outcome.harness import carried_out, carry, opened, plan_file, task, tiny_model

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: the extra `ray`")
CASES = 400
QUICK = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 200,
    "health_check_failure_threshold": 2,
}
SHOTS = shots_for(FRONT_DOOR.labels)


def make(slots: int, settings: Any = SETTINGS) -> ModelArms:
    return ModelArms(FRONT_DOOR, SHOTS, "e" * 64, settings, slots)


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    """A cluster with room for one model, which says that it has a GPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        from ray.cluster_utils import Cluster

        told = {"num_cpus": 1, "num_gpus": 1, "include_dashboard": False, "_system_config": QUICK}
        made = Cluster(initialize_head=True, head_node_args=told)
        made.second = None
        patch.setenv("RAY_ADDRESS", made.address)
        yield made
        made.shutdown()


@pytest.fixture
def cluster(head: Any) -> Any:
    """The same with a second node that has room for a model, too."""
    if head.second is None:
        head.second = head.add_node(num_cpus=1)
    return head


def kill(cluster: Any) -> None:
    """As when the second node's machine fails."""
    os.kill(cluster.second.all_processes["raylet"][0].process.pid, signal.SIGKILL)
    cluster.second = None


@needs_ray
async def test_downstream_models_answer_as_on_one_machine(cluster: Any, tmp_path: Path) -> None:
    words = [f"{word}{n}" * 3 for word in ("red", "zebra", "?") for n in range(4)]
    tasks = [task(i, word) for i, word in enumerate(words)]
    models = {"a": tiny_model(tmp_path, seed=3)}
    alone, _, _ = await carried_out(plan_file(tmp_path, tasks, models), tmp_path / "alone.toml")
    work, file = opened(plan_file(tmp_path, tasks, models, together=2), tmp_path / "far.toml")
    found, lost, said = await carry(replace(work, cluster=find_cluster("ray", print)), file)
    assert (lost, said[-1]) == ([], "  loaded 2 times on the cluster")
    in_order = sorted(tasks, key=lambda t: prompt_sha256(t["prompt"]))
    assert list(found) == [(t["id"], "a") for t in in_order]
    assert [(one.answer, one.score, one.cost) for one in found.values()] == [
        (alone[key].answer, alone[key].score, alone[key].cost) for key in found
    ]
    assert {one.latency_ms for one in found.values()} == {None}
    assert len({one.answer for one in found.values()}) > 2  # so that it tells something


@needs_ray
async def test_tuning_reads_what_one_machine_would_though_a_node_is_killed_and_it_is_stopped(
    cluster: Any, tmp_path: Path
) -> None:
    model, told = deep_model(tmp_path / "deep.gguf"), list[str]()
    prompts = [f"tell me {n} times about {n % 7}" for n in range(CASES)]
    near = plan_for(model, tmp_path / "near" / "r.toml")
    far = replace(near, store=tmp_path / "far.sqlite", cluster=find_cluster("ray", told.append))

    async def read(plan: Any, asked: list[str], done: Any = lambda *_: None) -> list[Any]:
        with Workbench(plan) as bench:
            async with bench.asker("probe", Way(plan.spec), (1, LAYER)) as asker:
                return await asker.answers(asked, WINDOW, done)

    def disturb(done: int, _: int) -> None:
        if done == 40:
            kill(cluster)
        if done == 300:
            reading.cancel()

    reading = asyncio.create_task(read(far, prompts, disturb))
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert [line.rpartition("; ")[2] for line in told if "is out" in line] == ["1 go on"]
    counts: list[int] = []
    found = await read(far, prompts, lambda done, _: counts.append(done))
    assert counts == list(range(counts[0], CASES + 1))
    assert counts[0] >= 300
    for a, b in zip(await read(near, prompts[::9]), found[::9], strict=True):
        assert a.prediction.tokens == b.prediction.tokens
        np.testing.assert_allclose(a.features, b.features, rtol=1e-5, atol=1e-6)


@needs_ray
async def test_a_node_that_is_killed_half_way_loses_nothing(
    cluster: Any, tmp_path: Path, tiny_files: dict[tiny.Family, Path]
) -> None:
    import ray

    cases = tuple(
        Case(id=f"c{n:03d}", prompt=f"tell me {n} times about {n % 7}", label=None) for n in range(CASES)
    )
    corpus = Corpus(schema_version=1, name="many", taxonomy=FRONT_DOOR.name, case=cases)
    materials = Materials(FRONT_DOOR, TAXONOMY, corpus, tmp_path / "many.toml")
    path, told = tmp_path / "session.toml", list[str]()
    factory = on_cluster("ray", partial(make, 16), make(16), SETTINGS, told.append)
    lab = Lab(materials, SETTINGS, factory, path, bulk=16)
    killed = asyncio.Event()

    def watch(event: object) -> None:
        if isinstance(event, TrialDone) and not killed.is_set() and event.trial.case == "c040":
            kill(cluster)
            killed.set()

    lab.subscribe(watch)
    one = spec(tiny_files["llama"])
    await start_arms(lab, [one], told.append)
    arm = lab.arms["arm"]
    assert isinstance(arm, ClusterArm)
    assert "loaded 2 times" in arm.state.message
    lab.replay_repeats(lab.cases(), 1)
    await lab.finished()
    before = len(lab.session.trials)
    lab.replay(lab.cases(), again=True)
    await until(lambda: len(lab.session.trials) > before)
    lab.runner.cancel()
    await until(lambda: arm.state.phase == "ready")
    assert (await arm.ask("whoever is left", SETTINGS.timeout_s)).status == "ok"
    for actor in arm._actors:
        ray.kill(actor)
    assert (await arm.ask("nobody is", SETTINGS.timeout_s)).status == "crashed"
    assert (arm.state.phase, "all models on the cluster are out" in arm.state.message) == ("failed", True)
    await lab.close()
    assert killed.is_set()
    assert [line.rpartition("; ")[2] for line in told if "is out" in line] == ["1 go on", "0 go on"]
    trials = read_session(path).session.trials[:before]
    assert [t.case for t in trials] == [case.id for case in cases]  # each once, in order
    alone = make(1)(one)
    await alone.start()
    for n in range(0, CASES, 9):
        answer = await alone.ask(cases[n].prompt, SETTINGS.timeout_s)
        assert (trials[n].label, trials[n].status) == (answer.label, "ok")
        assert trials[n].probabilities == pytest.approx(answer.probabilities, abs=2e-4)  # no two alike
    await alone.stop()


@pytest.mark.parametrize(
    ("nodes", "threads", "gpu", "found"),
    [
        ([{"CPU": 8.0}, {"CPU": 4.0}], None, 0.0, Shape(3, 4, 0.0)),
        ([{"CPU": 8.0}, {"CPU": 3.0}], 2, 0.0, Shape(5, 2, 0.0)),
        ([{"memory": 1.0}, {"CPU": 2.0}], None, 0.0, Shape(1, 2, 0.0)),  # a head that does not compute
        ([{"CPU": 16.0, "GPU": 2.0}, {"CPU": 2.0, "GPU": 1.0}, {"CPU": 9.0}], None, 0.25, Shape(10, 1, 0.25)),
        ([{"CPU": 16.0, "GPU": 1.0}], 4, 1 / 3, Shape(3, 4, 1 / 3)),
    ],
)
def test_a_cluster_is_filled(
    nodes: list[dict[str, float]], threads: int | None, gpu: float, found: Shape
) -> None:
    assert shape(nodes, threads, gpu) == found


def test_a_gpu_is_shared_by_as_many_as_it_has_room_for() -> None:
    need = Estimate(weights=600 << 20, kv=100 << 20, buffers=68 << 20)
    assert share(need, 3 * ((768 << 20) + RESERVE)) == pytest.approx(1 / 3)
    assert share(need, 1 << 20) == 1.0


@needs_ray
@pytest.mark.parametrize(
    ("engine", "says"),
    [
        ("ray://", "write ray://HOST:PORT"),
        ("ray://127.0.0.1:x", "write ray://HOST:PORT"),
        ("ray://127.0.0.1:1", "nobody answers there"),
    ],
)
async def test_a_cluster_that_is_none_is_told_in_one_line(engine: str, says: str, tmp_path: Path) -> None:
    arm = on_cluster(engine, partial(make, 16), make(16), SETTINGS, print)(spec(tmp_path / "m.gguf"))
    await arm.start()
    assert (arm.state.phase, says in arm.state.message) == ("failed", True)
    assert "\n" not in arm.state.message


def test_what_is_missing_or_cannot_be_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="no room for a model with 8 CPUs: its largest machine gives 4"):
        shape([{"CPU": 4.0}], 8, 0.0)
    with pytest.raises(LabError, match="there is ray, and ray://HOST:PORT"):
        on_cluster("spark", partial(make, 16), make(16), SETTINGS, print)
    monkeypatch.setattr("routerlab.engine.cluster.arm.find_spec", lambda _: None)
    with pytest.raises(LabError, match=r"pip install 'routerlab\[ray\]'"):
        on_cluster("ray", partial(make, 16), make(16), SETTINGS, print)
