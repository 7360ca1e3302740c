"""A session as it was parsed, kept in the cache: a long file then opens without parsing it all again.

A snapshot covers the first bytes of a session file and names their SHA-256, so it can never be mistaken for
that of another file; records are only ever appended, so it stays good for what it covers. A snapshot that is
damaged, or of another version of the lab, is as none.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Union

from pydantic import TypeAdapter

from routerlab.core.files.atomic import write_new
from routerlab.core.session.session import KINDS, Event, Session
from routerlab.version import __version__

LEAST = 2000
"""Records that must have been parsed before they are worth a snapshot."""
MOST = 20
"""Snapshots kept; the ones used longest ago go first."""


def load_snapshot(folder: Path, path: Path, data: bytes, session: Session) -> int:
    """Fold what the snapshot of the file at `path` holds into `session`; how many bytes of `data` that was.

    0 when there is none that fits.
    """
    file = _file(folder, path)
    try:
        with file.open("rb") as f:
            about = json.loads(f.readline())
            n = int(about["bytes"])
            if about["version"] != __version__ or n > len(data) or about["sha256"] != _sha256(data[:n]):
                return 0
            events: list[Event] = []
            for kind in KINDS:
                name, _, records = f.readline().partition(b" ")
                if name != kind.encode():
                    return 0
                events += _all_of(kind).validate_json(records)
        file.touch()
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    for event in events:
        session.add(event)
    return n


def save_snapshot(folder: Path, path: Path, data: bytes, session: Session) -> None:
    """Keep `session`, which is what `data` holds. That it cannot be kept is no error: it is only a cache."""
    kinds: dict[str, Sequence[Event]] = {
        "arm": list(session.arms.values()),
        "run": session.runs,
        "mark": session.marks,
        "trial": session.trials,
        "case": list(session.cases.values()),
        "queue": session.queues,
        "annotation": session.annotations,
    }
    about = {"version": __version__, "bytes": len(data), "sha256": _sha256(data)}
    lines = [json.dumps(about).encode()]
    for kind in KINDS:
        records = _all_of(kind).dump_json(list(kinds[kind]), exclude_none=True)
        lines.append(kind.encode() + b" " + records)
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        write_new(_file(folder, path), b"\n".join(lines) + b"\n")
        trim(folder, MOST)


def trim(folder: Path, keep: int) -> int:
    """Delete the files of a cache folder but the `keep` used last; how many went."""
    gone = 0
    with suppress(OSError):
        used = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in islice(used, keep, None):
            file.unlink(missing_ok=True)
            gone += 1
    return gone


def _all_of(kind: str) -> TypeAdapter[list[Event]]:
    return TypeAdapter(list[Union[KINDS[kind]]])  # type: ignore[valid-type]  # noqa: UP007


def _file(folder: Path, path: Path) -> Path:
    return folder / f"{_sha256(str(path.resolve()).encode())[:24]}.json"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
