"""What the results screen says of a result and of an arm. Pure functions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rich.console import Group
from rich.text import Text
from textual.content import Content

from routerlab.core.statistics.gates import Answer
from routerlab.core.text import plural, printable
from routerlab.study.figures.arm import ArmFigures
from routerlab.study.figures.result import Analysis
from routerlab.study.report import words as w
from routerlab.study.report.blocks import Mark
from routerlab.study.report.plots.characters import SIGNS
from routerlab.study.report.sections import labels as labelling
from routerlab.study.report.sections import origin, summary
from routerlab.study.report.subject import Subject
from routerlab.study.report.terminal import shown
from routerlab.tui.shared.palette import Palette, cell, rich_style
from routerlab.tui.shared.text import Part, fit, fit_name, milliseconds, one_line, probability

ANSWERS: dict[Answer, str] = {"pass": "✓ pass", "undecided": "? undecided", "fail": "✗ fail"}
NUMBERS = (("accuracy", 12), ("F1", 4), ("parse", 5), ("P50", 7), ("P95", 7), ("P95 interval", 18))
"""Columns of figures, with their widths; the last ones are left out where there is no room."""
LEAST = 16
"""Columns of an arm's name."""
LONGEST = 400
"""Characters of a name."""


def answer_style(said: str | None, p: Palette) -> str:
    """The colour of a gate's answer."""
    return {"pass": p.good, "undecided": p.warn, "fail": p.bad}.get(said or "", p.dim)


def signs(analysis: Analysis, drawn: Sequence[str]) -> dict[str, str]:
    """Arm -> what stands for it in the plot of the arms in `drawn`; a space for the others."""
    of = dict(zip(drawn, SIGNS, strict=False))
    return {arm.arm: of.get(arm.arm, " ") for arm in analysis.arms}


def head_text(subject: Subject, width: int, p: Palette) -> Content:
    """Whose result it is, and of how much."""
    analysis = subject.analysis
    sizes = ((len(analysis.arms), "arm"), (analysis.cases, "case"), (analysis.trials, "trial"))
    counts = ", ".join(plural(n, what) for n, what in sizes)
    owed = f"   {plural(subject.owed, 'answer')} missing" if subject.owed else ""
    name = one_line(subject.name, max(10, width - len(counts) - len(owed) - 3))
    return Content.assemble((name, "bold"), (f"   {counts}", p.dim), (owed, p.warn))


def verdict_text(subject: Subject, width: int, p: Palette) -> Content:
    """The decision and its arm on a line, below it the counts of gates and notes."""
    found, parts = subject.analysis.verdict, list[Part]()
    decision = f"{found.decision.says}" + (f": {found.decision.primary}" if found.decision.primary else "")
    parts.append((one_line(decision, width), ""))
    tally: list[Part] = []
    for said, words in (("pass", "viable"), ("undecided", "undecided"), ("fail", "not viable")):
        n = sum(one == said for one in found.viable.values())
        tally.append((f"{n} {words}   ", answer_style(said, p) if n else p.dim))
    notes = f"{plural(len(subject.notes), 'note')} (v)" if subject.notes else ""
    return Content.assemble(*parts, "\n", *tally, (notes, p.dim))


def arm_cells(
    analysis: Analysis, sign: Mapping[str, str], width: int, p: Palette
) -> tuple[list[tuple[str, int]], list[list[Text]]]:
    """The table of arms: headings with their widths, and rows; as many columns as there is room for."""
    room = width - LEAST - 2 - 12
    numbers = [n for i, n in enumerate(NUMBERS) if sum(size + 1 for _, size in NUMBERS[: i + 1]) <= room]
    longest = max((len(printable(arm.arm)) for arm in analysis.arms), default=LEAST)
    name = min(max(LEAST, longest), width - 2 - 12 - sum(size + 1 for _, size in numbers))

    rows = []
    for arm in analysis.arms:
        said = analysis.verdict.viable.get(arm.arm)
        figures = [text.rjust(size) for text, (_, size) in zip(_figures(arm), numbers, strict=False)]
        rows.append(
            [
                cell(sign[arm.arm], "bold"),
                cell(fit_name(printable(arm.arm[:LONGEST]), name)),
                cell(fit(ANSWERS[said] if said else "-", 11), answer_style(said, p)),
                *map(cell, figures),
            ]
        )
    heads = [("", 1), ("arm", name), ("gates", 11), *((head.rjust(size), size) for head, size in numbers)]
    return heads, rows


def _figures(arm: ArmFigures) -> Iterator[str]:
    accuracy, times = arm.accuracy, arm.latency
    ends = f"{probability(accuracy.wilson[0])}-{probability(accuracy.wilson[1])}" if accuracy else ""
    yield f"{probability(accuracy.value)} {ends}" if accuracy else "-"
    yield probability(arm.macro_f1.value) if arm.macro_f1 else "-"
    yield probability(arm.parse_rate.value) if arm.parse_rate else "-"
    yield milliseconds(times.p50.value) if times else "-"
    yield milliseconds(times.p95.value) if times else "-"
    yield w.times(times.p95.low, times.p95.high) if times else "-"


def arm_view(subject: Subject, arm: ArmFigures, p: Palette) -> Group:
    """Gates with what would decide them, the confusion matrix, where cases go wrong."""
    one = replace(subject, analysis=subject.analysis.model_copy(update={"arms": (arm,)}))
    found = (summary.gates(one), labelling.confusion(one, "arm"), labelling.wrong(one))
    why = "" if arm.accuracy else "asked for no label, or nobody knows what is right: no accuracy\n"
    return Group(
        Text(one_line(arm.arm, LONGEST), style="bold"),
        Text(why, style=rich_style(p.dim)),
        *shown([section for section in found if section], _marks(p)),
    )


def wrong_cases(subject: Subject, arm: str) -> list[tuple[str, str]]:
    """The arm's wrong answers ("gold → label") and their prompts, where the result has these; a case once."""
    found: dict[str, tuple[str, str]] = {}
    for row in subject.rows:
        prompt = subject.prompts.get(row.case)
        if row.arm == arm and row.gold is not None and row.label != row.gold and prompt is not None:
            found.setdefault(row.case, (f"{row.gold} → {row.label or row.status}", prompt))
    return list(found.values())


def whole_verdict(subject: Subject, p: Palette) -> Group:
    """The verdict with its reasons, the Pareto set, and every note."""
    return Group(*shown([summary.verdict(subject), origin.deviations(subject)], _marks(p)))


def _marks(p: Palette) -> dict[Mark, str]:
    answers: tuple[Answer, ...] = ("pass", "undecided", "fail")
    return {said: rich_style(answer_style(said, p)) for said in answers}
