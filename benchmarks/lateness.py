"""How late the event loop runs behind the app: idle, while two models answer, and with 10,000 trials.

Where other programs compute too, lateness is also theirs; the CPU time of the loop's own thread is not. It is
what the loop did at a stretch, but not what it waited for, of other threads of this process either.
"""

import asyncio
import tempfile
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.common import setup, spread
from routerlab.core.prediction import Trial
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.lab.factory import ModelArms
from routerlab.engine.lab.lab import Lab
from routerlab.settings import Settings
from routerlab.tui.app import RouterLabApp
from routerlab.tui.lab.history import HistoryTable
from routerlab.tui.lab.mode import LabMode
from tests.tui.scripted import NAMES, Bench, bench, specs

TICK_S = 0.005


@dataclass
class Ticks:
    """Of each tick, in ms: how late it came, and how much CPU time the loop's thread took since the last."""

    late: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)

    def said(self, what: str) -> dict[str, Any]:
        """Both, as a benchmark says them."""
        return {f"{what}, late ms": spread(self.late), f"{what}, CPU ms": spread(self.work)}


async def watch(ticks: Ticks, stop: asyncio.Event) -> None:
    """Sleep 5 ms again and again, and note each."""
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        due, worked = loop.time() + TICK_S, time.thread_time()
        await asyncio.sleep(TICK_S)
        ticks.late.append((loop.time() - due) * 1000)
        ticks.work.append((time.thread_time() - worked) * 1000)


async def sample(until: Coroutine[Any, Any, None]) -> Ticks:
    """The ticks until `until` has ended."""
    ticks, stop = Ticks(), asyncio.Event()
    task = asyncio.create_task(watch(ticks, stop))
    await asyncio.sleep(0)  # the first tick begins before the work does
    await until
    stop.set()
    await task
    return ticks


async def measure_async(cases: int) -> dict[str, Any]:
    """The real app on a virtual screen of 160x48 with two real models under the parallel schedule."""
    s = setup()
    settings = Settings(schedule="parallel", threads=1)
    with tempfile.TemporaryDirectory() as folder:
        arms = ModelArms(s.taxonomy, s.exemplars, s.exemplars_sha256, settings)
        lab = Lab(s.materials, settings, arms, Path(folder) / "session.toml")
        specs = [ArmSpec(name=name, model=s.model) for name in ("one", "two")]
        app = RouterLabApp(settings, LabMode(lab, specs), lambda session, corpus: (lab, list(specs)))
        async with app.run_test(size=(160, 48)) as pilot:
            while set(lab.arms) != {"one", "two"}:
                await pilot.pause()
            await lab.settled()
            idle = await sample(asyncio.sleep(3.0))
            lab.replay(lab.cases()[:cases])
            busy = await sample(lab.finished())
            trials = len(lab.session.trials)
    return idle.said("idle") | busy.said("two models") | {"trials": trials}


def with_history(questions: int) -> Bench:
    """A scripted lab whose session has so many questions, each answered by two arms."""
    made = bench(Path(tempfile.mkdtemp()))
    for i in range(questions):
        for arm in NAMES[:2]:
            answer = made.script.answer(arm, "score", str(i)).model_dump()
            number = len(made.lab.session.trials)
            made.lab.session.add(
                Trial(
                    **answer,
                    id=f"t{number:06}",
                    at=datetime(2026, 11, 24, tzinfo=UTC),
                    arm=arm,
                    prompt=f"question {i} {'word ' * 30}",
                    contended=False,
                )
            )
    return made


async def history_async(questions: int) -> dict[str, Any]:
    """What is done with a long history on a screen of 160x48, and how late the loop runs meanwhile."""
    made = with_history(questions)
    mode = LabMode(made.lab, specs(2))
    app = RouterLabApp(made.lab.settings, mode, lambda session, corpus: (made.lab, []))
    found: dict[str, Any] = {}
    long = f", {2 * questions:,} trials"
    async with app.run_test(size=(160, 48)) as pilot:

        def busy() -> bool:
            page, table = mode.page, mode.page.query(HistoryTable)
            taken = len(page.sitting.questions) == questions and table and table.first().row_count
            return not taken or page._dirty or page.judging or page.wanted is not None

        async def drawn() -> None:
            while busy():  # noqa: ASYNC110
                await asyncio.sleep(TICK_S)  # a pause of the pilot would draw

        async def pressed(*keys: str) -> None:
            for key in keys:
                await pilot.press(key)
            await drawn()

        found |= (await sample(drawn())).said(f"open{long}")
        await pressed("escape")
        for what, keys in (
            ("40 cursor keys", ("k",) * 40),
            ("filter", ("F", "d", "escape")),
            ("clear filters", ("x",)),
            ("search", ("slash", "9", "9", "9", "escape")),
            ("order", ("O", "down", "down", "enter")),
        ):
            found |= (await sample(pressed(*keys))).said(what + long)
    return found


def measure(cases: int, questions: int) -> dict[str, Any]:
    """See `measure_async` and `history_async`."""
    return asyncio.run(measure_async(cases)) | asyncio.run(history_async(questions))
