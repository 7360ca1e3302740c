"""The questions that the history lists, in their order. Found in small steps, and kept as answers come."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from typing import overload

from routerlab.tui.lab.filters import ASKED, NO_FILTERS, Facts, Filters, Key, Sort, fits, sort_key
from routerlab.tui.lab.sitting import Question

RUN = 250
"""Questions that are sorted at once."""
Entry = tuple[Key, int]
"""A question's key and number; the number is negative where the list is read backwards, so that those with
the same key always stand in the order of asking."""


class Listing(Sequence[Question]):
    """Those of `questions` that fit `filters`, ordered by `sort`.

    Nothing is ever left out that was listed: who labels what is unlabelled goes on seeing it.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        facts: Callable[[Question], Facts],
        labels: Sequence[str],
        filters: Filters = NO_FILTERS,
        sort: Sort = ASKED,
    ) -> None:
        self.filters, self.sort = filters, sort
        self.version = 0
        """Another one whenever something moved."""
        self._questions, self._facts = questions, facts
        self._labels = {label: i for i, label in enumerate(labels)}
        self._entries: list[Entry] = []
        self._placed: dict[int, Entry] = {}

    @property
    def plain(self) -> bool:
        """Whether it is all questions in the order of asking."""
        return not self.filters and self.sort == ASKED

    def fill(self) -> Iterator[None]:
        """List those that are there now. Yields after each small step, for others to have their turn."""
        runs: list[list[Entry]] = []
        for start in range(0, len(self._questions), RUN):
            run = []
            for question in self._questions[start : start + RUN]:
                if entry := self._entry(question):
                    run.append(entry)
                yield
            runs.append(sorted(run))
        for entry in merge(*runs):
            self._entries.append(entry)
            self._placed[abs(entry[1])] = entry
            yield

    def place(self, question: Question) -> None:
        """Take in a question that is new, or has changed."""
        old = self._placed.get(question.number)
        new = self._entry(question, listed=old is not None)
        if new is None or new == old:
            return
        if old is not None:
            del self._entries[bisect_left(self._entries, old)]
        insort(self._entries, new)
        self._placed[question.number] = new
        self.version += 1

    def row(self, number: int) -> int | None:
        """The row of the question with that number; None where it is not listed."""
        entry = self._placed.get(number)
        return None if entry is None else self._turned(bisect_left(self._entries, entry))

    def _entry(self, question: Question, listed: bool = False) -> Entry | None:
        key: Key = ()
        if not self.plain:
            facts = self._facts(question)
            if not listed and not fits(self.filters, facts):
                return None
            key = sort_key(self.sort.column, facts, self._labels)
        return key, -question.number if self.sort.down else question.number

    def _turned(self, at: int) -> int:
        return len(self._entries) - 1 - at if self.sort.down else at

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, at: int) -> Question: ...
    @overload
    def __getitem__(self, at: slice) -> list[Question]: ...
    def __getitem__(self, at: int | slice) -> Question | list[Question]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        row = range(len(self))[at]  # or IndexError
        return self._questions[abs(self._entries[self._turned(row)][1]) - 1]
