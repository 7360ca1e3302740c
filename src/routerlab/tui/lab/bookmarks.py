"""Prompts that a person marked: a file in the data folder, whole after whatever ends the lab."""

from datetime import UTC, datetime
from pathlib import Path

import tomli_w
from filelock import FileLock, Timeout

from routerlab.core.errors import LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.files.toml import load_toml
from routerlab.core.prediction import Record

PATIENCE_S = 5.0
"""Seconds to wait for another lab that is changing the file."""


class Bookmark(Record):
    """A prompt, and when it was marked."""

    at: datetime
    prompt: str


class Bookmarks(Record):
    """What `bookmarks.toml` holds, the oldest first."""

    bookmark: tuple[Bookmark, ...] = ()


def load_bookmarks(path: Path) -> list[str]:
    """The marked prompts, the newest first; none where there is no file. LabError when it cannot be read."""
    return [mark.prompt for mark in reversed(_load(path))]


def toggle_bookmark(path: Path, prompt: str) -> bool:
    """Mark the prompt, or take its mark away; whether it is marked now, which is on the disk when this
    returns. LabError when the file cannot be read or written; it is then what it was."""
    text = prompt.encode("utf-8", "replace").decode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=PATIENCE_S):
            before = _load(path)
            after = [mark for mark in before if mark.prompt != text]
            marked = len(after) == len(before)
            if marked:
                after.append(Bookmark(at=datetime.now(UTC), prompt=text))
            data = Bookmarks(bookmark=tuple(after)).model_dump()
            write_new(path, tomli_w.dumps({"bookmark": list(data["bookmark"])}).encode())
    except Timeout:
        raise LabError(f"{path}: another lab is writing it; try again") from None
    except OSError as e:
        raise LabError(f"{path}: cannot be written: {e.strerror}") from None
    return marked


def _load(path: Path) -> tuple[Bookmark, ...]:
    return load_toml(path, Bookmarks).bookmark if path.exists() else ()
