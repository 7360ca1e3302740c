"""A session that somebody else writes, read on from where the last reading came to: a file, or what a server
shows of its own."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from httpx2 import AsyncClient, HTTPError, InvalidURL, Response, get
from pydantic import ValidationError

from routerlab.core.errors import Exit, LabError
from routerlab.core.prediction import Record, Trial
from routerlab.core.session.arm import AnyArmRecord
from routerlab.core.session.parse import read_records, written
from routerlab.core.session.session import KINDS, Event, TaxonomyPin
from routerlab.engine.lab.events import Notice

ADDRESS = "/v1/trials"
PATIENCE_S = 5.0
"""Seconds without a byte after which a server counts as cut off."""
AGAIN = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that may be others soon."""


class PageHead(Record):
    """The first line of what a server shows: its session's name, None where there is none yet, the cursor
    that the next page begins at, whether there is more already, and the session's labels."""

    session: str | None = None
    after: int = 0
    more: bool = False
    taxonomy: TaxonomyPin


class PageLine(Record):
    """Each line after it: a record of the session."""

    arm: AnyArmRecord | None = None
    trial: Trial | None = None


class Tail:
    """A file, read from its byte `at` on."""

    behind = False
    """Whether there was more to read than was read."""

    def __init__(self, path: Path, at: int = 0) -> None:
        self.path = path
        self.name = path.name
        self.at = at

    def read(self, most: int = -1) -> list[Event]:
        """The records that are new and whole, of the next `most` bytes (or more, where that is not one
        record; -1: of all); LabError when the file is gone or not sound."""
        try:
            with self.path.open("rb") as f:
                f.seek(self.at)
                data = f.read(most)
        except OSError as e:
            raise LabError(f"{self.path}: cannot be read: {e.strerror}") from None
        found: list[Event] = []
        # An error counts lines from where this reading began.
        part = self.path if not self.at else Path(f"{self.path} (after byte {self.at})")
        end, _ = read_records(part, data[: written(data)], KINDS, found.append)
        self.behind = len(data) == most
        if self.behind and not found:
            return self.read(2 * most)
        self.at += end
        return found

    async def new(self) -> "list[Event | Notice]":
        """All that is new (see `read`)."""
        return [*await asyncio.to_thread(self.read)]

    async def close(self) -> None:
        """Nothing is open."""


class CutError(Exception):
    """A server that does not answer now, and may soon."""


class UrlTail:
    """What the server at `url` writes, from the beginning of its session of now on, and then its next ones.

    Each of its sessions begins to count anew; here the ids are those of the session and the trial, and a
    prompt that is asked again in another session is a further repeat. `known` are the trials that are here
    from an earlier time.
    """

    def __init__(self, url: str, token: str | None, labels: str, known: Iterable[Trial] = ()) -> None:
        """`labels` is the hash of the taxonomy that the server must have."""
        self.name = urlsplit(url).netloc
        self.behind = False
        self._url, self._labels = url, labels
        self._client = AsyncClient(headers=bearer(token), timeout=PATIENCE_S, trust_env=False)
        self._session: str | None = None
        self._after = 0
        self._cut = False
        self._known = {trial.id: trial for trial in known}
        self._counts: dict[str, int] = {}
        for trial in self._known.values():
            self._count(trial)
        self._repeats: dict[tuple[str, str, int], int] = {}

    async def new(self) -> "list[Event | Notice]":
        """The next records, and what is to be told: that the server is cut off, is there again, or began
        another session. LabError when it will show no more."""
        asked = {"session": self._session, "after": str(self._after)} if self._session else {}
        try:
            head, lines = page(self._url, await self._client.get(self._url + ADDRESS, params=asked))
        except (HTTPError, CutError) as e:
            told, self._cut, self.behind = self._cut, True, False
            return [] if told else [Notice(f"{self._url}: cut off ({_reason(e)}); trying again", "warning")]
        if head.taxonomy.sha256 != self._labels:
            raise LabError(f"{self._url}: has other labels now ({head.taxonomy.name}); watch it anew")
        found: list[Event | Notice] = []
        if self._cut:
            found.append(Notice(f"{self._url}: is there again"))
        self._cut, self.behind = False, head.more
        if head.session is not None:  # a server that was started anew has none until somebody asks it
            if self._session not in (None, head.session):
                found.append(Notice(f"{self._url}: began another session, {head.session}"))
            self._session, self._after = head.session, head.after
        for one in lines:
            found += [one.arm] if one.arm else []
            found += [self._own(one.trial)] if one.trial else []
        return found

    def _own(self, trial: Trial) -> Trial:
        one = f"{self._session}.{trial.id}"
        asked = (self._session or "", trial.question, trial.repeat)
        if asked not in self._repeats:
            known = self._known.get(one)
            free = max(trial.repeat, self._counts.get(trial.question, 0) + 1)
            self._repeats[asked] = known.repeat if known else free
        own = trial.model_copy(update={"id": one, "repeat": self._repeats[asked]})
        self._count(own)
        return own

    def _count(self, trial: Trial) -> None:
        self._counts[trial.question] = max(trial.repeat, self._counts.get(trial.question, 0))

    async def close(self) -> None:
        """End the connection."""
        await self._client.aclose()


def bearer(token: str | None) -> dict[str, str]:
    """The header that lets in whoever has the token."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def labels_at(url: str, token: str | None) -> TaxonomyPin:
    """The labels of the server at `url`; LabError when it does not show what it writes."""
    try:
        answer = get(url + ADDRESS, headers=bearer(token), timeout=PATIENCE_S, trust_env=False)
        return page(url, answer)[0].taxonomy
    except (HTTPError, InvalidURL, CutError) as e:
        raise LabError(f"{url}: {_reason(e)}; is `routerlab serve` there?", Exit.MISSING) from None


def _reason(e: Exception) -> str:
    return str(e) if isinstance(e, CutError) else type(e).__name__


def page(url: str, answer: Response) -> tuple[PageHead, list[PageLine]]:
    """What the server showed; CutError when it may do so soon, LabError when it does not."""
    if answer.status_code in AGAIN:
        raise CutError(f"it answers {answer.status_code}")
    try:
        if not answer.is_success:
            raise LabError(f"{url}: {answer.status_code}: {answer.json()['error']['message']}")
        first, *lines = answer.content.splitlines()
        return PageHead.model_validate_json(first), [PageLine.model_validate_json(one) for one in lines]
    except (ValidationError, ValueError, KeyError, TypeError):
        raise LabError(f"{url}: not an answer of this version of `routerlab serve`") from None
