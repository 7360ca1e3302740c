"""NO_COLOR (https://no-color.org): nothing has a colour, and all that colours say is said otherwise too."""

from pathlib import Path

import pytest
from rich.style import Style

from tests.study.report.harness import subject
from tests.tui.annotate.harness import annotating, secret
from tests.tui.harness import AnyMode, Watch, settle, sitting
from tests.tui.results.test_screen import looking

FOCUS = "┏━"
"""A corner of what has the focus."""


@pytest.fixture(autouse=True)
def no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


async def styles(s: Watch[AnyMode], text: str) -> list[Style]:
    """How the one line that has this text is written; nothing on the screen has a colour."""
    await settle(s.pilot, still_s=0.0)
    strips = s.app.screen._compositor.render_strips()
    every = [one.style for strip in strips for one in strip if one.style]
    assert all(style.color is None or style.color.is_default for style in every)
    assert all(style.bgcolor is None or style.bgcolor.is_default for style in every)
    (line,) = (strip for strip in strips if text in strip.text)
    return [one.style for one in line if one.style and one.text.strip()]


async def test_the_lab(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        await s.replayed()
        assert all(style.underline for style in await styles(s, "  12 "))
        await s.shows("✓ ", "✗ ", FOCUS)
        await s.pilot.press("escape", "down")
        assert all(style.reverse for style in await styles(s, "  12 "))
        assert not any(style.reverse for style in await styles(s, "  11 "))
        assert FOCUS not in s.picture()
        await s.pilot.press("C", "tab")
        await s.shows(FOCUS)


async def test_the_results() -> None:
    async with looking(subject()) as s:
        await s.shows("✓ pass", "✗ fail")
        assert all(style.reverse for style in await styles(s, "✓ pass"))


async def test_annotating(tmp_path: Path) -> None:
    async with annotating(tmp_path, secret(2)) as s:
        await s.pilot.press("1")
        assert any(style.reverse for style in await styles(s, "● code/simple"))
        await s.pilot.press("1")
        await s.shows("you code/simple  ✗   gold secret/gold")
