"""What the results screen says of a result and of an arm. Pure functions."""

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text
from textual.content import Content

from routerlab.core.statistics.gates import Answer
from routerlab.core.text import printable
from routerlab.study.figures.arm import ArmFigures
from routerlab.study.figures.result import Analysis
from routerlab.study.report import words as w
from routerlab.study.report.subject import Subject
from routerlab.study.report.terminal import SIGNS
from routerlab.tui.shared.palette import Palette, rich_style
from routerlab.tui.shared.text import Part, fit, fit_name, milliseconds, one_line, probability

ANSWERS: dict[Answer, str] = {"pass": "✓ pass", "undecided": "? undecided", "fail": "✗ fail"}
NUMBERS = (("accuracy", 12), ("F1", 4), ("parse", 5), ("P50", 7), ("P95", 7), ("P95 interval", 18))
"""Columns of figures, with their widths; the last ones are left out where there is no room."""
LEAST = 16
"""Columns of an arm's name."""
LETTERS = "abcdefghijkl"
"""Names of columns of a confusion matrix; without so many there is none."""
CORRIDORS = 12
"""Corridors that are shown of an arm."""
LONGEST = 400
"""Characters of a name or a note."""


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
    counts = f"{len(analysis.arms)} arms, {analysis.cases} cases, {analysis.trials} trials"
    owed = f"   {subject.owed} answers missing" if subject.owed else ""
    name = one_line(subject.name, max(10, width - len(counts) - len(owed) - 3))
    return Content.assemble((name, "bold"), (f"   {counts}", p.dim), (owed, p.warn))


def verdict_text(analysis: Analysis, width: int, p: Palette) -> Content:
    """The decision and its arm on a line, below it the counts of gates and notes."""
    found, parts = analysis.verdict, list[Part]()
    decision = f"{found.decision.says}" + (f": {found.decision.primary}" if found.decision.primary else "")
    parts.append((one_line(decision, width), ""))
    tally: list[Part] = []
    for said, words in (("pass", "viable"), ("undecided", "undecided"), ("fail", "not viable")):
        n = sum(one == said for one in found.viable.values())
        tally.append((f"{n} {words}   ", answer_style(said, p) if n else p.faint))
    notes = f"{len(analysis.warnings)} notes (v)" if analysis.warnings else ""
    return Content.assemble(*parts, "\n", *tally, (notes, p.dim))


def arm_cells(
    analysis: Analysis, sign: Mapping[str, str], width: int, p: Palette
) -> tuple[list[tuple[str, int]], list[list[Text]]]:
    """The table of arms: headings with their widths, and rows; as many columns as there is room for."""
    room = width - LEAST - 2 - 12
    numbers = [n for i, n in enumerate(NUMBERS) if sum(size + 1 for _, size in NUMBERS[: i + 1]) <= room]
    longest = max((len(printable(arm.arm)) for arm in analysis.arms), default=LEAST)
    name = min(max(LEAST, longest), width - 2 - 12 - sum(size + 1 for _, size in numbers))

    def cell(text: str, style: str = "") -> Text:
        return Text(text, style=rich_style(style), no_wrap=True, end="")

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


def arm_text(arm: ArmFigures, labels: Sequence[str], width: int, p: Palette) -> Content:
    """Gates with what would decide them, the confusion matrix, where cases go wrong."""
    parts: list[Part] = [(one_line(arm.arm, width), "bold"), ("\n", "")]
    for gate in arm.gates if arm.accuracy else ():
        found = w.gated(gate)
        more = f"; {w.plural(gate.more, 'more case')} would decide" if gate.more is not None else ""
        more = "; how many more would decide is not known" if gate.undecidable else more
        said = ANSWERS[gate.answer] if gate.value is not None else "not measured"
        parts += [
            (f"{said:<12}", answer_style(gate.answer, p)),
            (f"{gate.gate}: {found.text}", ""),
            (f" ({found.note}){more}\n" if found.note else f"{more}\n", p.dim),
        ]
    if not arm.accuracy:
        parts.append(("asked for no label, or nobody knows what is right: no accuracy\n", p.dim))
    if arm.confusion and len(labels) <= len(LETTERS):
        parts += [("\n", ""), *_matrix(arm, labels, width, p)]
    parts += _corridors(arm, width, p)
    return Content.assemble(*parts)


def _matrix(arm: ArmFigures, labels: Sequence[str], width: int, p: Palette) -> Iterator[Part]:
    """Gold in rows, answers in columns, in cases; columns are called by the letters of the rows."""
    n = {(cell.gold, cell.label): cell.n for cell in arm.confusion}
    none = any(cell.label is None for cell in arm.confusion)
    answers = [*labels, *([None] if none else [])]
    size = 5
    name = max(8, min(max(map(len, labels)) + 2, width - size * len(answers)))
    heads = [*LETTERS[: len(labels)], *(["none"] if none else [])]
    yield (fit("gold", name) + "".join(head.rjust(size) for head in heads) + "\n", p.dim)
    for letter, gold in zip(LETTERS, labels, strict=False):
        yield (fit(f"{letter} {printable(gold)}", name), p.label(gold))
        for label in answers:
            value = n.get((gold, label), 0.0)
            style = p.faint if not value else p.good if label == gold else p.bad
            yield ((w.count(round(value, 1)) if value else "·").rjust(size), style)
        yield ("\n", "")


def _corridors(arm: ArmFigures, width: int, p: Palette) -> Iterator[Part]:
    if not arm.corridors:
        return
    yield ("\ngoes wrong\n", p.dim)
    for cell in arm.corridors[:CORRIDORS]:
        way = (
            f"{w.count(round(cell.n, 1)):>4}  {printable(cell.gold)} → {printable(cell.label or 'no label')}"
        )
        way = one_line(way, width) if len(way) > width else way
        yield (way, "")
        which = one_line(" ".join(case[:40] for case in cell.cases[:20]), max(0, width - len(way) - 2))
        yield (f"  {which}\n" if width - len(way) > 10 else "\n", p.dim)
    if more := len(arm.corridors) - CORRIDORS:
        yield (f"      and {more} more\n" if more > 0 else "", p.dim)


def whole_verdict(subject: Subject, p: Palette) -> Content:
    """The verdict with its reasons, the Pareto set, and every note."""
    analysis = subject.analysis
    found, decision = analysis.verdict, analysis.verdict.decision
    parts: list[Part] = [(f"gates: {', '.join(analysis.gates)}\n", p.dim)]
    for arm, said in found.viable.items():
        parts += [(f"  {ANSWERS[said]:<12}", answer_style(said, p)), (f"{one_line(arm, LONGEST)}\n", "")]
    if found.pareto:
        parts.append((f"\nPareto set over {', '.join(found.pareto.over)}\n", p.dim))
        parts += [(f"  {one_line(arm, LONGEST)}\n", "") for arm in found.pareto.members]
        for arm, by in found.pareto.dominated.items():
            parts.append((f"  {one_line(arm, LONGEST)} is dominated by {one_line(by, LONGEST)}\n", p.dim))
    rule = f" (rule {decision.row})" if decision.row else ""
    parts += [("\ndecision\n", p.dim), (f"  {one_line(decision.says, LONGEST)}{rule}\n", "")]
    if decision.primary:
        fallback = f"; fallback: {decision.fallback}" if decision.fallback else ""
        parts.append((f"  {one_line(f'first: {decision.primary}{fallback}', LONGEST)}\n", "bold"))
    parts += [(f"  because {one_line(reason, LONGEST)}\n", "") for reason in decision.reasons]
    if analysis.warnings:
        parts.append(("\nnotes\n", p.dim))
        parts += [(f"· {one_line(note, LONGEST)}\n", p.warn) for note in analysis.warnings]
    return Content.assemble(*parts)
