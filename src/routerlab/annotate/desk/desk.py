"""An annotator's desk: a queue, what was said of each item, and the session it is written to.

No screen here: the annotate screen draws a desk, tests drive one. Every method that writes returns when its
record is on the disk; it may be called from any thread, one call at a time.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from statistics import median
from typing import Literal

from routerlab.annotate.desk.item import QueueItem
from routerlab.core.corpus import Fit, fold
from routerlab.core.errors import LabError
from routerlab.core.session.file import SessionFile
from routerlab.core.session.session import Annotation, CaseRecord, Session, State
from routerlab.core.statistics.agreement import vote
from routerlab.core.taxonomy import Taxonomy

Mode = Literal["blind", "suggest", "adjudicate"]
Queue = Literal["pending", "draft", "submitted", "skipped", "flagged"]
QUEUES: tuple[Queue, ...] = ("pending", "draft", "submitted", "skipped", "flagged")

PACE_OF = 20
"""Items that the pace is the median of."""
IDLE_S = 300.0
"""An item that took longer was interrupted, and does not count for the pace."""


@dataclass(frozen=True)
class Pace:
    """`each_s` is the median time that an item took lately, `left_s` what is left at that; None at first."""

    each_s: float | None
    left_s: float | None


class Desk:
    """Items in the order to be worked through. Indices below are places in that order, from 0.

    blind: nothing of what others said is known before a label is submitted. suggest: the models' majority
    is, and the record says so. adjudicate: the annotators' labels and notes are; a decision needs a reason.
    """

    def __init__(
        self,
        items: Sequence[QueueItem],
        file: SessionFile,
        annotator: str,
        taxonomy: Taxonomy,
        mode: Mode = "blind",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.items = items
        self.file = file
        self.annotator = annotator
        self.taxonomy = taxonomy
        self.mode = mode
        self._now = now
        self._at = {item.id: i for i, item in enumerate(items)}
        self._states: list[State] = [self.session.current(item.id, "case") for item in items]
        self._counts = Counter(queue for state in self._states for queue in queues(state))
        self._labelled = {a.case for a in self.session.annotations if a.label is not None and not a.draft}
        self._times: deque[float] = deque(maxlen=PACE_OF)
        self._since = now()

    @property
    def session(self) -> Session:
        """What is written so far."""
        return self.file.session

    def state(self, i: int) -> State:
        """What stands for the item."""
        return self._states[i]

    def count(self, queue: Queue) -> int:
        """How many items are in the queue."""
        return self._counts[queue]

    @property
    def done(self) -> int:
        """Items that need nothing more: submitted or skipped."""
        return self._counts["submitted"] + self._counts["skipped"]

    def step(self, i: int, by: Literal[1, -1], queue: Queue | None = None) -> int | None:
        """The next item after (or before) `i` that is in `queue` (any, if None); None when there is none.

        Forward it goes on at the beginning, so that what was passed over comes round again.
        """
        n = len(self.items)
        places = range(i + 1, i + n) if by == 1 else range(i - 1, -1, -1)
        return next((j % n for j in places if queue is None or queue in queues(self._states[j % n])), None)

    def first(self, queue: Queue) -> int | None:
        """The first item of the queue."""
        return next((i for i, state in enumerate(self._states) if queue in queues(state)), None)

    def search(self, words: str, limit: int = 200) -> list[int]:
        """Items whose prompt or id contains `words`, white space and case folded; at most `limit`."""
        wanted = fold(words)
        found = (i for i, text in enumerate(self._folded) if wanted in text)
        return list(islice(found, limit)) if wanted else []

    def pace(self) -> Pace:
        """How quickly it goes, and what is left at that."""
        if len(self._times) < 2:
            return Pace(None, None)
        each = median(self._times)
        return Pace(each, each * (self._counts["pending"] + self._counts["draft"]))

    # --- what may be seen ---

    def revealed(self, i: int) -> bool:
        """Whether everything may be shown: once a label was submitted, it cannot be unseen."""
        return self.items[i].id in self._labelled

    def suggestion(self, i: int) -> str | None:
        """The label most models gave, in suggest mode; None on a tie."""
        if self.mode != "suggest":
            return None
        return vote(label for label, _ in self.items[i].models.values()).label

    # --- what is written ---

    def submit(
        self,
        i: int,
        label: str,
        also: Sequence[str] = (),
        note: str | None = None,
        fit: Fit | None = None,
    ) -> None:
        """Write the label. As an adjudication it needs a note, the reason (ValueError otherwise)."""
        item = self.items[i]
        decides = None
        if self.mode == "adjudicate":
            if not (note or "").strip():
                raise ValueError("a decision needs a reason")
            decides = {name: opinion.label for name, opinion in item.people.items()}
        told = bool(item.models or item.people or item.gold)
        suggested = self.suggestion(i)
        seen: Literal["suggestion", "reveal"] | None = None
        if self.revealed(i) and told:
            seen = "reveal"
        elif suggested is not None:
            seen = "suggestion"
        self._write(
            i,
            label=label,
            fit=fit,
            also=tuple(also) or None,
            note=note,
            seen=seen,
            suggested=suggested,
            decides=decides,
        )
        self._tick()

    def draft(self, i: int, label: str, also: Sequence[str] = (), fit: Fit | None = None) -> None:
        """Write a label that is not submitted yet."""
        self._write(i, label=label, fit=fit, also=tuple(also) or None, draft=True)

    def skip(self, i: int) -> None:
        """Write that this annotator cannot judge the item."""
        self._write(i, action="skip")
        self._tick()

    def flag(self, i: int) -> None:
        """Write that the prompt is faulty."""
        self._write(i, action="flag")

    def note(self, i: int, text: str) -> None:
        """Write a note; an empty one takes the note away."""
        self._write(i, note=text)

    def latest(self) -> int | None:
        """The item of the latest thing written that still counts, of any sitting; None when there is none.

        A target that is not in this queue is passed over: it is undone where it can be seen.
        """
        target = self.session.last_annotated(self._at)
        return None if target is None else self._at[target[1]]

    def undo(self) -> int | None:
        """Take back what was written latest; its item (see `latest`)."""
        i = self.latest()
        if i is not None:
            self._write(i, action="undo")
        return i

    @cached_property
    def _folded(self) -> list[str]:
        return [f"{item.id.casefold()}\n{fold(item.prompt)}" for item in self.items]

    def _write(self, i: int, **said: object) -> None:
        item = self.items[i]
        if item.id not in self.session.cases:
            with suppress(LabError):  # it waits, and is written before the annotation
                self.file.append(CaseRecord(id=item.id, prompt=item.prompt, source=item.source))
        annotation = Annotation.model_validate(
            {
                "id": self.session.next_annotation_id(),
                "at": datetime.now(UTC),
                "case": item.id,
                "annotator": self.annotator,
                **said,
            }
        )
        try:
            self.file.append(annotation)
        finally:  # a record that waits for room on the disk counts already
            self._counts.subtract(queues(self._states[i]))
            self._states[i] = self.session.current(item.id, "case")
            self._counts.update(queues(self._states[i]))
            if annotation.label is not None and not annotation.draft:
                self._labelled.add(item.id)

    def _tick(self) -> None:
        now = self._now()
        if now - self._since <= IDLE_S:
            self._times.append(now - self._since)
        self._since = now


def queues(state: State) -> tuple[Queue, ...]:
    """The queues an item is in: one of the first four, and flagged beside it."""
    where: Queue = "pending"
    if state.skipped:
        where = "skipped"
    elif state.label is not None:
        where = "draft" if state.draft else "submitted"
    return (where, "flagged") if state.flagged else (where,)
