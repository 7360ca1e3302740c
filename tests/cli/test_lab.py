"""What `routerlab` alone opens."""

from pathlib import Path

import pytest

from routerlab.cli import lab as command
from routerlab.settings import Settings
from routerlab.tui.shared.shell import Mode


@pytest.mark.parametrize(
    ("here", "opens"),
    [
        ((), "home"),
        (("models/mine.gguf",), "home"),
        (("models/mine.gguf", "sessions/example.toml"), "home"),
        (("models/mine.gguf", "sessions/monday.toml"), "lab"),
        (("models/mine.gguf", "user/routerlab/tour-seen"), "lab"),
        (("user/routerlab/tour-seen",), "home"),
    ],
    ids=["nothing", "first", "in a checkout", "sat", "toured", "no model"],
)
def test_home_opens_the_first_time_and_where_there_is_nothing_to_go_on(
    here: tuple[str, ...], opens: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    for name in ("models/none", "sessions/none", *here):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"GGUF")
    opened: list[str] = []

    def run_app(settings: Settings, first: Mode) -> None:
        opened.append(first.name)

    monkeypatch.setattr("routerlab.settings.load_settings", lambda: Settings(arms=("mine",)))
    monkeypatch.setattr(command, "need_screen", lambda what, instead: None)
    monkeypatch.setattr(command, "run_app", run_app)
    command.start()
    assert opened == [opens]
