"""What may be done where one may only look."""

from pathlib import Path

import pytest

from routerlab.settings import READ_ONLY, Settings
from routerlab.tui.actions.registry import EVERY, IDS, RESULTS_ACTIONS
from routerlab.tui.results.mode import ResultsMode
from routerlab.tui.shared.readonly import LOOKS, refused
from tests.study.report.harness import subject
from tests.tui.harness import Watch, app_in


def test_what_asks_loads_or_writes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LOOKS <= IDS, "an action has another name now"
    assert not [action.id for action in EVERY if refused(action.method)], "elsewhere all may be done"
    monkeypatch.setenv(READ_ONLY, "1")
    assert {action.id for action in RESULTS_ACTIONS if refused(action.method)} == {
        *("results_lab", "screenshot"),
    }
    changes = {
        "send",
        "annotate_1",
        "annotate_note",
        "replay_start",
        "arm_add",
        "result_save",
        "tune",
        "compare_file",
    }
    assert changes | {"compare_file"} <= {action.id for action in EVERY if refused(action.method)}
    assert refused("app.screenshot('a.svg')")
    assert refused(("app", "suspend_process", ()))
    assert not refused("app.command_palette")


async def test_a_key_that_writes_says_that_it_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(READ_ONLY, "1")
    monkeypatch.chdir(tmp_path)
    mode = ResultsMode(subject(), Settings())
    app = app_in(mode, Settings())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        watch = Watch(app, mode, pilot)
        await watch.shows("good")
        await pilot.press("v")
        await watch.shows("Viable")
        await pilot.press("escape", "w")
        await watch.shows("Read-only: nothing is asked")
    assert list(tmp_path.rglob("*.svg")) == []
