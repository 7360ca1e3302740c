"""Outcome sessions: read, gone on with, and as a matrix."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from routerlab.core.errors import LabError
from routerlab.core.files.append import Appended, begin, cut, going_on
from routerlab.core.files.toml import read_bytes
from routerlab.core.session.fragment import header_text, record_text
from routerlab.core.session.parse import Kinds, read_head, read_records, written
from routerlab.study.outcome.matrix import Floats, Matrix
from routerlab.study.outcome.record import Outcome, OutcomeHeader

KINDS: Kinds[Outcome] = {"outcome": (Outcome,)}


@dataclass
class Outcomes:
    """A session's header and what counts of it: the last outcome of each (task, model)."""

    header: OutcomeHeader
    of: dict[tuple[str, str], Outcome] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Fold one in; it replaces an earlier one of the same task and model."""
        self.of[outcome.task, outcome.model] = outcome


def read_outcomes(path: Path) -> Outcomes:
    """The session in `path`, which is not touched; an unfinished last record is left out. LabError with file
    and line for anything else that is wrong."""
    return _parse(path, read_bytes(path))[0]


def _parse(path: Path, data: bytes) -> tuple[Outcomes, int]:
    sound = data[: written(data)]
    if not re.search(rb'^kind\s*=\s*"outcomes"', sound[:4096], re.MULTILINE):
        raise LabError(f"{path}: not a session of outcomes, such as `routerlab outcome run` makes")
    found = Outcomes(read_head(path, sound, OutcomeHeader))
    return found, read_records(path, sound, KINDS, found.add)[0]


class OutcomeFile(Appended):
    """An outcome session open for appending; made by `create` or `open`, ended by `close` (or `with`)."""

    outcomes: Outcomes

    @classmethod
    def create(cls, path: Path, header: OutcomeHeader) -> "OutcomeFile":
        """A new file with its header safely on the disk; LabError when the name is taken or not writable."""
        data = header_text(header)
        file = cls(path, len(data), 0, *begin(path, data))
        file.outcomes = Outcomes(header)
        return file

    @classmethod
    def open(cls, path: Path) -> "OutcomeFile":
        """A session to go on with. An unfinished last record is moved to NAME.torn. LabError when another
        process has the file open, or when it is not sound (then it is not touched)."""
        with going_on(path) as lock:
            data = read_bytes(path)
            outcomes, good = _parse(path, data)
            fd = cut(path, data, good)
        file = cls(path, good, len(data) - good, lock, fd)
        file.outcomes = outcomes
        return file

    def append(self, outcome: Outcome) -> None:
        """Fold it in and write it (see `write`)."""
        self.outcomes.add(outcome)
        self.write(record_text("outcome", outcome))


def load_matrix(path: Path) -> Matrix:
    """The session in `path` as a matrix; LabError as `read_outcomes`. What was not asked, or could not be
    checked, is NaN."""
    found = read_outcomes(path)
    return matrix_of(found.header, found.of.values())


def matrix_of(header: OutcomeHeader, outcomes: Iterable[Outcome]) -> Matrix:
    """The matrix of these, tasks and models in the header's order; the last of a task and model counts."""
    known = {(one.task, one.model): one for one in outcomes}

    def column(key: str) -> Floats:
        rows = [[known.get((task.id, model.name)) for model in header.model] for task in header.task]
        told = [[None if one is None else getattr(one, key) for one in row] for row in rows]
        return np.array([[np.nan if x is None else x for x in row] for row in told], np.float64)

    return Matrix(
        name=header.name,
        tasks=tuple(task.id for task in header.task),
        models=tuple(model.name for model in header.model),
        score=column("score"),
        cost=column("cost"),
        latency_ms=column("latency_ms"),
        tokens_in=column("tokens_in"),
        tokens_out=column("tokens_out"),
        labels=tuple(task.label for task in header.task),
        difficulty=tuple(task.difficulty for task in header.task),
        group=tuple(task.group for task in header.task),
        prompt_sha256=tuple(task.prompt_sha256 for task in header.task),
        good=np.array([task.good for task in header.task], np.float64),
        tiers=tuple(model.tier for model in header.model),
        currency=header.currency,
        source=tuple(task.source for task in header.task),
    )
