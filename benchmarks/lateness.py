"""How late the event loop runs behind the app: idle, and while two models answer at once."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from benchmarks.common import setup, spread
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.lab.factory import ModelArms
from routerlab.engine.lab.lab import Lab
from routerlab.settings import Settings
from routerlab.tui.app import RouterLabApp
from routerlab.tui.lab.mode import LabMode

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


def measure(cases: int) -> dict[str, Any]:
    """See `measure_async`."""
    return asyncio.run(measure_async(cases))
