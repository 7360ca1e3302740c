"""Trials for tests: a protocol of arms that need no model, and sessions as a run would have left them."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from routerlab.core.corpus import Corpus
from routerlab.core.files.toml import canonical_json, load_toml
from routerlab.core.prediction import Latency, Status, Tokens, Trial
from routerlab.core.session.arm import BaselineRecord
from routerlab.core.session.file import SessionFile
from routerlab.core.session.run import Mark, RunRecord
from routerlab.core.session.session import Header, pin_corpus, pin_taxonomy
from routerlab.study.trial.protocol.assignment import Planned
from routerlab.study.trial.protocol.lock import Lock, lock_path, make_lock, write_lock
from routerlab.study.trial.protocol.registration import Registered, register

LABELS = ("code/simple", "code/complex", "CoT/simple", "CoT/complex", "hybrid/agentic", "hybrid/generative")

PROTOCOL = """schema_version = 1
name = "small"
corpus = "{corpus}"
sessions = {sessions}
seed = 7
resamples = 500
{more}

[[arm]]
ask = "control"
[[arm]]
ask = "baseline:keywords"
[[arm]]
ask = "baseline:majority"

[traffic]
pattern = "poisson"
rate = {rate}
{traffic}

[looks]
{looks}

[[hypothesis]]
id = "H5"
says = "Routers differ in accuracy"
endpoint = "accuracy"
[[hypothesis]]
id = "H6"
says = "Routing saves a quarter"
endpoint = "cost"
limit = 0.75
[[hypothesis]]
id = "H7"
says = "Macro F1 is at least 0.6"
endpoint = "macro_f1"
limit = 0.6
[[hypothesis]]
id = "H7b"
says = "F1 of hybrid/agentic is at least 0.6"
endpoint = "f1:hybrid/agentic"
limit = 0.6
[[hypothesis]]
id = "H8"
says = "P95 is at most 2000 ms"
endpoint = "p95"
limit = 2000

[cost]
date = 2026-11-24
[[cost.machine]]
arms = ["keywords", "majority"]
per_hour = 3.6
"""


def corpus_file(folder: Path, n: int = 30) -> Path:
    """A corpus of n cases whose labels go round."""
    head = 'schema_version = 1\nname = "round"\ntaxonomy = "front-door"\n'
    cases = (
        f'\n[[case]]\nid = "c{i}"\nprompt = "prompt number {i}"\nlabel = "{LABELS[i % 6]}"\n'
        f'difficulty = "{"hard" if i % 2 else "easy"}"\n'
        for i in range(n)
    )
    path = folder / "round.toml"
    path.write_text(head + "".join(cases))
    return path


def protocol_file(
    folder: Path,
    cases: int = 30,
    sessions: int = 30,
    rate: float = 200.0,
    looks: str = "",
    traffic: str = "",
    more: str = "",
    instead: tuple[str, str] = ("", ""),
) -> Path:
    """A protocol with its corpus; `more`, `looks` and `traffic` are lines of TOML, `instead` is a text of the
    protocol and what stands there."""
    path = folder / "protocol.toml"
    corpus = corpus_file(folder, cases)
    text = PROTOCOL.format(
        corpus=corpus, sessions=sessions, rate=rate, looks=looks, traffic=traffic, more=more
    )
    assert instead[0] in text
    path.write_text(text.replace(*instead) if instead[0] else text)
    return path


def locked(path: Path) -> tuple[Registered, Lock]:
    """The protocol, and a lock beside it."""
    work = register(path)
    lock = make_lock(work)
    write_lock(lock_path(path), lock)
    return work, lock


def run_record(lock: Lock, **changes: object) -> RunRecord:
    return RunRecord(
        at=lock.locked_at + timedelta(minutes=5),
        kind="trial",
        name=lock.name,
        plan=canonical_json(lock),
        percentile="study",
        command="routerlab trial run protocol.toml",
        versions={"routerlab": "0.1.0"},
        seed=7,
        sha256=lock.sha256,
    ).model_copy(update=changes)


Answer = tuple[Status, str | None, float]
"""Status, label, and milliseconds of service."""


def session_file(
    folder: Path,
    protocol: Path,
    answer: Callable[[Planned, str], Answer | None],
    end: str | None = "every session is answered",
    queue_ms: float = 50.0,
    due_every_s: float = 3600.0,
    marks: Iterable[Mark] = (),
) -> Path:
    """A session in which every planned session got what `answer` gives for it and its gold label; None: not
    sent. The sessions of an arm are due `due_every_s` after each other."""
    work, lock = locked(protocol)
    corpus = load_toml(work.corpus_path, Corpus)
    path = folder / "session.toml"
    now = datetime.now(UTC)
    header = Header(
        id="s",
        created=now,
        lab_version="0.1.0",
        machine="a machine",
        schedule="exclusive",
        repeats=1,
        corpus=pin_corpus(corpus, work.corpus_path),
        taxonomy=pin_taxonomy(work.taxonomy, work.taxonomy_path),
    )
    with SessionFile.create(path, header) as file:
        file.append(run_record(lock))
        for name, contract in (("control", "none"), ("keywords", "keywords"), ("majority", "majority")):
            file.append(
                BaselineRecord.model_validate(
                    {"at": now, "kind": "baseline", "contract": contract, "load_ms": 0.0, "name": name}
                )
            )
        for planned in work.planned():
            gold = corpus.by_id[planned.case].label or ""
            found = ("unrouted", None, 1.0) if planned.arm == "control" else answer(planned, gold)
            if found is not None:
                status, label, ms = found
                file.append(
                    Trial(
                        id=f"t{planned.index:06d}",
                        at=now,
                        arm=planned.arm,
                        case=planned.case,
                        repeat=planned.repeat,
                        gold=gold,
                        status=status,
                        label=label,
                        latency_ms=Latency(queue=queue_ms, total=ms),
                        tokens=Tokens(evaluated=100, generated=2),
                        session=planned.id,
                        due=now + timedelta(seconds=due_every_s * (planned.index // 3)),
                        contended=False,
                    )
                )
        for mark in marks:
            file.append(mark)
        if end is not None:
            file.append(Mark(at=now, reason=end, kind="end"))
    return path
