"""The footer of a real page: the same keys are left alone, others are made, each as wide as it is to be."""

from pathlib import Path

import pytest
from textual.widgets._footer import FooterKey

from tests.tui.harness import Sitting, sitting


def keys(s: Sitting) -> list[FooterKey]:
    return list(s.screen.query(FooterKey))


def said(s: Sitting) -> list[str]:
    return [key.description for key in keys(s) if not key.has_class("-grouped", "-command-palette")]


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_it_is_made_for_other_keys_only(tmp_path: Path, size: tuple[int, int]) -> None:
    async with sitting(tmp_path, size=size) as s:
        await s.until(lambda: "Send" in said(s), "the prompt line's keys")
        await s.pilot.press("escape")
        await s.until(lambda: "Send" not in said(s) and bool(keys(s)), "the history's keys")
        made = keys(s)
        compact = size == (80, 24)
        assert {key.has_class("-compact") for key in made if not key.has_class("-command-palette")} == {
            compact
        }
        s.screen.refresh_bindings()
        await s.pilot.press("j")
        await s.pilot.pause()
        assert keys(s) == made
        await s.pilot.press("tab", "escape", "escape")
        await s.until(lambda: "Send" in said(s), "the prompt line's keys again")
        assert not set(keys(s)) & set(made)
