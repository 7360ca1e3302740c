"""Answers that come late, questions that overlap, arms whose name is taken again: nothing lands elsewhere."""

import asyncio
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.settings import Settings
from tests.conftest import PATIENCE_S
from tests.tui.scripted import Bench, bench, specs


async def started(folder: Path, schedule: str) -> Bench:
    """A lab with two scripted arms that are ready and wait at a shut gate."""
    it = bench(folder, settings=Settings.model_validate({"annotator": "ada", "schedule": schedule}))
    for spec in specs(2):
        it.lab.add_arm(spec)
    await it.lab.settled()
    it.script.answers.clear()
    return it


async def until_busy(it: Bench, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while sum(arm.state.phase == "busy" for arm in it.lab.arms.values()) < count:
            await asyncio.sleep(0.001)


async def test_an_answer_of_a_cancelled_run_does_not_count_in_the_next(tmp_path: Path) -> None:
    it = await started(tmp_path, "exclusive")
    items = it.lab.cases()[:3]
    it.lab.replay(items)
    await until_busy(it, 1)
    it.lab.runner.cancel()
    it.lab.replay(items)  # before the cancelled question has ended
    assert (it.lab.progress.done, it.lab.progress.total) == (0, 6)
    it.script.answers.set()
    most = 0

    def watch(_: object) -> None:
        nonlocal most
        most = max(most, it.lab.progress.done)

    it.lab.subscribe(watch)
    await it.lab.finished()
    assert most == it.lab.progress.done == it.lab.progress.total == 6
    done = [t for t in it.lab.session.trials if t.status != "cancelled"]
    assert len(done) == len({t.key for t in done}) == 6
    await it.lab.close()


async def test_a_question_inside_a_longer_one_marks_both(tmp_path: Path) -> None:
    """What counts is any overlap, not who happens to be busy at the beginning and at the end."""
    it = await started(tmp_path, "parallel")
    long, short = it.lab.arms.values()
    it.script.answers.set()
    release = asyncio.Event()
    plain = long.ask

    async def slowly(prompt: str, timeout_s: float) -> object:
        prediction = await plain(prompt, timeout_s)
        await release.wait()
        return prediction

    long.ask = slowly  # type: ignore[method-assign, assignment]
    it.lab.replay(it.lab.cases()[:1])
    async with asyncio.timeout(PATIENCE_S):
        while not any(t.arm == short.spec.name for t in it.lab.session.trials):
            await asyncio.sleep(0.001)
    assert short.state.phase == "ready"
    release.set()
    await it.lab.finished()
    assert [t.contended for t in it.lab.session.trials] == [True, True]
    await it.lab.close()


async def test_a_name_is_free_again_only_when_its_arm_is_gone(tmp_path: Path) -> None:
    it = await started(tmp_path, "exclusive")
    spec = specs(2)[0]
    it.lab.ask("a question in progress")
    await until_busy(it, 1)
    removing = asyncio.create_task(it.lab.remove_arm(spec.name))
    await asyncio.sleep(0)
    if not removing.done():
        with pytest.raises(LabError, match="there is an arm"):
            it.lab.add_arm(spec)
    await removing
    assert spec.name not in it.lab.arms
    it.script.answers.set()
    it.lab.add_arm(spec)
    await it.lab.settled()
    it.lab.replay(it.lab.cases()[:2])
    async with asyncio.timeout(PATIENCE_S):
        await it.lab.finished()
    assert it.lab.progress.done == 4
    await it.lab.close()
