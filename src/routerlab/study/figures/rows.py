"""Rows: one answer of one arm to one case, whatever file it is from. Everything is computed from them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from routerlab.core.errors import LabError
from routerlab.core.prediction import Status, Trial
from routerlab.core.remote import cost
from routerlab.core.session.arm import AnyArmRecord, ArmRecord, RemoteRecord
from routerlab.core.session.file import Opened
from routerlab.core.session.run import Mark, RunRecord
from routerlab.core.session.session import Session
from routerlab.core.text import plural
from routerlab.study.figures.arm import Source
from routerlab.study.figures.cases import CaseFacts, case_facts

K = TypeVar("K")
V = TypeVar("V")

ANSWERED: frozenset[str] = frozenset({"ok", "unparsed", "unrouted"})
"""Statuses with a latency: an answer came, be it unreadable or, from the control, empty on purpose."""
UNJUDGED: frozenset[str] = frozenset({"cancelled", "unrouted"})
"""Statuses that are neither right nor wrong: a person cut the question short, or no label was asked for."""
PARTS = ("queue", "tokenize", "prefill", "generate")
"""Where the time of an answer goes, in a session's words."""


@dataclass(frozen=True, slots=True)
class Row:
    """One answer. `label` is None unless `status` is "ok"; `gold` is None where nobody knows what is right.

    `latency_ms` is the time of the whole answer, and of one that timed out the time until then: without it a
    slow arm would look quick. It is None where none came or it was not timed alone; `parts_ms` says where it
    went. `chars` is the length of the text that was generated. `probabilities` are over the labels,
    `confidence` is what the model itself claimed. `strict` is there of an answer that was read leniently:
    whether the contract's own reading has a label too. `cost` is that of this request, in the log's currency.
    `contended` means that others were running, `abstained` that the label is not to be acted on;
    `familiarity` is the prompt's to the arm.
    """

    arm: str
    case: str
    repeat: int
    gold: str | None
    label: str | None
    status: Status
    contract: str | None = None
    latency_ms: float | None = None
    parts_ms: Mapping[str, float] | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    chars: int | None = None
    probabilities: Mapping[str, float] | None = None
    confidence: float | None = None
    strict: bool | None = None
    cost: float | None = None
    contended: bool = False
    abstained: bool = False
    familiarity: float | None = None

    @property
    def routed(self) -> str | None:
        """The label to act on (see Prediction.routed)."""
        return None if self.abstained else self.label

    @property
    def group(self) -> tuple[str, int]:
        """(case, repeat): the rows of several arms that answer the same question."""
        return (self.case, self.repeat)

    @property
    def right(self) -> bool | None:
        """Exact match with gold; None where there is no gold or nothing to judge."""
        return None if self.gold is None or self.status in UNJUDGED else self.label == self.gold


@dataclass(frozen=True)
class Log:
    """The rows of a file. `families` is label -> family in the taxonomy's order, empty where none is known;
    `arms` what is recorded of the arms, `run` of the benchmark or trial that it is of. `currency` is
    that of the rows' costs, if it is known; `notes` are what a reader of the figures should know of the file.
    `memory` is arm -> when -> part -> bytes, `cases` what is known of a case.
    """

    rows: tuple[Row, ...]
    families: Mapping[str, str]
    source: Source
    arms: Mapping[str, AnyArmRecord] = field(default_factory=dict)
    run: RunRecord | None = None
    currency: str | None = None
    notes: tuple[str, ...] = ()
    memory: Mapping[str, Mapping[str, dict[str, int]]] = field(default_factory=dict)
    cases: Mapping[str, CaseFacts] = field(default_factory=dict)


def session_log(path: Path, opened: Opened) -> Log:
    """The trials of a session as rows; LabError when there are none.

    A question that an arm answered more than once under the same number (a typed prompt) counts as repeats.
    """
    torn = f"an unfinished record of {opened.torn} bytes at the end of {path.name} is left out"
    return sitting_log(path, opened.session, path.read_bytes(), [torn] if opened.torn else [])


def again_note(n: int) -> str:
    """That questions were asked again under a number that was taken."""
    repeat = plural(n, "trial repeats", "trials repeat")
    return f"{repeat} a question under the same number; they count as more repeats"


def sitting_log(path: Path, session: Session, data: bytes | None = None, notes: Sequence[str] = ()) -> Log:
    """The same of a session that is in memory, and may still grow; `data` are the bytes of its file, if it is
    all there."""
    header = session.header
    if not session.trials:
        raise LabError(f"{path}: the session has no trials; there is nothing to analyse")
    notes = list(notes)
    taken: set[tuple[str, str, int]] = set()
    rows: list[Row] = []
    again = 0
    for trial in session.trials:
        case, repeat = trial.group
        while trial.status != "cancelled" and (trial.arm, case, repeat) in taken:
            repeat += 1
        again += repeat != trial.repeat
        if trial.status != "cancelled":
            taken.add((trial.arm, case, repeat))
        rows.append(trial_row(trial, case, repeat, session.arms.get(trial.arm)))
    if again:
        notes.append(again_note(again))
    source = Source(
        path=str(path),
        format="session",
        sha256=None if data is None else hashlib.sha256(data).hexdigest(),
        session=header.id,
        machine=header.machine,
        lab_version=header.lab_version,
        corpus=header.corpus,
        taxonomy=header.taxonomy,
        schedule=header.schedule,
    )
    told = (mark for mark in session.marks if mark.kind in ("deviation", "difference", "leak"))
    notes += [f"{mark.kind}: {mark.arm + ': ' if mark.arm else ''}{mark.reason}" for mark in told]
    run = session.runs[-1] if session.runs else None
    families = header.taxonomy.families
    currency, memory = _currency(path, session), _memory(session.marks)
    cases = case_facts(path, session)
    return Log(tuple(rows), families, source, dict(session.arms), run, currency, tuple(notes), memory, cases)


def _memory(marks: Iterable[Mark]) -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for mark in marks:
        if mark.kind == "memory" and mark.arm and mark.reason and mark.memory:
            found.setdefault(mark.arm, {})[mark.reason] = mark.memory
    return found


def _currency(path: Path, session: Session) -> str | None:
    """That of the prices which remote arms were recorded with."""
    found = {r.prices.currency for r in session.arms.values() if isinstance(r, RemoteRecord) and r.prices}
    if len(found) > 1:
        raise LabError(
            f"{path}: its remote arms have prices in {' and '.join(sorted(found))}; costs cannot be compared"
        )
    return next(iter(found), None)


def trial_row(trial: Trial, case: str, repeat: int, record: AnyArmRecord | None) -> Row:
    """The row of a trial; `record` is that of its arm."""
    latency = trial.latency_ms
    gave_up = trial.status == "timeout" and latency.total > 0
    timed = (trial.status in ANSWERED or gave_up) and not trial.batched
    prices = record.prices if isinstance(record, RemoteRecord) else None
    lenient = isinstance(record, RemoteRecord | ArmRecord) and record.parse == "lenient"
    return Row(
        arm=trial.arm,
        case=case,
        repeat=repeat,
        gold=trial.gold,
        label=trial.label,
        status=trial.status,
        contract=f"{record.contract}{', lenient' if lenient else ''}" if record else None,
        latency_ms=latency.total if timed else None,
        parts_ms={part: getattr(latency, part) for part in PARTS} if timed else None,
        tokens_in=trial.tokens.cached + trial.tokens.evaluated,
        tokens_out=trial.tokens.generated,
        chars=None if trial.answer is None else len(trial.answer),
        probabilities=trial.probabilities,
        confidence=trial.confidence,
        strict=trial.strict,
        cost=cost(trial.tokens, prices) if prices else None,
        contended=trial.contended,
        abstained=trial.abstained is True,
        familiarity=trial.familiarity,
    )


def grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """Key -> all that came with it, in the order in which the keys first came."""
    found: dict[K, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def by_arm(rows: Iterable[Row], order: Iterable[str] = ()) -> dict[str, list[Row]]:
    """The rows of each arm that has some: the arms of `order` first, then as they first answered."""
    found = grouped((row.arm, row) for row in rows)
    return {arm: found[arm] for arm in (*order, *found) if arm in found}


def judged(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each case that are right or wrong, in the order in which the cases first came."""
    return grouped((row.case, row) for row in rows if row.right is not None)


def share_right(cases: Mapping[str, Sequence[Row]]) -> dict[str, float]:
    """Case -> share of its repeats that are right."""
    return {case: sum(row.right is True for row in rows) / len(rows) for case, rows in cases.items()}


def check_gold(rows: Iterable[Row]) -> None:
    """LabError when a case has one gold label here and another there."""
    known: dict[str, str] = {}
    for row in rows:
        if row.gold is not None and known.setdefault(row.case, row.gold) != row.gold:
            raise LabError(
                f"case {row.case!r} has two gold labels, {known[row.case]!r} and {row.gold!r}; "
                "a case needs one, the same in every row"
            )
