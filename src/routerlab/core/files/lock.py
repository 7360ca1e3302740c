"""One writer a file."""

import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from routerlab.core.errors import LabError


def lock_beside(path: Path, remedy: str) -> FileLock:
    """A lock on the file at `path`, held until it is released or the process ends; it lies beside the file.

    LabError with the holder's process id and `remedy` when another lab has it.
    """
    real = path.resolve()
    mark = real.with_name(f".{real.name}.lock")
    owner = ""
    with suppress(OSError):
        owner = mark.read_text()[:20].strip()
    lock = FileLock(mark, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = f" (pid {owner})" if owner.isdigit() else ""
        raise LabError(f"{path} is open in another lab{who}; {remedy}") from None
    except OSError as e:
        raise LabError(f"{path}: cannot be locked: {e.strerror}") from None
    with suppress(OSError):
        mark.write_text(str(os.getpid()))
    return lock
