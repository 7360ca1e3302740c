"""What was written down, for those who watch from elsewhere: a session, page after page, as lines of JSON."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from starlette.datastructures import QueryParams
from starlette.responses import Response

from routerlab.core.errors import LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.arm import ArmRecord, BaselineRecord, RemoteRecord
from routerlab.core.session.parse import read_head
from routerlab.core.session.session import Event, Header, TaxonomyPin
from routerlab.serve.ledger import TITLE
from routerlab.serve.limits import RefusedError
from routerlab.serve.tail import PageHead, PageLine, Tail

PIECE = 2**18
"""Bytes of a session that a page is made of: some hundred records, a tenth of a second's work."""
HEAD = 2**16
"""Bytes that have the head of a session in them."""
NAME = re.compile(r"[\w-]+")
AFTER = re.compile(r"[0-9]{1,15}")


def page(folder: Path, sessions: Sequence[Path], labels: TaxonomyPin, asked: QueryParams) -> Response:
    """What follows the cursor: `after` in the `session`; without one the session of now from its beginning.
    Whoever has come to the end of a session gets the next one.

    `sessions` are those that this process wrote in the folder, in order, and `labels` what it would begin one
    with. RefusedError when there is no such cursor, or the session cannot be read. It reads the disk.
    """
    name, after = asked.get("session", ""), asked.get("after", "0")
    if not AFTER.fullmatch(after):
        raise RefusedError(400, "no_cursor", "`after` is a number, which the page before says")
    try:
        chain = [*_earlier(folder, sessions, name), *sessions]
        at = next((i for i, path in enumerate(chain) if path.stem == name), None)
        tail, events = _next(chain[-1:] if at is None else chain[at:], 0 if at is None else int(after))
        if tail and tail.path.exists():
            labels = _header(tail.path).taxonomy
    except (LabError, OSError):
        raise RefusedError(503, "unreadable", "the session cannot be read") from None
    head = PageHead(taxonomy=labels)
    if tail:
        head = PageHead(session=tail.path.stem, after=tail.at, more=tail.behind, taxonomy=labels)
    lines = (one.model_dump_json(exclude_none=True) for one in (head, *map(_line, events)))
    return Response("".join(f"{line}\n" for line in lines), media_type="application/x-ndjson")


def _next(chain: Sequence[Path], after: int) -> tuple[Tail | None, list[Event]]:
    """The first of the sessions that has something new, and that; the last where none has. One that is not
    there yet has its name already."""
    tail: Tail | None = None
    events: list[Event] = []
    for path in chain:
        tail = Tail(path, after)
        if events := tail.read(PIECE) if path.exists() else []:
            break
        after = 0
    return tail, events


def _line(event: Event) -> PageLine:
    if isinstance(event, Trial):
        return PageLine(trial=event)
    return PageLine(arm=event if isinstance(event, ArmRecord | BaselineRecord | RemoteRecord) else None)


def _earlier(folder: Path, sessions: Sequence[Path], name: str) -> list[Path]:
    """The session of a process before this one, if it is that: others' lie in the folder, too."""
    path = folder / f"{name}.toml"
    if not NAME.fullmatch(name) or path in sessions or not path.is_file():
        return []
    with suppress(LabError):
        if (_header(path).title or "").startswith(TITLE):
            return [path]
    return []


def _header(path: Path) -> Header:
    with path.open("rb") as f:
        return read_head(path, f.read(HEAD), Header)
