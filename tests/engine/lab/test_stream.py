"""An arm that takes all cases of a run at once: what it has answered is kept, whatever the rest does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from routerlab.core.corpus import load_corpus
from routerlab.core.prediction import Prediction
from routerlab.engine.arms.arm import ArmState
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import Materials
from routerlab.resources import ROUTING60, TAXONOMY
from tests.conftest import PATIENCE_S
from tests.engine.arms.members import Member
from tests.engine.asking import FRONT_DOOR
from tests.engine.workers import SETTINGS, until


class Stream(Member):
    """It answers so many of what it is asked, then waits until it is cancelled."""

    most = 120
    streams = 0

    async def stream(self, prompts: Sequence[str], timeout_s: float) -> AsyncIterator[Prediction]:
        self.streams += 1
        self._go = asyncio.Event()
        for _ in prompts[: self.most]:
            yield Prediction(status="ok", label="code/simple")
        if self.most < len(prompts):
            await asyncio.wait_for(self._go.wait(), PATIENCE_S)

    def cancel(self) -> None:
        self._go.set()


async def lab(folder: Path, arm: Stream) -> Lab:
    """A lab with that arm, which is ready."""
    sixty = Materials(FRONT_DOOR, TAXONOMY, load_corpus(ROUTING60, FRONT_DOOR), ROUTING60)
    made = Lab(sixty, SETTINGS, lambda _: arm, folder / "s.toml", bulk=2)
    made.add_arm(arm.spec)
    await made.settled()
    return made


async def test_all_cases_go_at_once_and_are_counted_one_by_one(tmp_path: Path) -> None:
    arm = Stream("m")
    it = await lab(tmp_path, arm)
    it.replay_repeats(it.cases(), 2)
    await it.finished()
    assert (arm.streams, it.progress.done, it.progress.total) == (1, 120, 120)
    asked = [(t.case, t.repeat) for t in it.session.trials]
    assert asked == [(case.case, repeat) for repeat in (1, 2) for case in it.cases()]
    await it.close()


async def test_what_was_answered_before_the_end_is_kept_and_the_rest_is_asked_again(tmp_path: Path) -> None:
    arm = Stream("m")
    arm.most = 7
    it = await lab(tmp_path, arm)
    it.replay(it.cases())
    await until(lambda: it.progress.done == 7)
    it.runner.cancel()
    await it.finished()
    assert len(it.session.trials) == 7
    it.replay(it.cases())
    await until(lambda: it.progress.done == 7)
    arm.to(ArmState("failed", message="all are out"))
    arm.cancel()
    await it.finished()
    assert [t.case for t in it.session.trials] == [case.case for case in it.cases()[:14]]
    assert it.progress.total == it.progress.done == 7
    await it.close()
