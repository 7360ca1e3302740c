"""Session files: opened with a torn tail set aside, written record by record, one writer a file."""

import re
import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock

from routerlab.core.files.append import Appended, begin, cut, going_on
from routerlab.core.files.toml import read_bytes
from routerlab.core.session.fragment import fragment, header_text
from routerlab.core.session.parse import Progress, read_head, read_records, written
from routerlab.core.session.session import KINDS, Event, Header, Session
from routerlab.core.session.snapshot import LEAST, load_snapshot, save_snapshot

_KIND = re.compile(rb"^\[\[(\w+)\]\]", re.MULTILINE)


@dataclass(frozen=True)
class Opened:
    """A session as read: `good` is the length in bytes of what is sound, `torn` of an unfinished tail."""

    session: Session
    good: int
    torn: int


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
    return read_head(path, data, Header), Counter(m[1].decode() for m in _KIND.finditer(data))


class SessionFile(Appended):
    """A session open for appending; made by `create` or `open`, ended by `close` (or a `with` block)."""

    def __init__(self, path: Path, opened: Opened, lock: FileLock, fd: int) -> None:
        super().__init__(path, opened.good, opened.torn, lock, fd)
        self.session = opened.session

    @classmethod
    def create(cls, path: Path, header: Header) -> "SessionFile":
        """A new file with its header safely on the disk; LabError when the name is taken or not writable."""
        data = header_text(header)
        return cls(path, Opened(Session(header), len(data), 0), *begin(path, data))

    @classmethod
    def open(cls, path: Path, progress: Progress | None = None, cache: Path | None = None) -> "SessionFile":
        """An existing session, to go on with. An unfinished last record is moved to NAME.toml.torn.

        `cache` is a folder for snapshots (see read_session). LabError when another lab has the file open, or
        when it is not sound (then it is not touched).
        """
        with going_on(path) as lock:
            data = read_bytes(path)
            opened = _parse(path, data, progress, cache)
            fd = cut(path, data, opened.good)
        return cls(path, opened, lock, fd)

    def append(self, event: Event) -> None:
        """Fold `event` into the session and write it (see `write`)."""
        data = fragment(event)
        with self._guard:
            self.session.add(event)
            self._write(data)


def _parse(path: Path, data: bytes, progress: Progress | None, cache: Path | None) -> Opened:
    sound = data[: written(data)]
    session = Session(read_head(path, sound, Header))
    known = load_snapshot(cache, path, sound, session) if cache else 0
    end, parsed = read_records(path, sound, KINDS, session.add, progress, known)
    if cache and parsed >= LEAST:
        save_snapshot(cache, path, sound[:end], session)
    return Opened(session, end, len(data) - end)
