"""What a judge's session says: its header, then a [[judgement]] for every question, appended only."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from routerlab.core.errors import LabError
from routerlab.core.files.append import Appended, begin, cut, going_on
from routerlab.core.files.toml import read_bytes
from routerlab.core.moment import Moment
from routerlab.core.prediction import Record
from routerlab.core.session.fragment import header_text, record_text
from routerlab.core.session.parse import Kinds, read_head, read_records, written
from routerlab.study.outcome.record import ModelRecord

Verdict = Literal["first", "second", "tie"]


class JudgeHeader(Record):
    """Who judges what: `session_sha256` is that of the outcome session's bytes, `prompt_sha256` that of the
    template, `seed` that of the draw of pairs."""

    schema_version: Literal[1]
    kind: Literal["judgements"]
    lab_version: str
    created: Moment
    session: str
    session_sha256: str
    prompt_sha256: str
    seed: int
    judge: ModelRecord


class Judgement(Record):
    """What the judge said of two models' answers to a task, `first` shown before `second`. No `verdict`: it
    gave no answer (`error` says why), or one that is none of the three. `status` is last: one that was cut
    short lacks it."""

    at: Moment
    task: str
    first: str
    second: str
    said: str | None = None
    verdict: Verdict | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_ms: float | None = None
    error: str | None = None
    status: Literal["ok", "crashed", "timeout", "refused"]


@dataclass
class Judgements:
    """A judge's session, by (task, first, second)."""

    header: JudgeHeader
    of: dict[tuple[str, str, str], Judgement] = field(default_factory=dict)

    def add(self, one: Judgement) -> None:
        """Fold one in."""
        self.of[one.task, one.first, one.second] = one


KINDS: Kinds[Judgement] = {"judgement": (Judgement,)}


def read_judgements(path: Path) -> Judgements:
    """The session in `path`, an unfinished last record left out; LabError when it is not sound."""
    return _parse(path, read_bytes(path))[0]


def _parse(path: Path, data: bytes) -> tuple[Judgements, int]:
    sound = data[: written(data)]
    if not re.search(rb'^kind\s*=\s*"judgements"', sound[:4096], re.MULTILINE):
        raise LabError(f"{path}: not a judge's session, such as `routerlab outcome judge` makes")
    found = Judgements(read_head(path, sound, JudgeHeader))
    return found, read_records(path, sound, KINDS, found.add)[0]


class JudgeFile(Appended):
    """A judge's session open for appending, ended by `close` (or `with`)."""

    judgements: Judgements

    @classmethod
    def at(cls, path: Path, header: JudgeHeader, resume: bool) -> "JudgeFile":
        """The session in `path`, begun where there is none yet. LabError when it is there and is not to be
        gone on with, or was begun with something else."""
        if not path.exists():
            data = header_text(header)
            file = cls(path, len(data), 0, *begin(path, data))
            file.judgements = Judgements(header)
            return file
        if not resume:
            raise LabError(f"{path}: exists already; --resume goes on with it, or choose another name")
        with going_on(path) as lock:
            data = read_bytes(path)
            found, good = _parse(path, data)
            own = {"created": header.created, "lab_version": header.lab_version}
            if found.header.model_copy(update=own) != header:
                raise LabError(
                    f"{path}: was begun with another judge, session, prompt or seed; begin another one"
                )
            fd = cut(path, data, good)
        file = cls(path, good, len(data) - good, lock, fd)
        file.judgements = found
        return file

    def append(self, one: Judgement) -> None:
        """Fold it in and write it (see `write`)."""
        self.judgements.add(one)
        self.write(record_text("judgement", one))
