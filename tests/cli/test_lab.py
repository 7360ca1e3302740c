"""What `routerlab` alone opens."""

from pathlib import Path

import pytest

from routerlab.cli import lab as command
from routerlab.settings import Settings
from routerlab.tui.shared.shell import Mode


@pytest.mark.parametrize(("here", "opens"), [(True, "lab"), (False, "home")])
def test_home_opens_where_there_is_nothing_to_go_on(
    here: bool, opens: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    if here:
        (tmp_path / "models" / "mine.gguf").write_bytes(b"GGUF")
    opened: list[str] = []

    def run_app(settings: Settings, first: Mode) -> None:
        opened.append(first.name)

    monkeypatch.setattr("routerlab.settings.load_settings", lambda: Settings(arms=("mine",)))
    monkeypatch.setattr(command, "need_screen", lambda what, instead: None)
    monkeypatch.setattr(command, "run_app", run_app)
    command.start()
    assert opened == [opens]
