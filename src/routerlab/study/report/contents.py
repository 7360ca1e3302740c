"""Which sections a report has, in which order: of one result, or of several side by side."""

from collections.abc import Hashable, Iterable, Sequence

from routerlab.core.text import plural
from routerlab.study.report import words as w
from routerlab.study.report.blocks import Block, Cell, Lines, Section, table
from routerlab.study.report.plots.points import points, viable
from routerlab.study.report.sections import cases as listed
from routerlab.study.report.sections import labels as labelling
from routerlab.study.report.sections import origin, summary, trial
from routerlab.study.report.sections import performance as measuring
from routerlab.study.report.sections.kinds import kinds
from routerlab.study.report.subject import Subject, ranked


def sections(subjects: Sequence[Subject]) -> list[Section]:
    """All sections of a report of these results."""
    subjects = list(map(ranked, subjects))
    if len(subjects) == 1:
        return of_one(subjects[0], "r1")
    found = [side_by_side(subjects)]
    for i, subject in enumerate(subjects, 1):
        found += [Section(f"{subject.name} ({subject.path})", (), level=1), *of_one(subject, f"r{i}")]
    return found


def heading(subjects: Sequence[Subject]) -> tuple[str, list[str]]:
    """The title of a report of these results, and the facts below it."""
    if len(subjects) > 1:
        return f"{len(subjects)} results", [f"{i} {s.name}: {s.path}" for i, s in enumerate(subjects, 1)]
    (subject,) = subjects
    analysis, session = subject.analysis, subject.session
    counts = [
        plural(len(analysis.arms), "arm"),
        plural(analysis.cases, "case"),
        plural(analysis.trials, "trial"),
    ]
    begun = [w.date(session.header.created)] if session else []
    machine = [analysis.source.machine] if analysis.source.machine else []
    described = [subject.plan.description] if subject.plan and subject.plan.description else []
    return subject.name, [*described, " · ".join([*counts, *begun, *machine])]


def of_one(subject: Subject, name: str) -> list[Section]:
    """The sections of one result; `name` begins the names of its figures. What there is nothing to say of is
    left out."""
    own = trial.sections(subject.trial, name) if subject.trial else {}
    found: Iterable[Section | None] = (
        summary.verdict(subject),
        own.get("hypotheses"),
        own.get("flow"),
        summary.against(subject, name),
        summary.gates(subject),
        labelling.accuracy(subject),
        labelling.labels(subject),
        labelling.confusion(subject, name),
        kinds(subject),
        labelling.wrong(subject),
        listed.cases(subject),
        summary.pairs(subject),
        own.get("effects"),
        measuring.latency(subject, name),
        own.get("times"),
        measuring.costs(subject),
        own.get("economics"),
        own.get("misroutes"),
        measuring.confidence(subject, name),
        own.get("subgroups"),
        measuring.determinism(subject),
        own.get("looks"),
        origin.deviations(subject),
        own.get("protocol"),
        origin.provenance(subject),
    )
    return [section for section in found if section]


def side_by_side(subjects: Sequence[Subject]) -> Section:
    """The arms of all results in one table and one figure, and what the results do not have in common."""
    blocks: list[Block] = []
    if different := apart(subjects):
        blocks.append(Lines(("Not measured alike, so compare with care: " + "; ".join(different) + ".",)))
    rows = []
    for i, subject in enumerate(subjects, 1):
        for arm in subject.analysis.arms:
            said = subject.analysis.verdict.viable.get(arm.arm)
            p95 = w.quantile(arm.latency.p95 if arm.latency else None)
            gates = Cell(said, mark=said) if said else Cell(w.NONE)
            rows.append((f"{i} {subject.name}", arm.arm, gates, summary.accuracy_cell(arm), p95))
    found = [p for i, s in enumerate(subjects, 1) for p in points(s.analysis, f"{i} {s.name}: ")]
    if found:
        regions = {viable(subject.analysis.gates) for subject in subjects}
        region = regions.pop() if len(regions) == 1 else viable(())
        blocks.append(summary.scatter_figure("all-against", found, region))
    blocks.append(table(("Result", "Arm", "Gates", "Accuracy", "P95, ms"), rows, names=3, searched=True))
    return Section("Side by side", tuple(blocks), level=1)


def apart(subjects: Sequence[Subject]) -> list[str]:
    """What differs between results besides their arms, a phrase each."""
    facts: dict[str, Sequence[Hashable]] = {
        "machine": [s.analysis.source.machine for s in subjects],
        "corpus": [pin.sha256 if (pin := s.analysis.source.corpus) else None for s in subjects],
        "labels": [s.analysis.labels for s in subjects],
        "percentiles": [s.analysis.settings.percentile for s in subjects],
        "gates": [s.analysis.gates for s in subjects],
        "version of the lab": [s.analysis.source.lab_version for s in subjects],
    }
    return [f"another {what}" for what, values in facts.items() if len(set(values)) > 1]
