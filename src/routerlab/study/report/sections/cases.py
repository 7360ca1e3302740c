"""The section with every arm's answer to every case, to be looked through on a page."""

from collections import Counter
from collections.abc import Sequence
from statistics import mean, median

from routerlab.study.figures.rows import Row, grouped
from routerlab.study.report import words as w
from routerlab.study.report.blocks import Answer, Asked, Cases, Mark, Section
from routerlab.study.report.sections.labels import CUT
from routerlab.study.report.subject import Subject

MOST = 20_000
"""Answers that a page lists: more would make it slow to open."""


def cases(subject: Subject) -> Section | None:
    """All cases, those that most arms get wrong first; None where there are only figures."""
    rows = [row for row in subject.rows if row.status != "cancelled"]
    if not rows:
        return None
    arms = [arm.arm for arm in subject.analysis.arms]
    said = (label for row in rows for label in (row.gold, row.label) if label)
    labels = tuple(dict.fromkeys([*subject.analysis.labels, *said]))
    by_case = grouped((row.case, row) for row in rows)
    found = [
        _asked(subject.prompts.get(case, ""), of_case, arms, labels) for case, of_case in by_case.items()
    ]
    found.sort(key=lambda asked: (-len(asked.wrong), not asked.split))
    listed = max(1, MOST // len(arms))
    caption = "Those that most arms get wrong stand first. Beside an answer: its probability, and its time."
    if len(found) > listed:
        caption += f" There are {len(found):,} cases; these are the first {listed:,}."
    return Section("Every answer", (Cases(tuple(found[:listed]), labels, tuple(arms), caption),), detail=True)


def _asked(prompt: str, rows: Sequence[Row], arms: Sequence[str], labels: Sequence[str]) -> Asked:
    """A case with these rows, all of them."""
    case, gold = rows[0].case, rows[0].gold or ""
    by_arm = grouped((row.arm, row) for row in rows)
    said = {row.label for row in rows if row.status != "unrouted"}
    wrong = {row.arm for row in rows if row.right is False}
    return Asked(
        name="" if case == prompt else w.cut(case),
        gold=gold,
        prompt=w.cut(prompt, CUT),
        answers=tuple(_answer(arm, by_arm[arm]) for arm in arms if arm in by_arm),
        labels=tuple(i for i, label in enumerate(labels) if label == gold or label in said),
        wrong=tuple(i for i, arm in enumerate(arms) if arm in wrong),
        split=len(said) > 1,
    )


def _answer(arm: str, rows: Sequence[Row]) -> Answer:
    """All repeats as one: what was answered how often, the mean probability, the median time."""
    counts = Counter(row.label or row.status for row in rows)
    text = ", ".join(f"{label} ({n})" if len(counts) > 1 else label for label, n in counts.most_common())
    judged = [row.right for row in rows if row.right is not None]
    mark: Mark = ""
    if judged:
        mark = "pass" if all(judged) else "undecided" if any(judged) else "fail"
    sure = [p for row in rows if (p := _sure(row)) is not None]
    times = [row.latency_ms for row in rows if row.latency_ms is not None]
    note = [f"{mean(sure):.2f}"] if sure else []
    note += [f"{w.milliseconds(median(times))} ms"] if times else []
    return Answer(arm, text, mark, " · ".join(note))


def _sure(row: Row) -> float | None:
    """The probability of the label that was answered, else what the model claims."""
    if row.label is not None and row.probabilities and row.label in row.probabilities:
        return row.probabilities[row.label]
    return row.confidence
