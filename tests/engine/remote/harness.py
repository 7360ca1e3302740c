"""The commands, run in a folder and a home of their own that know one remote."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import program
from tests.conftest import _HOMES
from tests.engine.remote.server import KEY, KEY_ENV, Server
from tests.twocases import TWO_CASES

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def settings_text(server: Server, **more: Any) -> str:
    """A settings file with the server as the remote `test`."""
    remote = server.remote(**more).model_dump(mode="json", exclude_none=True, exclude={"prices"})
    return "[[remote]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in remote.items())


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def runner(folder: Path, settings: str) -> Run:
    """Runs `routerlab` in `folder`, which has two.toml; with `key=None` the key is not set."""
    homes = {name: str(folder / path) for name, path in _HOMES.items()}
    config = folder / "home/.config/routerlab/settings.toml"
    config.parent.mkdir(parents=True)
    config.write_text(settings)
    (folder / "two.toml").write_text(TWO_CASES)

    def call(*args: object, key: str | None = KEY, **env: str) -> "subprocess.CompletedProcess[str]":
        held = {} if key is None else {KEY_ENV: key}
        rest = {k: v for k, v in os.environ.items() if k != KEY_ENV}
        return program.run(folder, *args, env=rest | homes | held | env)

    return call


def files(folder: Path) -> dict[Path, bytes]:
    """Every file below the folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
