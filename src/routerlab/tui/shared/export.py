"""Files to take along: screenshots, results."""

from datetime import datetime
from itertools import count
from pathlib import Path

from routerlab.core.errors import LabError


def write(folder: Path, stem: str, suffix: str, text: str) -> Path:
    """Write a new file in `folder`, named after the time; LabError when the disk refuses."""
    base = f"routerlab-{stem}-{datetime.now():%Y%m%d-%H%M%S}"
    for n in count(1):
        path = folder / (f"{base}-{n}{suffix}" if n > 1 else f"{base}{suffix}")
        try:
            with path.open("x", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as e:
            raise LabError(f"{path}: cannot be written: {e.strerror}") from None
        return path
    raise AssertionError  # there is always another number
