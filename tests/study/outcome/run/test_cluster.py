"""Local models that answer on a cluster: the same outcomes in the tasks' order, but no times."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from routerlab.core.corpus import prompt_sha256
from routerlab.engine.arms.downstream import Answered, Asked, ChatModel
from routerlab.study.outcome.load import load_matrix, read_outcomes
from routerlab.study.outcome.run.begin import new_header
from tests.engine.cluster.in_process import in_process
from tests.study.outcome.harness import (
    SANDBOX,
    SETTINGS,
    Found,
    carried_out,
    carry,
    loaded,
    opened,
    plan_file,
    task,
    tiny_model,
)

WORDS = "red blue green seven zebra quick 12345 HELLO ?!?"
"""The tiny model with seed 3 answers most of them in a way of its own."""
NINE = [task(i, word * 3) for i, word in enumerate(WORDS.split())]


async def far(patch: pytest.MonkeyPatch, path: Path, out: Path) -> Found:
    work, file = opened(path, out)
    return await carry(replace(work, cluster=in_process(patch)), file)


async def test_answers_are_those_of_one_machine_in_order_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"a": tiny_model(tmp_path, seed=3)}
    alone, _, _ = await carried_out(plan_file(tmp_path, NINE, models), tmp_path / "alone.toml")
    out = tmp_path / "far.toml"
    path = plan_file(tmp_path, NINE, models, together=2, caps={"questions": 4})
    found, lost, said = await far(monkeypatch, path, out)
    assert (len(found), lost) == (4, [])
    assert "  loaded 2 times on the cluster" in said
    assert said[-1] == "stopped at the cap of 4 questions: 5 questions of the plan are not asked"
    found, _, _ = await far(monkeypatch, plan_file(tmp_path, NINE, models, together=2), out)
    in_order = sorted(NINE, key=lambda t: prompt_sha256(t["prompt"]))
    assert list(found) == list(read_outcomes(out).of) == [(t["id"], "a") for t in in_order]
    for key, one in found.items():
        same = alone[key].model_copy(
            update={"at": one.at, "latency_ms": None, "first_ms": None, "contended": True}
        )
        assert one == same
    assert len({one.answer for one in found.values()}) > 5  # so that it tells something
    assert load_matrix(out).score.shape == (9, 1)


async def test_a_task_that_a_worker_dies_of_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed when it is asked the third task, always; what it had beside that is asked again."""
    sent = ChatModel.chat

    async def deadly(self: ChatModel, prompt: str, how: Asked) -> Answered:
        if prompt == NINE[2]["prompt"]:
            assert self.state.pid is not None
            os.kill(self.state.pid, signal.SIGKILL)
        return await sent(self, prompt, how)

    monkeypatch.setattr(ChatModel, "chat", deadly)
    path = plan_file(tmp_path, NINE, {"a": tiny_model(tmp_path)}, together=2)
    found, lost, _ = await far(monkeypatch, path, tmp_path / "out.toml")
    statuses = {key[0]: one.status for key, one in found.items()}
    assert (lost, statuses.pop("T-02"), set(statuses.values())) == ([], "crashed", {"ok"})
    assert len(found) == 9
    assert (found["T-02", "a"].score, found["T-02", "a"].contended) == (0.0, False)


async def test_a_model_that_cannot_be_loaded_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"a": tiny_model(tmp_path), "b": tiny_model(tmp_path, "b")}
    work, file = opened(plan_file(tmp_path, NINE[:3], models), tmp_path / "out.toml")
    Path(models["a"]).write_bytes(Path(models["a"]).read_bytes()[:9000])
    found, (line,), _ = await carry(replace(work, cluster=in_process(monkeypatch)), file)
    assert {model for _, model in found} == {"b"}
    assert line.startswith("a: on the cluster: ")
    assert line.endswith("; 3 questions are not asked")


def test_a_header_says_nothing_of_machines_that_are_not_known(tmp_path: Path) -> None:
    plan, tasks, routes, where = loaded(plan_file(tmp_path, NINE, {"a": tiny_model(tmp_path)}))
    (model,) = new_header(plan, tasks, routes, where, SETTINGS, None, SANDBOX.words).model
    assert (model.device, model.threads, model.llama_cpp) == (None, None, None)
    assert (model.model_file, model.n_ctx) == ("a.gguf", 512)
