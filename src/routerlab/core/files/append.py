"""A file that is only ever appended to: each record is on the disk before the next, one writer a file."""

import os
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

from filelock import FileLock

from routerlab.core.errors import LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.files.lock import lock_beside

_LOCKED = "close it there, or use another session"


class Appended:
    """A file open for appending, ended by `close` (or a `with` block). Appending may be done from any thread.

    `torn` is the number of bytes that were set aside in `torn_path` when the file was opened. `pending` holds
    the records that could not be written yet.
    """

    def __init__(self, path: Path, good: int, torn: int, lock: FileLock, fd: int) -> None:
        """`good` is the length in bytes of what is sound; `lock` and `fd` are those that `begin` gives, or
        `going_on` and `cut`."""
        self.path = path
        self.torn = torn
        self.torn_path = torn_path(path)
        self.pending: deque[bytes] = deque()
        self._good = good
        self._unsure = False
        self._lock = lock
        self._fd = fd
        self._linked = os.fstat(fd).st_nlink > 0  # some file systems do not count
        self._guard = threading.Lock()

    def write(self, data: bytes) -> None:
        """Write a record, after whatever still waits; constant time.

        It is on the disk when this returns. LabError when it cannot be written: it then waits in `pending`.
        """
        with self._guard:
            self._write(data)

    def _write(self, data: bytes) -> None:
        self.pending.append(data)
        self._drain()

    def flush(self) -> None:
        """Write what waits in `pending`; LabError when that still fails."""
        with self._guard:
            self._drain()

    def close(self) -> None:
        """Write what waits, close and unlock; closing again does nothing.

        What cannot be written is saved in the temporary folder instead, and LabError says where; so is all of
        a file that was removed, or replaced by another, while it was open.
        """
        with self._guard:
            if self._fd < 0:
                return
            try:
                if self._removed:
                    raise LabError(f"{self.path}: was removed or replaced while it was open")
                self._drain()
            except LabError as e:
                raise LabError(self._rescue(str(e)), e.code) from None
            finally:
                os.close(self._fd)
                self._fd = -1
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _removed(self) -> bool:
        """Whether nobody can open any more what is written to: an editor may have put a new file there."""
        return self._linked and os.fstat(self._fd).st_nlink == 0

    def _drain(self) -> None:
        if self.pending and self._removed:
            raise LabError(
                f"{self.path}: was removed or replaced while it was open; records waiting in memory: "
                f"{len(self.pending)}. All of it is saved elsewhere when this lab ends"
            )
        while self.pending:
            try:
                if self._unsure:
                    os.ftruncate(self._fd, self._good)
                # From here until the record is counted, an error or an interrupt leaves the tail in doubt.
                self._unsure = True
                _write_all(self._fd, self.pending[0])
                os.fsync(self._fd)
            except OSError as e:
                with suppress(OSError):
                    os.ftruncate(self._fd, self._good)
                n = len(self.pending)
                raise LabError(
                    f"{self.path}: cannot be written: {e.strerror}; records waiting in memory: {n}. Make "
                    "room: they are written with the next one, and nothing is lost while the lab runs"
                ) from None
            self._good += len(self.pending.popleft())
            self._unsure = False

    def _rescue(self, reason: str) -> str:
        """Save what is pending in the temporary folder, after what was written if that has no name any more;
        the line that tells where."""
        n, removed = len(self.pending), self._removed
        try:
            fd, name = tempfile.mkstemp(prefix=f"{self.path.stem}-", suffix=".rescued.toml")
            try:
                if removed:
                    _write_all(fd, os.pread(self._fd, self._good, 0))
                _write_all(fd, b"".join(self.pending))
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError:
            return f"{reason}; the lab is closing and they could not be saved anywhere"
        if removed:
            return f"{self.path}: was removed or replaced while it was open; all that it had is in {name}"
        return f"{self.path}: full; the last records ({n}) are in {name}: make room and add them to its end"


def begin(path: Path, head: bytes) -> tuple[FileLock, int]:
    """A new file that begins with `head`, safely on the disk: its lock, and it opened for appending. LabError
    when the name is taken or not writable."""
    with _locked(path, "made") as (lock, _):
        if path.exists():
            raise LabError(f"{path}: exists already; choose another name, or continue it with --session")
        write_new(path, head)
        return lock, os.open(path, os.O_RDWR | os.O_APPEND)


@contextmanager
def going_on(path: Path) -> Iterator[FileLock]:
    """The lock of a file that is there, which is kept when the block comes to its end. LabError when another
    lab has the file open."""
    if not path.is_file():
        raise LabError(f"{path}: no such file")
    with _locked(path, "opened for writing") as (lock, _):
        yield lock


def cut(path: Path, data: bytes, good: int) -> int:
    """The file with this `data`, opened for appending after its first `good` bytes; what comes after them is
    moved to NAME.torn."""
    fd = os.open(path, os.O_RDWR | os.O_APPEND)
    try:
        if good < len(data):
            _set_aside(torn_path(path), data[good:])
            os.ftruncate(fd, good)
            os.fsync(fd)
    except OSError:
        os.close(fd)
        raise
    return fd


@contextmanager
def _locked(path: Path, done: str) -> Iterator[tuple[FileLock, ExitStack]]:
    """A lock that stays when the block comes to its end, and what is to be undone with it when it does not.
    An OSError there is a LabError: the file cannot be `done`."""
    with ExitStack() as undo:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = lock_beside(path, _LOCKED)
            undo.callback(lock.release)
            yield lock, undo
        except OSError as e:
            raise LabError(f"{path}: cannot be {done}: {e.strerror}") from None
        undo.pop_all()


def torn_path(path: Path) -> Path:
    """Where a torn tail of the file is set aside."""
    return path.with_name(f"{path.name}.torn")


def _set_aside(path: Path, data: bytes) -> None:
    with path.open("ab") as f:
        if f.tell():
            f.write(b"\n# ---- set aside at another opening ----\n")
        f.write(data)
        f.flush()
        os.fsync(f.fileno())


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
