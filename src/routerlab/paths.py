"""Where files live. A folder of the workspace wins; otherwise the platform's own place."""

from pathlib import Path

import platformdirs

APP = "routerlab"


def _data() -> Path:
    return Path(platformdirs.user_data_dir(APP, appauthor=False))


def models_dir() -> Path:
    """Where pulled models go: ./models if there is such a folder, else the user's data folder."""
    here = Path("models")
    return here if here.is_dir() else _data() / "models"


def model_folders() -> list[Path]:
    """The folders searched for models, nearest first."""
    return [p for p in (Path("models"), _data() / "models") if p.is_dir()]


def routers_dir() -> Path:
    """Where tuned routers are written: ./routers if there is such a folder, else the user's data folder."""
    here = Path("routers")
    return here if here.is_dir() else _data() / "routers"


def router_folders() -> list[Path]:
    """The folders searched for routers, nearest first, before those that ship."""
    return [p for p in (Path("routers"), _data() / "routers") if p.is_dir()]


def sessions_dir() -> Path:
    """Where sessions are saved: ./sessions if there is such a folder, else the user's data folder."""
    here = Path("sessions")
    return here if here.is_dir() else _data() / "sessions"


def own(session: Path) -> bool:
    """Whether somebody sat here: a session is not the example that comes with the repository."""
    return session != Path("sessions", "example.toml")


def bookmarks_file() -> Path:
    """The prompts that a person marked in the lab."""
    return _data() / "bookmarks.toml"


def tour_file() -> Path:
    """Is there once the tour was begun, or declined."""
    return _data() / "tour-seen"


def config_file() -> Path:
    """The settings file."""
    return Path(platformdirs.user_config_dir(APP, appauthor=False)) / "settings.toml"


def templates_file() -> Path:
    """Prompts with slots to fill, beside the settings."""
    return config_file().with_name("templates.toml")


def cache_dir() -> Path:
    """Things that can be made again: file hashes, cached prefixes, partial downloads' working space."""
    return Path(platformdirs.user_cache_dir(APP, appauthor=False))


def session_cache() -> Path:
    """Long sessions as they were parsed (see core/session/snapshot.py)."""
    return cache_dir() / "sessions"


def log_dir() -> Path:
    """The workers' logs."""
    return Path(platformdirs.user_log_dir(APP, appauthor=False))


def screenshots_dir() -> Path:
    """Where screenshots and saved results go: the folder the lab was started in."""
    return Path.cwd()
