"""What there is to annotate: the prompts of a session, a corpus or a file of prompts, as queue items."""

import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from routerlab.annotate.corpus.prompts import prompt_id, read_prompts
from routerlab.annotate.desk.item import Opinion, QueueItem
from routerlab.annotate.ratings.pinned import asked, pinned_corpus, shown
from routerlab.annotate.ratings.ratings import collect
from routerlab.annotate.ratings.unit import Unit
from routerlab.core.corpus import check_corpus, fold
from routerlab.core.errors import LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.files.toml import read_bytes
from routerlab.core.names import Turn
from routerlab.core.session.file import peek_session, read_session
from routerlab.core.session.session import Pin, Session, pin_corpus, pin_file, pinned_files, short_path
from routerlab.core.session.snapshot import trim
from routerlab.core.taxonomy import Taxonomy
from routerlab.core.text import plural
from routerlab.paths import cache_dir, session_cache
from routerlab.resources import ROUTING60
from routerlab.version import __version__

Progress = Callable[[str, int, int], None]
"""Called with what is being read, how much of it is done, and of how much."""

MOST = 20
"""Indexes kept in the cache; the ones used longest ago go first."""


@dataclass(frozen=True)
class Source:
    """Items in the file's order; `notes` say what was left out or looks odd. `answers` are the sessions that
    others' labels and models' answers come from."""

    pin: Pin
    items: tuple[QueueItem, ...]
    notes: tuple[str, ...]
    answers: tuple[Pin, ...] = ()


def queue_cache() -> Path:
    """The folder of indexes: files read once, so that a long queue opens quickly the second time."""
    return cache_dir() / "queues"


def load_source(
    path: Path,
    taxonomy: Taxonomy,
    annotator: str,
    *,
    columns: Mapping[str, str] | None = None,
    turn: Turn = "first",
    near: float | None = None,
    answers: Sequence[Path] = (),
    progress: Progress = lambda what, done, total: None,
) -> Source:
    """The prompts in `path`, with what the models and the other annotators of `answers` said of them.

    A session's own trials and annotations count too; the annotator's own are no other's. `columns`, `turn`
    and `near` are for files of prompts (see corpus/prompts.py). What was read is kept in the cache, by
    the content of every file it came from. LabError naming file, place and remedy when a file is not what it
    should be.
    """
    key = _key([path, *answers], taxonomy, annotator, dict(columns or {}), turn, near)
    file = queue_cache() / f"{key}.json"
    if (known := _load(file)) is not None:
        return replace(known, pin=known.pin.model_copy(update={"path": short_path(path)}))
    source = _read(path, taxonomy, columns, turn, near, progress)
    sessions = [path, *answers] if is_session(path) else list(answers)
    if sessions:
        source = _with_answers(source, sessions, annotator, progress)
    _save(file, source)
    return source


def is_session(path: Path) -> bool:
    """Whether the file is a session rather than a corpus: both are TOML with `[[case]]`."""
    if path.suffix.lower() != ".toml":
        return False
    try:
        with path.open("rb") as f:
            head = f.read(65536).partition(b"\n[[")[0]
        return "lab_version" in tomllib.loads(head.decode())
    except (OSError, ValueError, RecursionError):
        return False


def _read(
    path: Path,
    taxonomy: Taxonomy,
    columns: Mapping[str, str] | None,
    turn: Turn,
    near: float | None,
    progress: Progress,
) -> Source:
    if is_session(path):
        session = read_session(path, lambda n, of: progress(path.name, n, of), session_cache()).session
        return _of_session(path, session)
    if path.suffix.lower() == ".toml":
        progress(path.name, 0, 1)
        return _of_corpus(path, taxonomy)
    read = read_prompts(path, taxonomy, columns=columns, turn=turn, near=near)
    items = tuple(
        QueueItem(case.id, case.prompt, source, case.label)
        for case, source in zip(read.cases, read.sources, strict=True)
    )
    notes = (f"read as {read.read_as}", *read.notes) if read.tool else read.notes
    return Source(pin_file(path), items, notes)


def _of_corpus(path: Path, taxonomy: Taxonomy) -> Source:
    corpus, faults = check_corpus(path, taxonomy)
    if len(corpus.by_id) < len(corpus.case):
        fatal = next(fault for fault in faults if "duplicate id" in fault)
        raise LabError(f"{fatal}; every case needs an id of its own")
    items = tuple(QueueItem(c.id, c.prompt, f"case {c.id}", c.label) for c in corpus.case)
    return Source(pin_corpus(corpus, path), items, tuple(faults))


def _of_session(path: Path, session: Session) -> Source:
    """Every question of the session once, in the order it was first asked or annotated."""
    header = session.header
    corpus = pinned_corpus(header.corpus, path) if header.corpus else None
    found: dict[str, QueueItem] = {}
    lost: set[str] = set()
    for trial in session.trials:
        prompt, case, gold = asked(trial, session, corpus)
        if prompt is None:
            lost.add(case or "")
            continue
        name = case or prompt_id(prompt)
        found.setdefault(name, QueueItem(name, prompt, f"trial {trial.id}", gold))
    for record in session.cases.values():
        gold = shown(record.id, session, corpus).gold
        found.setdefault(record.id, QueueItem(record.id, record.prompt, record.source, gold))
    if not found:
        raise LabError(f"{path}: holds no prompt to annotate; ask something in the lab first")
    notes = []
    if lost and header.corpus:
        notes.append(
            f"{path}: {plural(len(lost), 'case')} left out: their prompts are in {header.corpus.path}, which "
            "is not here as it was then"
        )
    return Source(pin_file(path), tuple(found.values()), tuple(notes))


def _with_answers(source: Source, sessions: Sequence[Path], annotator: str, progress: Progress) -> Source:
    collected = collect(sessions, progress=lambda n, of: progress("answers", n, of), cache=session_cache())
    units = collected.units
    items = tuple(_heard(item, units.get(fold(item.prompt)), annotator) for item in source.items)
    notes, answers = (*source.notes, *collected.notes), tuple(map(pin_file, sessions))
    return replace(source, items=items, notes=notes, answers=answers)


def _heard(item: QueueItem, unit: Unit | None, annotator: str) -> QueueItem:
    if unit is None:
        return item
    people = {
        name: Opinion(rating.label, rating.also, rating.note, rating.fit)
        for name, rating in unit.ratings.items()
        if name != annotator
    }
    gold = item.gold or unit.gold
    return replace(item, models=models_of(unit), familiar=unit.familiar, people=people, gold=gold)


def models_of(unit: Unit) -> dict[str, tuple[str, float | None]]:
    """Arm -> its label, and the probability it gave that label (None where it gave none)."""
    return {arm: (label, unit.sure[arm]) for arm, label in unit.models.items()}


# --- the index -------------------------------------------------------------------------------------------

_INDEX = TypeAdapter(Source)


def _key(paths: Sequence[Path], taxonomy: Taxonomy, *options: object) -> str:
    """Of everything that the items depend on: every file's content, and the options."""
    digest = hashlib.sha256(json.dumps([__version__, taxonomy.sha256, *map(str, options)]).encode())
    for path in paths:
        for file in [path, *_pinned_by(path)]:
            digest.update(hashlib.sha256(read_bytes(file)).digest() + file.suffix.encode())
    return digest.hexdigest()[:32]


def _pinned_by(path: Path) -> list[Path]:
    if not is_session(path):
        return []
    with suppress(LabError):
        pin = peek_session(path)[0].corpus
        return pinned_files(pin, path, ROUTING60) if pin else []
    return []


def _load(file: Path) -> Source | None:
    try:
        source = _INDEX.validate_json(file.read_bytes())
        file.touch()
    except (OSError, ValueError):
        return None
    return source


def _save(file: Path, source: Source) -> None:
    with suppress(OSError):  # it is only a cache
        file.parent.mkdir(parents=True, exist_ok=True)
        write_new(file, _INDEX.dump_json(source))
        trim(file.parent, MOST)
