"""What opens over the lab screen: help, the palette, arms to add and remove, logs."""

from pathlib import Path

import pytest
from textual.containers import VerticalScroll
from textual.events import AppBlur, AppFocus
from textual.widgets import Input

from routerlab.tui.actions.registry import LAB_ACTIONS
from routerlab.tui.lab.logs import Logs
from routerlab.tui.lab.panels import Panels
from routerlab.tui.shared.dialogs import Choose, Read
from tests.tui.harness import sitting


async def test_arms_come_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "my-model.gguf").write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path)
    async with sitting(tmp_path, size=(80, 24)) as s:
        await s.pilot.press("escape", "a")
        await s.shows("Add an arm", "my-model", "○ json", "● score")
        await s.pilot.press("enter")
        await s.until(lambda: len(s.panels()) == 3 and "my-model" in s.lab.arms, "three panels")
        await s.pilot.press("d")
        await s.until(lambda: isinstance(s.app.screen, Choose), "which arm")
        await s.pilot.press("enter")
        await s.until(lambda: list(s.lab.arms) == ["qwen2.5-coder-0.5b", "my-model"], "an arm gone")
        await s.until(lambda: len(s.panels()) == 2, "two panels")
        s.screen.query_one(Panels).focus()
        await s.pilot.press("right", "R")
        await s.until(lambda: s.lab.arms["my-model"].state.phase == "ready", "a restart")


async def test_a_path_that_is_no_model_is_said_in_the_dialog(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        await s.pilot.press("f9")
        await s.shows("Add an arm")
        s.app.screen.query_one(Input).focus()
        await s.type("./nope.gguf")
        await s.pilot.press("enter")
        await s.shows("nope.gguf: no such file")
        await s.pilot.press("escape")
        assert len(s.lab.arms) == 2


@pytest.mark.parametrize(
    ("keys", "says"), [((), "You are in the prompt line"), (("escape",), "You are in the history")]
)
async def test_help_fits_the_focus(tmp_path: Path, keys: tuple[str, ...], says: str) -> None:
    async with sitting(tmp_path) as s:
        await s.pilot.press(*keys, "f1")
        await s.shows(says)
        await s.pilot.press("escape")
        if keys:
            await s.pilot.press("question_mark")
            await s.until(lambda: isinstance(s.app.screen, Read), "help again")


async def test_a_dialog_outlives_that_the_terminal_loses_the_focus(tmp_path: Path) -> None:
    async with sitting(tmp_path, size=(120, 20)) as s:
        await s.pilot.press("f1")
        await s.until(lambda: isinstance(s.app.screen, Read), "help")
        s.app.post_message(AppBlur())
        await s.until(lambda: s.app.focused is None, "no focus")
        s.app.screen.refresh_bindings()
        await s.pilot.pause()
        s.app.post_message(AppFocus())
        await s.until(lambda: s.app.focused is not None, "the focus")
        await s.pilot.press("j", "j", "k")
        await s.until(lambda: s.app.screen.query_one(VerticalScroll).scroll_y == 1, "a line scrolled")


async def test_help_in_the_panels(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        await s.pilot.press("escape", "C")
        await s.until(lambda: s.screen.query_one(Panels).display, "the panels")
        await s.pilot.press("tab", "question_mark")
        await s.shows("You are in the panels")


async def test_the_palette_lists_every_action(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        titles = {command.title for command in s.app.get_system_commands(s.screen)}
        for action in LAB_ACTIONS:
            if action.palette and not action.id[-1].isdigit():
                assert action.label in titles
        assert {f"Label {name}" for name in s.lab.taxonomy.labels} <= titles
        await s.replayed()
        command = next(c for c in s.app.get_system_commands(s.screen) if c.title == "Flag")
        command.callback()
        await s.until(lambda: bool(s.lab.session.annotations), "the flag")


async def test_the_log_viewer_shows_the_end(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("first line\n" + "filler\n" * 20_000 + "load\x1b[31m done [b]\n")
    async with sitting(tmp_path) as s:
        await s.pilot.press("escape", "l")
        await s.until(lambda: isinstance(s.app.screen, Logs), "the log")
        await s.shows("load\\x1b[31m done [b]", "smollm2-135m")
        with log.open("a") as file:
            file.write("one more\n")
        await s.shows("one more")
        await s.pilot.press("n")
        await s.shows("2/2", "qwen2.5-coder-0.5b")
