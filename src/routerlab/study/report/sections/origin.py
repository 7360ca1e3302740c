"""The sections that say how far the figures can be trusted: harmony, deviations, and where all is from."""

import json
from collections.abc import Iterator, Sequence

from routerlab.core.session.arm import AnyArmRecord, BaselineRecord
from routerlab.core.session.run import Mark, RunRecord
from routerlab.core.session.session import Pin, Session
from routerlab.core.text import plural
from routerlab.study.benchmark.watch import smoothed, spread
from routerlab.study.report import words as w
from routerlab.study.report.blocks import Block, Code, Fold, Lines, Section, Table, facts, table
from routerlab.study.report.subject import Subject

_KINDS = {
    "difference": "What the arms do not have in common",
    "leak": "What the arms have seen of the test",
    "deviation": "What was not as planned",
}
"""How the notes of an analysis begin that are marks of its session -> what they are."""
_NAMES = {"model_sha256": "model SHA-256", "llama_cpp": "llama.cpp", "n_ctx": "context", "at": "ready"}


def deviations(subject: Subject) -> Section:
    """Harmony, and everything that a reader should know before believing the figures."""
    found: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    others: list[str] = []
    for note in subject.notes:
        kind, _, rest = note.partition(": ")
        found.get(kind, others).append(rest if kind in found else note)
    blocks: list[Block] = []
    for title, lines in (*((_KINDS[kind], found[kind]) for kind in _KINDS), ("Notes on the figures", others)):
        if lines:
            blocks.append(_listed(title, lines))
    excluded = {one.case: one.reason for one in subject.plan.exclude} if subject.plan else {}
    if subject.trial:
        excluded = subject.trial.flow.excluded
    if excluded:
        blocks.append(_listed("Cases that were not asked", [f"{c}: {why}" for c, why in excluded.items()]))
    if not blocks:
        blocks.append(
            Lines(("None: the arms are alike, and everything was as planned, as far as is recorded.",))
        )
    if speed := list(_speed(subject.session.marks if subject.session else ())):
        blocks.append(Lines(tuple(speed)))
    return Section("Harmony and deviations", tuple(blocks))


def _listed(title: str, lines: Sequence[str]) -> Table:
    return table((title,), [(line,) for line in lines])


def _speed(marks: Sequence[Mark]) -> Iterator[str]:
    """How even the machine was: the same question, now and then."""
    times: dict[str, list[float]] = {}
    for mark in marks:
        if mark.kind == "reference" and mark.arm and mark.took_ms and mark.status in ("ok", "unparsed"):
            times.setdefault(mark.arm, []).append(mark.took_ms)
    for arm, own in times.items():
        if (far := spread(smoothed(own))) is not None:
            yield (
                f"Speed of the machine: {arm} was asked the same question {len(own)} times in between; its "
                f"time kept within {far:.0%} of the median."
            )


def provenance(subject: Subject) -> Section:
    """Where everything is from, with hashes, versions, seeds and the exact command."""
    analysis, session = subject.analysis, subject.session
    source, settings = analysis.source, analysis.settings
    blocks: list[Block] = [
        facts(
            [
                ("Result", source.path),
                ("SHA-256", source.sha256),
                ("Session", source.session),
                ("Begun", w.date(session.header.created) if session else None),
                ("Answers", _when(session) if session else None),
                ("Machine", source.machine),
                ("Lab version", source.lab_version),
                ("Corpus", _pin(source.corpus)),
                ("Taxonomy", _pin(source.taxonomy)),
                ("Schedule", source.schedule),
                (
                    "Columns",
                    ", ".join(f"{need}: {column}" for need, column in (source.columns or {}).items()),
                ),
                (
                    "Trials",
                    f"{analysis.trials} of {plural(analysis.cases, 'case')}, {analysis.cancelled} cancelled",
                ),
                ("Gates", ", ".join(analysis.gates)),
                ("Percentiles", f"convention {settings.percentile!r}"),
                (
                    "Intervals",
                    f"{settings.confidence:.0%}; {settings.resamples:,} resamples, seed {settings.seed}",
                ),
                ("Tests", f"at level {settings.alpha:g}"),
                ("Prices", analysis.priced),
                ("Analysed by", f"routerlab {analysis.lab_version}"),
            ]
        )
    ]
    runs = session.runs if session else []
    blocks += [_run(run, i, len(runs)) for i, run in enumerate(runs, 1)]
    if runs and not subject.trial:  # a trial has its protocol in a section of its own
        plan = json.dumps(json.loads(runs[-1].plan), indent=2, ensure_ascii=False)
        blocks.append(Fold("The plan", (Code(plan),), long=True))
    blocks += [Fold(f"Arm {arm.arm}", (_arm(arm.record),), long=True) for arm in analysis.arms if arm.record]
    return Section("Provenance", tuple(blocks), detail=True)


def _run(run: RunRecord, i: int, of: int) -> Table:
    number = f" {i} of {of}" if of > 1 else ""
    return facts(
        [
            (f"Run{number}", f"{run.kind} {run.name}, {w.date(run.at)}"),
            ("Command", run.command),
            ("Versions", ", ".join(f"{what} {version}" for what, version in run.versions.items())),
            ("Seed", str(run.seed)),
            ("Plan SHA-256", run.sha256),
        ]
    )


def _arm(record: AnyArmRecord) -> Table:
    """Everything that is recorded of an arm, and of the arms that it asks."""
    rows: list[tuple[str, str | None]] = []
    members = record.member if isinstance(record, BaselineRecord) else ()
    for prefix, one in (("", record), *((f"{member.name}: ", member) for member in members)):
        for key, value in one.model_dump(mode="json", exclude_none=True, exclude={"member"}).items():
            text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
            rows.append((prefix + _NAMES.get(key, key.replace("_", " ").replace("sha256", "SHA-256")), text))
    return facts(rows)


def _pin(pin: Pin | None) -> str | None:
    return f"{pin.name}, {pin.path}, SHA-256 {pin.sha256}" if pin else None


def _when(session: Session) -> str | None:
    if not session.trials:
        return None
    return f"{w.date(min(t.at for t in session.trials))} to {w.date(max(t.at for t in session.trials))}"
