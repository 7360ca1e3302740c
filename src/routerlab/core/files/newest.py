"""Files in the order in which they were written."""

from contextlib import suppress
from pathlib import Path


def newest(folder: Path, pattern: str) -> list[Path]:
    """The folder's files of that pattern, those that were written to last first; what is gone meanwhile, or a
    link that leads nowhere, is left out."""
    found = []
    for path in folder.glob(pattern):
        with suppress(OSError):
            found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)]
