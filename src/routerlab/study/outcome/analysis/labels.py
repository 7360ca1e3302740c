"""Labels that routers and annotators gave prompts, joined to tasks by the prompt's hash, or the task's id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from routerlab.annotate.formats.rows import read_rows
from routerlab.annotate.ratings.pinned import asked, pinned_corpus, shown
from routerlab.core.corpus import Corpus, prompt_sha256
from routerlab.core.errors import Faults, LabError
from routerlab.core.session.file import read_session
from routerlab.core.session.session import Session
from routerlab.study.outcome.matrix import Matrix


@dataclass
class Labelled:
    """Who gave labels, by the hash of prompts, and by ids of tasks. None is an answer without a label to act
    on: the router abstained, or failed."""

    name: str
    kind: Literal["router", "annotator"]
    by_sha256: dict[str, str | None] = field(default_factory=dict)
    by_task: dict[str, str | None] = field(default_factory=dict)


def joined(matrix: Matrix, given: Labelled) -> tuple[tuple[str | None, ...], int]:
    """A label a task, and of how many there was no answer at all."""
    labels: list[str | None] = []
    missing = 0
    for task, sha256 in zip(matrix.tasks, matrix.prompt_sha256, strict=True):
        known: Mapping[str, str | None] = given.by_sha256 if sha256 in given.by_sha256 else given.by_task
        key = sha256 if known is given.by_sha256 and sha256 else task
        labels.append(known.get(key))
        missing += key not in known
    return tuple(labels), missing


def read_labels(path: Path) -> list[Labelled]:
    """What a session (.toml) or a table of labels says; LabError when it has none.

    A table (CSV, TSV, JSONL, Parquet) has the columns `prompt_sha256` or `task`, `label` (empty: none to act
    on), and `arm` or `annotator` (else the file's name is the router's).
    """
    found: dict[tuple[str, str], Labelled] = {}
    if path.suffix.lower() == ".toml":
        _read_session(path, found)
    else:
        _read_table(path, found)
    if not found:
        raise LabError(f"{path}: there are no labels in it; replay the tasks' prompts first")
    return list(found.values())


def _giver(
    found: dict[tuple[str, str], Labelled], name: str, kind: Literal["router", "annotator"]
) -> Labelled:
    return found.setdefault((kind, name), Labelled(name, kind))


def _read_table(path: Path, found: dict[tuple[str, str], Labelled]) -> None:
    faults = Faults(path)
    for line, row in read_rows(path, faults).rows:
        label = row.get("label") or None
        if not (row.get("prompt_sha256") or row.get("task")) or "label" not in row:
            faults.add(line, "a row needs `prompt_sha256` or `task`, and `label`")
            continue
        if label is not None and not isinstance(label, str):
            faults.add(line, f"the label {label!r} is no text")
            continue
        annotator = row.get("annotator")
        giver = _giver(
            found, str(annotator or row.get("arm") or path.stem), "annotator" if annotator else "router"
        )
        if row.get("prompt_sha256"):
            giver.by_sha256[str(row["prompt_sha256"])] = label
        if row.get("task"):
            giver.by_task[str(row["task"])] = label
    faults.end()


def _read_session(path: Path, found: dict[tuple[str, str], Labelled]) -> None:
    session = read_session(path).session
    pin = session.header.corpus
    corpus = pinned_corpus(pin, path) if pin else None
    unknown = _trials(session, corpus, found)
    trials = {trial.id: trial for trial in session.trials}
    for kind, target in session.standing():
        state = session.current(target, kind)
        if state.label is None or state.said is None or state.draft:
            continue
        prompt = None
        if kind == "case":
            prompt = shown(target, session, corpus).prompt
        elif target in trials:
            prompt = asked(trials[target], session, corpus).prompt
        if prompt is not None:
            giver = _giver(found, state.said.annotator, "annotator")
            giver.by_sha256[prompt_sha256(prompt)] = state.label
    if unknown and not found:
        name = pin.path if pin else "its corpus"
        raise LabError(f"{path}: the prompts are in {name}, which is not at hand; run this in its folder")


def _trials(session: Session, corpus: Corpus | None, found: dict[tuple[str, str], Labelled]) -> int:
    """Add what arms said, the latest counts; how many trials were of prompts that are not at hand."""
    unknown = 0
    for trial in session.trials:
        if trial.status in ("unrouted", "cancelled"):
            continue
        prompt = asked(trial, session, corpus).prompt
        if prompt is None:
            unknown += 1
        else:
            _giver(found, trial.arm, "router").by_sha256[prompt_sha256(prompt)] = trial.routed
    return unknown
