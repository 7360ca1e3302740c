"""How late the event loop runs behind the app: idle, while two models answer, and with 10,000 trials."""

import asyncio
import tempfile
from collections.abc import Coroutine
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


async def watch(late: list[float], stop: asyncio.Event) -> None:
    """Sleep 5 ms again and again; note by how many milliseconds each sleep was late."""
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        due = loop.time() + TICK_S
        await asyncio.sleep(TICK_S)
        late.append((loop.time() - due) * 1000)


async def sample(until: Coroutine[Any, Any, None]) -> list[float]:
    """Lateness until `until` has ended."""
    late: list[float] = []
    stop = asyncio.Event()
    task = asyncio.create_task(watch(late, stop))
    await until
    stop.set()
    await task
    return late


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
    return {"idle ms": spread(idle), "two models ms": spread(busy), "trials": trials}


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
    async with app.run_test(size=(160, 48)) as pilot:

        async def drawn() -> None:
            page, table = mode.page, mode.page.query(HistoryTable)
            while not (table and table.first().row_count) or page._dirty or page.wanted or page.judging:
                await pilot.pause(TICK_S)

        async def pressed(*keys: str) -> None:
            for key in keys:
                await pilot.press(key)
            await drawn()

        found["open"] = spread(await sample(drawn()))
        await pressed("escape")
        for what, keys in (
            ("40 cursor keys", ("k",) * 40),
            ("filter", ("F", "d", "escape")),
            ("clear filters", ("x",)),
            ("search", ("slash", "9", "9", "9", "escape")),
            ("order", ("O", "down", "down", "enter")),
        ):
            found[what] = spread(await sample(pressed(*keys)))
    return {f"{what}, {2 * questions:,} trials, ms": figures for what, figures in found.items()}


def measure(cases: int, questions: int) -> dict[str, Any]:
    """See `measure_async` and `history_async`."""
    return asyncio.run(measure_async(cases)) | asyncio.run(history_async(questions))
