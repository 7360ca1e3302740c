"""Real workers with tiny models: every task once by every model, whatever happens."""

import os
import signal
from pathlib import Path

import pytest

from routerlab.core.corpus import prompt_sha256
from routerlab.core.errors import LabError
from routerlab.engine.arms import downstream as arm
from routerlab.study.outcome.load import load_matrix, read_outcomes
from tests.study.outcome.harness import IN, OUT, carried_out, carry, opened, plan_file, task, tiny_model

FIVE = [task(i) for i in range(5)]


async def test_every_task_once_by_every_model_together_as_alone(tmp_path: Path) -> None:
    """The tiny models have 32-bit weights, so that nothing but what is in the sequences can differ."""
    models = {"a": tiny_model(tmp_path), "b": tiny_model(tmp_path, "b", seed=1)}
    tasks = [*FIVE, task(5, "Say it. " * 30)]
    alone, lost, _ = await carried_out(plan_file(tmp_path, tasks, models), tmp_path / "alone.toml")
    path = plan_file(tmp_path, tasks, models, together=3)
    together, _, said = await carried_out(path, tmp_path / "together.toml")
    assert not lost
    mixed = sorted(tasks, key=lambda t: prompt_sha256(t["prompt"]))  # in nobody's order
    assert list(alone) == [(t["id"], m) for m in models for t in mixed]
    assert set(together) == set(alone)
    assert {key: one.answer for key, one in together.items()} == {k: one.answer for k, one in alone.items()}
    assert len({one.answer for one in alone.values()}) > 2  # so that it tells something
    assert not any(one.contended for one in alone.values())
    assert all(one.contended for one in together.values())
    for one in alone.values():
        assert one.status == "ok"
        assert one.checked
        assert one.score in (0.0, 1.0)
        assert one.tokens_in is not None
        assert one.tokens_out is not None
        assert one.cost == pytest.approx((one.tokens_in * IN + one.tokens_out * OUT) / 1e6, abs=1e-12)
        assert one.finish == ("length" if one.tokens_out == 6 else "stop")
        assert one.first_ms is not None
        assert one.latency_ms is not None
        assert 0 < one.first_ms <= one.latency_ms
    asked = [line for line in said if line.startswith("loading")]
    assert len(asked) == 2
    matrix = load_matrix(tmp_path / "alone.toml")
    assert matrix.score.shape == (6, 2)
    assert matrix.models == ("a", "b")
    assert matrix.labels[1] == "code/complex"
    assert matrix.cost[2, 1] == pytest.approx(alone["T-02", "b"].cost, abs=1e-12)


async def test_what_is_there_is_not_asked_again(tmp_path: Path) -> None:
    out = tmp_path / "out.toml"
    path = plan_file(tmp_path, FIVE, {"a": tiny_model(tmp_path)}, caps={"questions": 2})
    first, _, said = await carried_out(path, out)
    assert len(first) == 2
    assert said[-1] == "stopped at the cap of 2 questions: 3 questions of the plan are not asked"
    before = out.read_bytes()
    path = plan_file(tmp_path, FIVE, {"a": tiny_model(tmp_path)})
    _, _, said = await carried_out(path, out)
    assert "going on: 2 of 5 answers are there already" in said
    assert out.read_bytes().startswith(before)
    assert len(read_outcomes(out).of) == 5
    _, _, said = await carried_out(path, out)
    assert said == []  # no model was loaded


async def test_a_session_is_gone_on_with_only_if_it_is_of_the_same_plan_tasks_and_weights(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.toml"
    model = tiny_model(tmp_path)
    await carried_out(plan_file(tmp_path, FIVE, {"a": model}, caps={"questions": 1}), out)
    for tasks, how, what in (
        (FIVE, {"chat": {"max_tokens": 7}}, "plan"),
        ([*FIVE[:4], task(4, "Another question.")], {}, "tasks"),
    ):
        with pytest.raises(LabError, match=f"begun with another {what}"):
            opened(plan_file(tmp_path, tasks, {"a": model}, **how), out)
    with pytest.raises(LabError, match="--resume"):
        opened(plan_file(tmp_path, FIVE, {"a": model}), out, resume=False)
    tiny_model(tmp_path, seed=1)
    with pytest.raises(LabError, match="begun with another models"):
        opened(plan_file(tmp_path, FIVE, {"a": model}), out)


async def test_money_ends_the_run(tmp_path: Path) -> None:
    path = plan_file(tmp_path, FIVE, {"a": tiny_model(tmp_path)}, caps={"cost": 0.0001})
    found, _, said = await carried_out(path, tmp_path / "out.toml")
    assert 0 < len(found) < 5
    assert sum(one.cost or 0 for one in found.values()) >= 0.0001
    assert "stopped at the cap of 0.0001 USD" in said[-1]


async def test_what_does_not_fit_is_refused_and_scores_nothing(tmp_path: Path) -> None:
    tasks = [task(0, "word " * 2000), task(1)]
    path = plan_file(tmp_path, tasks, {"a": tiny_model(tmp_path)}, together=2)
    found, _, _ = await carried_out(path, tmp_path / "out.toml")
    one = found["T-00", "a"]
    assert (one.status, one.score, one.checked, one.answer) == ("refused", 0.0, True, None)
    assert one.error is not None
    assert "no room for an answer" in one.error
    assert found["T-01", "a"].status == "ok"


async def test_a_worker_that_dies_costs_the_task_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed when it is asked the third task, always; asked together, the others are asked again."""
    sent = arm.ChatModel.chat

    async def deadly(self: arm.ChatModel, prompt: str, how: arm.Asked) -> arm.Answered:
        if prompt == FIVE[2]["prompt"]:
            assert self.state.pid is not None
            os.kill(self.state.pid, signal.SIGKILL)
        return await sent(self, prompt, how)

    monkeypatch.setattr(arm.ChatModel, "chat", deadly)
    for together in (1, 3):
        path = plan_file(tmp_path, FIVE, {"a": tiny_model(tmp_path)}, together=together)
        found, lost, _ = await carried_out(path, tmp_path / f"out{together}.toml")
        assert not lost
        statuses = {key[0]: one.status for key, one in found.items()}
        assert statuses.pop("T-02") == "crashed"
        assert set(statuses.values()) == {"ok"}
        crashed = found["T-02", "a"]
        assert (crashed.score, crashed.cost, crashed.contended) == (0.0, 0.0, False)
        assert crashed.error is not None
        assert "killed" in crashed.error


async def test_a_model_that_cannot_be_loaded_is_told_and_the_next_is_asked(tmp_path: Path) -> None:
    models = {"a": tiny_model(tmp_path), "b": tiny_model(tmp_path, "b")}
    work, file = opened(plan_file(tmp_path, FIVE, models), tmp_path / "out.toml")
    Path(models["a"]).write_bytes(Path(models["a"]).read_bytes()[:9000])
    found, lost, _ = await carry(work, file)
    assert {model for _, model in found} == {"b"}
    assert len(found) == 5
    (line,) = lost
    assert line.startswith("a: ")
    assert "5 questions are not asked" in line


async def test_an_answer_that_takes_too_long(tmp_path: Path) -> None:
    how = {"max_tokens": 8000, "context": 4096, "timeout_s": 0.05}
    path = plan_file(tmp_path, FIVE[:2], {"a": tiny_model(tmp_path)}, chat=how)
    found, _, _ = await carried_out(path, tmp_path / "out.toml")
    assert [one.status for one in found.values()] == ["timeout", "timeout"]
    assert [one.error for one in found.values()] == ["no answer in 0.05 s"] * 2
