"""A file that is there whole or not at all, whatever happens meanwhile."""

import os
import shutil
from contextlib import suppress
from pathlib import Path


def write_new(path: Path, data: bytes, durable: bool = True) -> None:
    """Put `data` into the file at `path`: whoever reads it finds what it was before, or this.

    That holds after a crash of the machine too, unless `durable` is false: a cache need not wait for a disk.
    A file that is there already keeps its mode. OSError when that is not possible; the file is then what it
    was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with temporary.open("wb") as f:
            f.write(data)
            f.flush()
            if durable:
                os.fsync(f.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(path, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if not durable:
        return
    with suppress(OSError):  # Windows cannot open a folder; it needs no flush for a name either
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
