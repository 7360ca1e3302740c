"""The trial screen as pictures. Update with `pytest tests/tui --snapshot-update`; then look."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from routerlab.settings import Settings
from routerlab.tui.trial.mode import TrialMode
from tests.tui.harness import app_in, settle
from tests.tui.scripted import NOW
from tests.tui.trial.harness import CLOSED, WARMUPS, halting, lab_of, script_of, work_of

Compare = Callable[..., bool]
ARMS, DONE = 6, 100


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_a_run_half_way(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theme: str, size: tuple[int, int]
) -> None:
    monkeypatch.chdir(tmp_path)
    work = work_of(Path(), ARMS, 30, CLOSED, 'latency = "service"')
    script = script_of(work)
    halting(script, ARMS * WARMUPS + DONE)
    settings = Settings(theme=theme)
    app = app_in(TrialMode(work, lab_of(Path(), work, script, settings), lambda: NOW), settings)

    async def run(pilot: Pilot[None]) -> None:
        def halted() -> bool:
            lines = pilot.app.screen._compositor.render_strips()
            return any(f"{DONE}/{ARMS * 30} sessions" in line.text for line in lines)

        await settle(pilot, halted)

    assert snap_compare(app, terminal_size=size, run_before=run)
