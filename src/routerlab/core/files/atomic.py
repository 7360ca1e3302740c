"""A file that is there whole or not at all, whatever happens meanwhile."""

import os
import shutil
from contextlib import suppress
from pathlib import Path


def write_new(path: Path, data: bytes) -> None:
    """Put `data` into the file at `path`, durably: after a crash it is what it was before, or this.

    A file that is there already keeps its mode. OSError when that is not possible; the file is then what it
    was.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(path, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    with suppress(OSError):  # Windows cannot open a folder; it needs no flush for a name either
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
