"""The annotate screen as pictures. Update with `pytest tests/tui --snapshot-update`; then look."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from textual.pilot import Pilot

from routerlab.annotate.desk.item import Opinion, QueueItem
from routerlab.core.corpus import load_corpus
from routerlab.resources import GUIDELINES, ROUTING60
from routerlab.settings import Settings
from tests.annotate.desk.harness import SIX
from tests.tui.annotate.harness import mode_on
from tests.tui.harness import app_in, settle

SIZES = {"80x24": (80, 24), "160x48": (160, 48)}
Compare = Callable[..., bool]
STATES: dict[str, tuple[Literal["blind", "suggest", "adjudicate"], tuple[str, ...]]] = {
    "chosen": ("blind", ("1", "1", "2", "4")),
    "revealed": ("blind", ("1", "1", "2", "2", "3", "3", "b")),
    "suggested": ("suggest", ()),
    "adjudicated": ("adjudicate", ("3",)),
    "end": ("blind", ("space", "1", "1", "s", "f", "tab")),
}


def queue() -> list[QueueItem]:
    """Twelve prompts of the sixty; the models' labels are made up."""
    made = []
    for i, case in enumerate(load_corpus(ROUTING60, SIX).case[:12]):
        assert case.label
        wrong = SIX.labels[(SIX.labels.index(case.label) + 1) % 6]
        models = {
            "smollm2-135m:probe": (case.label if i % 3 else wrong, 0.83),
            "qwen2.5-coder-0.5b:probe": (case.label, 0.41),
            "keyword": (wrong, None),
        }
        people = {
            "ben": Opinion(case.label, (wrong,), "one step is enough, though a second label was close"),
            "cyd": Opinion(wrong, (), "several steps"),
        }
        made.append(QueueItem(case.id, case.prompt, f"case {i + 1}", case.label, models, people))
    return made


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", STATES)
def test_the_screen(snap_compare: Compare, tmp_path: Path, state: str, size: str) -> None:
    mode, keys = STATES[state]
    opened = mode_on(tmp_path / "made.ada.toml", queue(), mode, guidelines=GUIDELINES.read_text())

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot, lambda: True)
        await pilot.press(*keys)
        await settle(pilot, lambda: True)

    assert snap_compare(app_in(opened, opened.page.settings), terminal_size=SIZES[size], run_before=run)


def test_the_screen_in_a_light_theme(snap_compare: Compare, tmp_path: Path) -> None:
    settings = Settings(theme="textual-light", annotator="ada")
    guidelines = GUIDELINES.read_text()
    opened = mode_on(tmp_path / "made.ada.toml", queue(), settings=settings, guidelines=guidelines)

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot, lambda: True)
        await pilot.press("1", "1", "2", "2", "b")
        await settle(pilot, lambda: True)

    assert snap_compare(app_in(opened, opened.page.settings), terminal_size=(160, 48), run_before=run)
