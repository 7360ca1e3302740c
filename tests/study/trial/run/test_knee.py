"""The sweep of an arm alone and with several sessions at once, side by side."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from routerlab.cli.main import app
from routerlab.core.prediction import Latency
from routerlab.study.trial.run.sweep import sweep
from tests.engine import tiny
from tests.engine.lab.test_runner import started
from tests.tui.scripted import NAMES, Bench

PACE_S = 0.05


async def paced(folder: Path, most: int | None) -> Bench:
    """A lab whose arm takes `most` sessions at once, and as long for several as for one."""
    it = await started(folder, arms=1)
    it.lab.path = None
    arm = it.lab.arms[NAMES[0]]
    assert arm.state.info is not None
    arm.state = replace(arm.state, info=arm.state.info.model_copy(update={"concurrency": most}))
    answer = it.script.answer

    def timed(name: str, contract: str, prompt: str) -> Any:
        return answer(name, contract, prompt).model_copy(update={"latency_ms": Latency(total=PACE_S * 1000)})

    it.script.answer = timed  # type: ignore[method-assign,assignment]
    it.script.pace = PACE_S
    it.script.answers.set()
    return it


@pytest.mark.whole
async def test_the_knee_is_farther_out_where_several_are_decoded_together(tmp_path: Path) -> None:
    benches = [await paced(tmp_path, most) for most in (None, 4)]
    labs = [it.lab for it in benches]
    told: list[tuple[int, float]] = []
    async with asyncio.timeout(60):
        alone, together = await sweep(
            labs, NAMES[0], labs[0].cases(), [30.0, 31.0], 40, 3, lambda lab, level: told.append(
                (labs.index(lab), level.offered)
            )
        )  # fmt: skip
    assert told == [(0, 30.0), (1, 30.0), (1, 31.0)]  # side by side, and each until it is full
    assert (alone.concurrency, together.concurrency) == (None, 4)
    assert (alone.knee, together.knee) == (None, 31.0)
    assert {t.together for t in labs[1].session.trials} > {None, 2}
    for lab in labs:
        await lab.close()


def test_a_real_worker_is_measured_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.build(tmp_path / "tiny.gguf", "llama", tiny.TEMPLATES["chatml"])
    args = ["trial", "sweep", "--arm", str(model), "--exemplars", "none", "--threads", "1", "--layers", "0"]
    found = CliRunner().invoke(
        app, [*args, "--concurrency", "2", "--n", "10", "--rate", "100", "--format", "json"]
    )
    assert found.exit_code == 0, found.output
    both = json.loads(found.stdout)
    assert [one["concurrency"] for one in both] == [None, 2]
    assert [one["levels"][0]["n"] for one in both] == [10, 10]
    assert all(one["levels"][0]["failed"] == 0 for one in both)
