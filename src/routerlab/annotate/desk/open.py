"""Opening a desk: where labels are written, whether they fit what is there, and in which order."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from routerlab.annotate.desk.desk import Desk, Mode
from routerlab.annotate.desk.item import QueueItem
from routerlab.annotate.desk.order import Order, ordered
from routerlab.annotate.desk.source import Source
from routerlab.core.errors import LabError
from routerlab.core.session.file import SessionFile
from routerlab.core.session.parse import Progress
from routerlab.core.session.session import QueueRecord, Session
from routerlab.core.taxonomy import Taxonomy
from routerlab.core.text import plural
from routerlab.engine.lab.materials import Materials, new_header
from routerlab.paths import session_cache


@dataclass(frozen=True)
class Wanted:
    """How to annotate: by whom, in which mode and order, with which taxonomy, written where."""

    annotator: str
    session: Path
    taxonomy: Taxonomy
    taxonomy_path: Path
    mode: Mode = "blind"
    order: Order = "file"
    seed: int = 0


def session_path(folder: Path, stem: str, annotator: str) -> Path:
    """Where an annotator's labels of a file go, the same at every opening: STEM.NAME.toml."""
    name = re.sub(r"[^\w.-]+", "-", annotator)
    return folder / f"{stem}.{name}.toml"


def open_desk(
    source: Source, wanted: Wanted, progress: Progress | None = None
) -> tuple[Desk, tuple[str, ...]]:
    """The desk, going on where its session stopped, and notes to show.

    The session's file is locked until `desk.file.close()`. That it was opened, with which order and seed, is
    recorded. LabError when the file is another annotator's, open elsewhere, or was made from other prompts.
    """
    items = [source.items[i] for i in ordered(source.items, wanted.order, wanted.seed)]
    if not items:
        raise LabError(f"{source.pin.path}: nothing to label in the order {wanted.order!r}")
    path = wanted.session
    if path.exists():
        file = SessionFile.open(path, progress, session_cache())
    else:
        materials = Materials(wanted.taxonomy, wanted.taxonomy_path, None, None)
        file = SessionFile.create(path, new_header(materials, title=f"annotations by {wanted.annotator}"))
    record = QueueRecord(
        at=datetime.now(UTC),
        source=source.pin,
        answers=source.answers,
        order=wanted.order,
        seed=wanted.seed,
        items=len(items),
        suggest=wanted.mode == "suggest",
        taxonomy_version=wanted.taxonomy.version,
        taxonomy_sha256=wanted.taxonomy.sha256,
        annotator=wanted.annotator,
    )
    try:
        notes = _notes(file, wanted, items)
        file.append(record)
    except BaseException:
        file.close()
        raise
    return Desk(items, file, wanted.annotator, wanted.taxonomy, wanted.mode), (*source.notes, *notes)


def _notes(file: SessionFile, wanted: Wanted, items: Sequence[QueueItem]) -> tuple[str, ...]:
    session, path = file.session, file.path
    if session.trials:
        raise LabError(f"{path}: is a session of the lab; name another file with --session")
    others = {queue.annotator for queue in session.queues} - {wanted.annotator}
    if others:
        raise LabError(
            f"{path}: holds the labels of {sorted(others)[0]}, not of {wanted.annotator}; name another file "
            "with --session"
        )
    prompts = {item.id: item.prompt for item in items}
    for case in session.cases.values():
        if prompts.get(case.id, case.prompt) != case.prompt:
            raise LabError(
                f"{path}: {case.id} was labelled there with another prompt ({case.source}); name another "
                "file with --session"
            )
    notes = []
    if file.torn:
        notes.append(f"{path}: an unfinished record of {file.torn} bytes was set aside in {file.torn_path}")
    if old := _unknown(session, wanted.taxonomy):
        names = ", ".join(f"{label} ({n})" for label, n in old.most_common(5))
        notes.append(
            f"{path}: {plural(old.total(), 'label is', 'labels are')} not in taxonomy {wanted.taxonomy.name} "
            f"{wanted.taxonomy.version}, and kept: {names}"
        )
    return tuple(notes)


def _unknown(session: Session, taxonomy: Taxonomy) -> Counter[str]:
    states = (session.current(name, kind) for kind, name in session.standing())
    return Counter(s.label for s in states if s.label is not None and s.label not in taxonomy.labels)
