"""What one sitting writes down, and what its events add up to. Its text: fragment.py; files: file.py.

A session file is a header and then records, each a TOML fragment that stands alone. The last key written of
every kind of record is required, so a fragment that was cut short can never pass for a whole one.
"""

import hashlib
from collections import defaultdict
from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from os.path import isfile  # False for any text, where Path.is_file raises for some
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import model_validator

from routerlab.core.corpus import Corpus, Fit
from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml, read_bytes
from routerlab.core.hashed import Hashed
from routerlab.core.moment import Moment
from routerlab.core.prediction import Record, Trial
from routerlab.core.session.arm import AnyArmRecord, ArmRecord, BaselineRecord, RemoteRecord
from routerlab.core.session.run import Mark, RunRecord
from routerlab.core.taxonomy import Taxonomy

H = TypeVar("H", bound=Hashed)
TargetKind = Literal["trial", "case"]
Target = tuple[TargetKind, str]
"""What an annotation is about: ("trial", trial id) or ("case", case id)."""


class Pin(Record):
    """A file the session refers to: `path` as it was given, `sha256` of its canonical content."""

    name: str
    path: str
    sha256: str


class TaxonomyPin(Pin):
    """The taxonomy, with label -> family in its order, so that a session can be read without the file."""

    families: dict[str, str]

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names in the taxonomy's order."""
        return tuple(self.families)


class Header(Record):
    """Facts that hold for the whole session; written once, at the top. `machine` is platform and CPU.

    `schedule` and `repeats` are absent where nothing is asked: in a session of annotations only.
    """

    schema_version: Literal[1] = 1
    id: str
    created: Moment
    lab_version: str
    title: str | None = None
    machine: str
    schedule: Literal["exclusive", "parallel"] | None = None
    repeats: int | None = None
    seed: int | None = None
    corpus: Pin | None = None
    taxonomy: TaxonomyPin


class CaseRecord(Record):
    """A prompt as an annotator saw it, written before the first annotation of that case.

    With it a session of annotations stands alone: it still says what was labelled when the file that the
    prompt came from has changed. `source` says where it stood there ("line 12"); it is the commit mark.
    """

    id: str
    prompt: str
    source: str


class QueueRecord(Record):
    """Somebody began to annotate: what, and in which order. `items` is the queue's length.

    `answers` are the sessions whose models were at hand; `suggest` says that their answers were shown before
    the label. The taxonomy is that of this opening, which may be newer than the header's.
    """

    at: Moment
    source: Pin
    answers: tuple[Pin, ...] = ()
    order: str
    seed: int
    items: int
    suggest: bool
    taxonomy_version: str
    taxonomy_sha256: str
    annotator: str


class Annotation(Record):
    """What a person said about a trial or a case: a label, an action, a note, or a note with either.

    "undo" takes back the latest event about the same target that still counts. `fit` says
    that no label fits, and this one is the nearest; `also` are labels that fit as well. A `draft` was not
    submitted. `seen` says what the annotator had been shown before: models'
    suggestions (`suggested` is their majority), or everything, after an earlier label. `decides` makes it an
    adjudication, with `note` as its reason: annotator -> the label that was decided between. `annotator`
    comes last: it is the commit mark.
    """

    id: str
    at: Moment
    trial: str | None = None
    case: str | None = None
    label: str | None = None
    fit: Fit | None = None
    also: tuple[str, ...] | None = None
    draft: Literal[True] | None = None
    action: Literal["skip", "flag", "undo"] | None = None
    note: str | None = None
    seen: Literal["suggestion", "reveal"] | None = None
    suggested: str | None = None
    decides: dict[str, str] | None = None
    annotator: str

    @model_validator(mode="after")
    def _says_one_thing_of_one_target(self) -> "Annotation":
        if (self.trial is None) == (self.case is None):
            raise ValueError("an annotation is about a trial or a case: exactly one of them")
        if self.label is not None and self.action is not None:
            raise ValueError("an annotation has a label or an action, not both")
        if self.label is None and self.action is None and self.note is None:
            raise ValueError("an annotation needs a label, an action or a note")
        if self.label is None and (self.fit or self.also or self.draft or self.decides):
            raise ValueError("only a label can be a draft, a decision, or say what fits besides, or nothing")
        return self

    @property
    def target(self) -> Target:
        """What the annotation is about."""
        return ("trial", self.trial) if self.trial is not None else ("case", self.case or "")


Event = AnyArmRecord | RunRecord | Mark | Trial | CaseRecord | QueueRecord | Annotation
KINDS: dict[str, tuple[type[Event], ...]] = {
    "arm": (ArmRecord, BaselineRecord, RemoteRecord),
    "run": (RunRecord,),
    "mark": (Mark,),
    "trial": (Trial,),
    "case": (CaseRecord,),
    "queue": (QueueRecord,),
    "annotation": (Annotation,),
}
"""What a record of each name may be; where there are several, its `kind` says which."""


@dataclass(frozen=True)
class State:
    """What the annotations of one target add up to. Labels that the taxonomy does not know are kept.

    `said` is the event that the label comes from; it has everything that was written with it.
    """

    label: str | None = None
    skipped: bool = False
    flagged: bool = False
    note: str | None = None
    said: Annotation | None = field(default=None, compare=False, repr=False)

    @property
    def draft(self) -> bool:
        """Whether the label was not submitted."""
        return self.said is not None and self.said.draft is True

    @property
    def fit(self) -> Fit | None:
        """What the annotator says of the fit of the label."""
        return self.said.fit if self.said else None


@dataclass
class Session:
    """A header and its events. `arms` holds the latest record of each arm by name."""

    header: Header
    arms: dict[str, AnyArmRecord] = field(default_factory=dict)
    runs: list[RunRecord] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    cases: dict[str, CaseRecord] = field(default_factory=dict)
    queues: list[QueueRecord] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    _standing: list[Annotation] = field(default_factory=list, repr=False)
    _by_target: dict[Target, list[Annotation]] = field(default_factory=lambda: defaultdict(list), repr=False)
    _last_id: dict[str, int] = field(default_factory=lambda: defaultdict(int), repr=False)

    def add(self, event: Event) -> None:
        """Fold one event in; constant time."""
        match event:
            case ArmRecord() | BaselineRecord() | RemoteRecord():
                self.arms[event.name] = event
            case RunRecord():
                self.runs.append(event)
            case Mark():
                self.marks.append(event)
            case Trial():
                self.trials.append(event)
                self._count("t", event.id)
            case CaseRecord():
                self.cases[event.id] = event
            case QueueRecord():
                self.queues.append(event)
            case Annotation():
                self.annotations.append(event)
                self._count("a", event.id)
                self._annotate(event)

    def current(self, target: str, kind: TargetKind = "trial") -> State:
        """What stands for a trial id (or, with kind="case", a case id)."""
        said: Annotation | None = None
        note: str | None = None
        skipped = flagged = False
        for event in self._by_target.get((kind, target), ()):
            if event.label is not None:
                said, skipped = event, False
            elif event.action == "skip":
                said, skipped = None, True
            elif event.action == "flag":
                flagged = True
            if event.note is not None:
                note = event.note or None
        return State(said.label if said else None, skipped, flagged, note, said)

    def standing(self) -> Mapping[Target, list[Annotation]]:
        """The annotations that no undo took back, by target, in the order of the first; none where one took
        back all."""
        return self._by_target

    def last_annotated(self, cases: Container[str] | None = None) -> Target | None:
        """The target of the latest annotation that still counts: what the next undo should name.

        With `cases`, only annotations of these cases are looked at.
        """
        standing = (event.target for event in reversed(self._standing))
        return next((t for t in standing if cases is None or (t[0] == "case" and t[1] in cases)), None)

    def keys(self) -> set[tuple[str, str, int]]:
        """Keys of finished trials, to resume by: a crash or timeout is a result, a cancelled trial is not."""
        return {trial.key for trial in self.trials if trial.status != "cancelled"}

    def next_trial_id(self) -> str:
        """A trial id not used in this session; each call gives another."""
        return self._next("t")

    def next_annotation_id(self) -> str:
        """An annotation id not used in this session; each call gives another."""
        return self._next("a")

    def _annotate(self, event: Annotation) -> None:
        stack = self._by_target[event.target]
        if event.action != "undo":
            stack.append(event)
            self._standing.append(event)
        elif stack:
            gone = stack.pop()
            at = next(i for i in range(len(self._standing) - 1, -1, -1) if self._standing[i] is gone)
            del self._standing[at]

    def _count(self, prefix: str, used: str) -> None:
        if used.startswith(prefix) and used[1:].isascii() and used[1:].isdigit() and len(used) < 16:
            self._last_id[prefix] = max(self._last_id[prefix], int(used[1:]))

    def _next(self, prefix: str) -> str:
        self._last_id[prefix] += 1
        return f"{prefix}{self._last_id[prefix]:06d}"


def pin_corpus(corpus: Corpus, path: Path) -> Pin:
    """The header's reference to a corpus."""
    return Pin(name=corpus.name, path=short_path(path), sha256=corpus.sha256)


def pin_taxonomy(taxonomy: Taxonomy, path: Path) -> TaxonomyPin:
    """The header's reference to a taxonomy."""
    return TaxonomyPin(
        name=taxonomy.name, path=short_path(path), sha256=taxonomy.sha256, families=dict(taxonomy.families)
    )


def pin_file(path: Path) -> Pin:
    """A reference to any other file: its bytes are what is pinned."""
    return Pin(name=path.stem, path=short_path(path), sha256=hashlib.sha256(read_bytes(path)).hexdigest())


def short_path(path: Path) -> str:
    """Relative to this folder where it lies below it, so that a session can move with its workspace."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def pinned_files(pin: Pin, session: Path, shipped: Path) -> list[Path]:
    """The files that may be what the session in `session` pins, likeliest first; `shipped` is the lab's own.

    A path in a file may come from a stranger: it is followed below this folder and the session's only.
    """
    inside = [Path.cwd().resolve(), session.resolve().parent]
    found = [folder / pin.path for folder in inside if isfile(folder / pin.path)]
    return [p for p in found if any(p.resolve().is_relative_to(d) for d in inside)] + [shipped]


def pinned(pin: Pin, session: Path, shipped: Path, model: type[H]) -> tuple[Path, H] | None:
    """The file with the pin's hash and what it says, or None where none of `pinned_files` has it."""
    for path in pinned_files(pin, session, shipped):
        with suppress(LabError):
            found = load_toml(path, model)
            if found.sha256 == pin.sha256:
                return path, found
    return None
