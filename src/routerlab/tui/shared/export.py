"""Files to take along: screenshots, results."""

from datetime import datetime
from pathlib import Path

from routerlab.core.errors import LabError


def fresh_path(folder: Path, stem: str, suffix: str) -> Path:
    """A file in `folder` that is not there yet, named after the time."""
    base = f"routerlab-{stem}-{datetime.now():%Y%m%d-%H%M%S}"
    path = folder / f"{base}{suffix}"
    n = 1
    while path.exists():
        n += 1
        path = folder / f"{base}-{n}{suffix}"
    return path


def write(path: Path, text: str) -> None:
    """Write a new file; LabError when the disk refuses."""
    try:
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as e:
        raise LabError(f"{path}: cannot be written: {e.strerror}") from None
