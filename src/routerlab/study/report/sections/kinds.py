"""The section about kinds of prompts: how well arms do on which language, length and source, and where no
label fits."""

from routerlab.study.figures.arm import ArmFigures, Grouping
from routerlab.study.figures.kinds import FEW
from routerlab.study.report import words as w
from routerlab.study.report.blocks import Block, Cell, Lines, Row, Section, table
from routerlab.study.report.subject import Subject

HEADS: dict[Grouping, str] = {"language": "Language", "length": "Length", "source": "Source", "fit": "Fit"}


def kinds(subject: Subject) -> Section | None:
    """A table for each thing that cases are grouped by, and how well familiarity tells what no label fits;
    None where nothing is known of the cases."""
    arms = subject.analysis.arms
    there = {figures.by for arm in arms for figures in arm.kinds}
    blocks: list[Block] = [_table(arms, by) for by in HEADS if by in there]
    if lines := [_apart(arm) for arm in arms if arm.apart]:
        blocks.append(Lines(tuple(lines)))
    if not blocks:
        return None
    said = (
        f"Languages and sources with fewer than {FEW} cases are told together. Of few answers ECE is large "
        "by chance alone. Words are what white space parts: Chinese and Japanese prompts have few."
    )
    return Section("Kinds of prompts", (*blocks, Lines((said,))), detail=True)


def _table(arms: tuple[ArmFigures, ...], by: Grouping) -> Block:
    """A row a kind and arm."""
    order = dict.fromkeys(figures.kind for arm in arms for figures in arm.kinds if figures.by == by)
    rows: list[Row] = [
        (
            figures.kind,
            arm.arm,
            str(figures.accuracy.n),
            Cell(w.share(figures.accuracy.value), w.interval(figures.accuracy.low, figures.accuracy.high)),
            w.share(figures.ece),
            w.share(figures.surely_wrong),
        )
        for kind in order
        for arm in arms
        for figures in arm.kinds
        if (figures.by, figures.kind) == (by, kind)
    ]
    return table((HEADS[by], "Arm", "Cases", "Accuracy", "ECE", "Wrong above .95"), rows, names=2)


def _apart(arm: ArmFigures) -> str:
    found = arm.apart
    assert found is not None
    ends = w.interval(found.low, found.high)
    return (
        f"{arm.arm}: AUROC {w.share(found.value)}{f' ({ends})' if ends else ''}, the chance that of a case "
        f"that no label fits ({found.unfit:,}) and another ({found.others:,}) the first is the less familiar."
    )
