"""Session files: opened with a torn tail set aside, written record by record, one writer a file."""

import os
import re
import secrets
import tempfile
import threading
import tomllib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from routerlab.core.errors import Faults, LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.files.lock import lock_beside
from routerlab.core.files.toml import in_words, line_of, read_bytes, validate
from routerlab.core.session.fragment import fragment, header_text
from routerlab.core.session.session import KINDS, Event, Header, Session, record_type
from routerlab.core.session.snapshot import LEAST, load_snapshot, save_snapshot

Progress = Callable[[int, int], None]
"""Called with bytes read so far and bytes in all."""

# The start of a record: a line with "[[", or the last byte of the file where only half of that was written.
_RECORD = re.compile(rb"^\[(?=\[|\Z)", re.MULTILINE)
_KIND = re.compile(rb"^\[\[(\w+)\]\]", re.MULTILINE)
_PROGRESS_EVERY = 500
_LOCKED = "close it there, or use another session"


@dataclass(frozen=True)
class Opened:
    """A session as read: `good` is the length in bytes of what is sound, `torn` of an unfinished tail."""

    session: Session
    good: int
    torn: int


class _FaultError(Exception):
    """A record that cannot be read; `line` counts from its first, `torn` if being cut short explains it."""

    def __init__(self, line: int, message: str, torn: bool) -> None:
        super().__init__(message)
        self.line = line
        self.torn = torn


def new_session_path(folder: Path, now: datetime) -> Path:
    """A path in `folder` that does not exist yet, such as 20261124-0815-3fa9.toml."""
    while (path := folder / f"{now:%Y%m%d-%H%M}-{secrets.token_hex(2)}.toml").exists():
        pass
    return path


def read_session(path: Path, progress: Progress | None = None, cache: Path | None = None) -> Opened:
    """The session in `path`, which is not touched: an unfinished last record is skipped and told in `torn`.

    `cache` is a folder for snapshots, which make a long session open quickly the second time. LabError with
    file and line for anything else that is wrong.
    """
    return _parse(path, read_bytes(path), progress, cache)


def peek_session(path: Path) -> tuple[Header, Counter[str]]:
    """The header, and how many records of each kind the file has, without reading the records themselves."""
    data = read_bytes(path).rstrip(b"\0")
    first = _RECORD.search(data)
    header = _header(path, data[: first.start()] if first else data)
    return header, Counter(m[1].decode() for m in _KIND.finditer(data))


class SessionFile:
    """A session open for appending; made by `create` or `open`, ended by `close` (or a `with` block).

    `torn` is the number of bytes that were set aside in `torn_path` when the file was opened. `pending` holds
    the fragments that could not be written yet. Appending may be done from any thread.
    """

    def __init__(self, path: Path, opened: Opened, lock: FileLock, fd: int) -> None:
        self.path = path
        self.session = opened.session
        self.torn = opened.torn
        self.torn_path = _torn_path(path)
        self.pending: deque[bytes] = deque()
        self._good = opened.good
        self._unsure = False
        self._lock = lock
        self._fd = fd
        self._guard = threading.Lock()

    @classmethod
    def create(cls, path: Path, header: Header) -> "SessionFile":
        """A new file with its header safely on the disk; LabError when the name is taken or not writable."""
        data = header_text(header)
        with _locked(path, "made") as (lock, _):
            if path.exists():
                raise LabError(f"{path}: exists already; choose another name, or continue it with --session")
            write_new(path, data)
            fd = os.open(path, os.O_RDWR | os.O_APPEND)
        return cls(path, Opened(Session(header), len(data), 0), lock, fd)

    @classmethod
    def open(cls, path: Path, progress: Progress | None = None, cache: Path | None = None) -> "SessionFile":
        """An existing session, to go on with. An unfinished last record is moved to NAME.toml.torn.

        `cache` is a folder for snapshots (see read_session). LabError when another lab has the file open, or
        when it is not sound (then it is not touched).
        """
        if not path.is_file():
            raise LabError(f"{path}: no such file")
        with _locked(path, "opened for writing") as (lock, undo):
            data = read_bytes(path)
            opened = _parse(path, data, progress, cache)
            fd = os.open(path, os.O_RDWR | os.O_APPEND)
            undo.callback(os.close, fd)
            if opened.torn:
                _set_aside(_torn_path(path), data[opened.good :])
                os.ftruncate(fd, opened.good)
                os.fsync(fd)
        return cls(path, opened, lock, fd)

    def append(self, event: Event) -> None:
        """Fold `event` into the session and write it, after whatever still waits; constant time.

        It is on the disk when this returns. LabError when it cannot be written: it then waits in `pending`.
        """
        data = fragment(event)
        with self._guard:
            self.session.add(event)
            self.pending.append(data)
            self._drain()

    def flush(self) -> None:
        """Write what waits in `pending`; LabError when that still fails."""
        with self._guard:
            self._drain()

    def close(self) -> None:
        """Write what waits, close and unlock; closing again does nothing.

        What cannot be written is saved in the temporary folder instead, and LabError says where.
        """
        with self._guard:
            if self._fd < 0:
                return
            try:
                self._drain()
            except LabError as e:
                raise LabError(self._rescue(str(e)), e.code) from None
            finally:
                os.close(self._fd)
                self._fd = -1
                self._lock.release()

    def __enter__(self) -> "SessionFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _drain(self) -> None:
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
        """Save what is pending in the temporary folder; the line that tells where."""
        n = len(self.pending)
        try:
            fd, name = tempfile.mkstemp(prefix=f"{self.path.stem}-", suffix=".rescued.toml")
            try:
                _write_all(fd, b"".join(self.pending))
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError:
            return f"{reason}; the lab is closing and they could not be saved anywhere"
        return f"{self.path}: full; the last records ({n}) are in {name}: make room and add them to its end"


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


def _parse(path: Path, data: bytes, progress: Progress | None, cache: Path | None) -> Opened:
    # We escape NUL, so a NUL after the last head is space that was allocated and never written.
    nul = data.find(b"\0", max(data.rfind(b"\n[["), 0))
    end = nul if nul >= 0 else len(data)
    first = _RECORD.search(data, 0, end)
    session = Session(_header(path, data[: first.start() if first else end]))
    known = load_snapshot(cache, path, data[:end], session) if cache else 0
    bounds = [*(m.start() for m in _RECORD.finditer(data, known, end)), end]
    line = 1 + data.count(b"\n", 0, bounds[0])
    faults = Faults(path)
    for n, (start, stop) in enumerate(pairwise(bounds)):
        try:
            session.add(_event(data[start:stop]))
        except _FaultError as e:
            if e.torn and stop == end:
                end = start
                break
            faults.add(line + e.line, str(e))
        line += data.count(b"\n", start, stop)
        if progress and n % _PROGRESS_EVERY == 0:
            progress(stop, len(data))
    faults.end()
    if progress:
        progress(len(data), len(data))
    if cache and len(bounds) > LEAST:
        save_snapshot(cache, path, data[:end], session)
    return Opened(session, end, len(data) - end)


def _header(path: Path, data: bytes) -> Header:
    try:
        text = data.decode()
        tables = tomllib.loads(text)
        if "lab_version" not in tables:
            raise LabError(f"{path}: not a session: it has no lab_version")
        return validate(path, Header, tables, text)
    except (ValueError, RecursionError) as e:
        raise LabError(f"{path}: not a session: {e}") from None


def _event(data: bytes) -> Event:
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        raise _FaultError(data.count(b"\n", 0, e.start), "not UTF-8 text", True) from None
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as e:
        at = re.search(r" \(at line (\d+), column \d+\)$", str(e))
        line = int(at[1]) - 1 if at else text.rstrip().count("\n")
        raise _FaultError(line, f"not valid TOML: {str(e)[: at.start()] if at else e}", True) from None
    kind, records = next(iter(tables.items()))
    if kind not in KINDS or len(tables) > 1 or not isinstance(records, list):
        raise _FaultError(0, f"no record this version knows: {kind!r}", False)
    model = record_type(kind, records[0])
    if model is None:
        raise _FaultError(0, f"no {kind} that this version knows: {records[0]['kind']!r}", False)
    try:
        return model.model_validate(records[0])
    except ValidationError as e:
        faults = e.errors()
        told = [f"{'.'.join(map(str, (kind, *fault['loc'])))}: {in_words(fault)}" for fault in faults]
        line = line_of(text, (kind, 0, *faults[0]["loc"])) or 1
        torn = any(fault["type"] == "missing" for fault in faults)
        raise _FaultError(line - 1, "; ".join(told), torn) from None


def _torn_path(path: Path) -> Path:
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
