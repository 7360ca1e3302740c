"""What `routerlab tour` opens."""

from pathlib import Path

import pytest

from routerlab.cli import tour as command
from routerlab.core.errors import LabError
from routerlab.settings import Settings
from routerlab.tui.shared.shell import Mode
from routerlab.tui.tour.mode import TourMode


async def test_the_tour_opens_a_sitting_where_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    opened: list[Mode] = []
    monkeypatch.setattr(command, "run_app", lambda settings, first: opened.append(first))
    monkeypatch.setattr("routerlab.settings.load_settings", lambda: Settings())
    with pytest.raises(LabError, match="needs a terminal"):
        command.tour()
    monkeypatch.setattr(command, "need_screen", lambda *words: None)
    command.tour(session=tmp_path / "first.toml")
    (mode,) = opened
    assert isinstance(mode, TourMode)
    assert mode.lab.path == tmp_path / "first.toml"
    assert mode.page.missing == ("minilm:probe", "smollm2-135m:probe")
    assert [spec.name for spec in mode.page.specs] == ["keywords"]
