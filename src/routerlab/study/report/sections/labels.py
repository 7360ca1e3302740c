"""The sections about labels: accuracy in every sense, families, confusion, the cases that go wrong."""

from collections.abc import Sequence

from routerlab.core.text import plural
from routerlab.study.figures.arm import ArmFigures
from routerlab.study.figures.result import Analysis
from routerlab.study.report import words as w
from routerlab.study.report.blocks import Block, Cell, Figure, Fold, Grid, Lines, Row, Section, Table, table
from routerlab.study.report.subject import Subject

ABREAST = 10
"""Labels that are columns of one table, and up to which a table of all arms is made."""
DRAWN = 40
"""Labels up to which confusion matrices are drawn."""
LETTERS = "abcdefghijkl"
"""Names of the columns of a confusion matrix in figures; without so many there is none."""
CUT = 600
"""Characters of a prompt that are shown."""


def accuracy(subject: Subject) -> Section:
    """Exact match with its intervals, both weightings, task type, macro F1; how trials ended, parse rate."""
    analysis = subject.analysis
    judged = [_exact(arm) for arm in analysis.arms if arm.accuracy]
    exact = table(
        ("Arm", "Asked as", "Right", "Wilson", "Clopper-Pearson", "Bootstrap", "By trial"),
        judged,
        names=2,
        caption="Exact match. Repeats are averaged within a case; by trial: every trial counts the same.",
    )
    lenient = any(arm.lenient_rate for arm in analysis.arms)
    rows: list[Row] = [
        (
            arm.arm,
            ", ".join(f"{status} {n}" for status, n in arm.statuses.items()),
            w.estimate(arm.task_accuracy),
            w.estimate(arm.macro_f1),
            w.estimate(arm.parse_rate),
            *([w.estimate(arm.lenient_rate)] if lenient else []),
        )
        for arm in analysis.arms
    ]
    more = table(
        (
            *("Arm", "How trials ended", "Task type alone", "Macro F1", "Answers read"),
            *(["Read leniently"] if lenient else []),
        ),
        rows,
        names=2,
        caption="Task type alone: the right family, whatever the rest. Answers read: share with a label.",
    )
    return Section("Accuracy", (exact, more)) if judged else Section("Answers", (more,))


def _exact(arm: ArmFigures) -> tuple[Cell | str, ...]:
    found = arm.accuracy
    assert found is not None
    times = "" if arm.repeats == (1, 1) else f", {arm.repeats[0]} to {arm.repeats[1]} times"
    if arm.repeats[0] == arm.repeats[1] > 1:
        times = f", {arm.repeats[0]} times"
    return (
        arm.arm,
        arm.contract or w.NONE,
        Cell(w.share(found.value), f"{w.count(round(found.right, 1))} of {plural(found.n, 'case')}{times}"),
        w.ends(found.wilson),
        w.ends(found.clopper_pearson),
        w.ends(found.bootstrap),
        Cell(w.share(found.by_trial), w.interval(*(found.by_trial_bootstrap or (None, None)))),
    )


def labels(subject: Subject) -> Section | None:
    """F1 of every label and accuracy of every family; precision and recall of each arm."""
    analysis = subject.analysis
    arms = [arm for arm in analysis.arms if arm.accuracy]
    if not arms:
        return None
    blocks: list[Block] = []
    if len(analysis.labels) <= ABREAST:
        scores: list[Row] = [(arm.arm, *(w.share(score.f1) for score in arm.labels)) for arm in arms]
        blocks.append(table(("Arm", *analysis.labels), scores, caption="F1 of every label."))
    families = list(dict.fromkeys(analysis.families.values()))
    if families:
        of_arms: list[Row] = [
            (arm.arm, *(w.estimate(arm.families.get(family)) for family in families)) for arm in arms
        ]
        blocks.append(table(("Arm", *families), of_arms, caption="Accuracy by the family of the gold label."))
    blocks += [Fold(f"Precision, recall and F1 of {arm.arm}", (_scores(arm),)) for arm in arms]
    return Section("Labels and families", tuple(blocks), detail=True)


def _scores(arm: ArmFigures) -> Table:
    rows: list[Row] = [
        (
            score.label,
            str(score.support),
            w.share(score.precision),
            w.share(score.recall),
            Cell(w.share(score.f1), w.interval(score.low, score.high)),
        )
        for score in arm.labels
    ]
    return table(("Label", "Cases", "Precision", "Recall", "F1"), rows)


def confusion(subject: Subject, name: str) -> Section | None:
    """A heat map an arm."""
    analysis = subject.analysis
    arms = [arm for arm in analysis.arms if arm.confusion]
    if not arms:
        return None
    if len(analysis.labels) > DRAWN:
        text = f"With {len(analysis.labels)} labels a matrix cannot be read: see where cases go wrong, below."
        return Section("Confusion", (Lines((text,)),), detail=True)
    figures = tuple(_confused(arm, analysis, f"{name}-confusion-{i}") for i, arm in enumerate(arms))
    caption = (
        "Gold in rows, answers in columns, in cases; the deeper a cell, the larger its share of the row."
    )
    return Section("Confusion", (Grid(figures, caption),), detail=True)


def _confused(arm: ArmFigures, analysis: Analysis, name: str) -> Figure:
    def draw() -> str:
        from routerlab.study.report.plots.confusion import confusion as heat_map

        return heat_map(name, arm, analysis.labels)

    right = w.share(arm.accuracy.value if arm.accuracy else None)
    return Figure(
        name,
        f"Confusion matrix of {arm.arm}",
        draw,
        title=arm.arm,
        caption=f"accuracy {right}",
        table=matrix(arm, analysis.labels) if len(analysis.labels) <= len(LETTERS) else None,
    )


def matrix(arm: ArmFigures, labels: Sequence[str]) -> Table:
    """Gold in rows, answers in columns, in cases; columns are called by the letters of the rows."""
    counts = {(found.gold, found.label): found.n for found in arm.confusion}
    none = [None] if any(found.label is None for found in arm.confusion) else []

    def cell(gold: str, answer: str | None) -> Cell:
        n = counts.get((gold, answer))
        return Cell(w.count(round(n, 1)), mark="pass" if answer == gold else "fail") if n else Cell("·")

    rows: list[Row] = [
        (f"{letter} {gold}", *(cell(gold, answer) for answer in (*labels, *none)))
        for letter, gold in zip(LETTERS, labels, strict=False)
    ]
    return table(("Gold", *LETTERS[: len(labels)], *("none" for _ in none)), rows)


def wrong(subject: Subject) -> Section | None:
    """Where cases go wrong: the corridors of every arm, then the cases with their prompts."""
    arms = [arm for arm in subject.analysis.arms if arm.corridors]
    if not arms:
        return None
    blocks: list[Block] = [corridors(arm) for arm in arms]
    cases = _wrong_cases(arms)
    judged = sum(arm.accuracy is not None for arm in subject.analysis.arms)
    rows = [
        (
            Cell(w.cut(case)),
            Cell(gold),
            Cell(w.cut(subject.prompts[case], CUT) if case in subject.prompts else w.NONE),
            Cell("; ".join(f"{arm}: {label}" for arm, label in said)),
            Cell(f"{len({arm for arm, _ in said})} of {judged}"),
        )
        for case, gold, said in cases[: w.LISTED]
    ]
    listed = f"The {plural(len(cases), 'case')} that an arm gets wrong, the hardest first"
    if len(cases) > w.LISTED:
        listed += f" ({w.LISTED} of them)"
    heads = ("Case", "Gold", "Prompt", "Answers that are wrong", "Arms")
    blocks.append(Fold(listed, (table(heads, rows, names=4),), long=True))
    return Section("Where cases go wrong", tuple(blocks), detail=True)


def corridors(arm: ArmFigures) -> Fold:
    """Which label is taken for which, the busiest corridor first."""
    n = sum(cell.n for cell in arm.corridors)
    rows = [
        (Cell(f"{c.gold} → {c.label or 'no label'}"), Cell(w.some(c.cases)), Cell(w.count(round(c.n, 2))))
        for c in arm.corridors
    ]
    found = table(("Gold → answer", "Which", "Cases"), rows, names=2)
    return Fold(f"{arm.arm}: {w.count(round(n, 1))} of {plural(arm.cases, 'case')}", (found,))


def _wrong_cases(arms: Sequence[ArmFigures]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(case, gold, [(arm, wrong label)]), those that most arms get wrong first."""
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for arm in arms:
        for cell in arm.corridors:
            for case in cell.cases:
                found.setdefault(case, (cell.gold, []))[1].append((arm.arm, cell.label or "no label"))
    rows = [(case, gold, said) for case, (gold, said) in found.items()]
    return sorted(rows, key=lambda row: (-len({arm for arm, _ in row[2]}), row[0]))
