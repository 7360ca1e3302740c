"""How long screens take to draw what is large: many arms, ten thousand sessions, labels typed ahead.

Ratios to an empty Textual app's redraw, in one run: a machine's speed cancels out.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.widgets import Static
from textual_plotext import PlotextPlot

from routerlab.core.files.toml import load_toml
from routerlab.engine.arms.arm import ArmState
from routerlab.study.figures.analysis import analyse
from routerlab.study.trial.protocol.protocol import Protocol
from routerlab.study.trial.run.lanes import Load, lane
from tests.annotate.desk.harness import items
from tests.study.figures.harness import answers, log
from tests.study.report.harness import subject
from tests.study.trial.harness import protocol_file
from tests.study.trial.run import test_lanes as lanes
from tests.tui.annotate.harness import annotating
from tests.tui.results.test_screen import looking


class Empty(App[None]):
    """One line of text: what a redraw costs without us."""

    def compose(self) -> ComposeResult:
        """The line."""
        yield Static("nothing")


def _times(what: Callable[[], object], n: int) -> list[float]:
    taken = []
    for _ in range(n):
        start = time.perf_counter()
        what()
        taken.append((time.perf_counter() - start) * 1000.0)
    return taken


async def _measure(n: int) -> dict[str, list[float]]:
    raw: dict[str, list[float]] = {}
    app = Empty()
    async with app.run_test(size=(120, 40)):
        raw["empty app"] = _times(lambda: app.screen._compositor.render_strips(), n)
    names = [f"qwen2.5-coder-{i}:score" for i in range(13)]
    rows = [r for k, name in enumerate(names) for r in answers(name, [i % 13 >= k for i in range(60)])]
    async with looking(replace(subject(), analysis=analyse(log(rows)))) as s:
        raw["results, 13 arms"] = _times(s.page.draw, n)
        plot = s.page.query_one(PlotextPlot)
        s.page._plot()
        raw["plot, 13 arms"] = _times(plot.render, n)
    protocol = load_toml(protocol_file(Path(tempfile.mkdtemp())), Protocol)
    own = lanes.tallied(protocol, [lanes.trial(i, 100.0 + i * 7919 % 3000) for i in range(10_000)])
    raw["lane, 10,000 sessions"] = _times(
        lambda: lane("a", 20_000, own, Load([ArmState("busy")]), 0.0, 60.0), n
    )
    folder = Path(tempfile.mkdtemp())
    async with annotating(folder, items(10_000)) as a:
        start = time.perf_counter()
        a.ahead(*["1", "enter"] * 100)
        await a.until(lambda: a.desk.count("submitted") == 100, "a hundred labels")
        raw["a label among 10,000, fsynced"] = [(time.perf_counter() - start) * 10.0]
    return raw


def measure(n: int) -> dict[str, Any]:
    """Medians in milliseconds, and as multiples of the empty app's redraw; raw times beside them."""
    raw = asyncio.run(_measure(n))
    medians = {what: statistics.median(taken) for what, taken in raw.items()}
    empty = medians["empty app"]
    return {"median_ms": medians, "ratio": {what: m / empty for what, m in medians.items()}, "raw_ms": raw}
