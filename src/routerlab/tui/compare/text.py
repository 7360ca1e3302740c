"""What the compare screen says, in words and in grids of cells. Pure functions."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from textual.content import Content

from routerlab.core.statistics.agreement import pairwise
from routerlab.core.taxonomy import short_labels
from routerlab.core.text import plural, printable
from routerlab.study.figures.arm import ArmFigures
from routerlab.study.report import words as w
from routerlab.study.report.subject import Subject
from routerlab.tui.compare.sides import Kind, Paired, Side
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import Part, abbreviations, fit, fit_name, milliseconds, one_line, probability

VIEWS = ("cases", "confusion", "agreement", "reliability", "latency")
SHOWN = 300
"""Cases that are listed; the others are counted."""
MOST = 16
"""Labels, or arms, up to which a grid can be read."""
CELL = 6
BESIDE = 64
"""Columns of the grids beside the cases."""
SHADES = " ░▒▓█"
"""A share in four steps: what is not empty has a shade."""
SAYS: dict[Kind, tuple[str, str]] = {
    "b": ("+", "only b is right"),
    "a": ("-", "only a is right"),
    "both": ("≠", "both are wrong, in different ways"),
    "unknown": ("?", "different labels, and nobody knows which is right"),
}
BETWEEN: dict[Kind, str] = {"b": "got better", "a": "got worse"}
"""What it means where a is before and b after."""


def shade(share: float) -> str:
    """A sign for a share of 0..1."""
    return SHADES[0 if share <= 0 else min(4, 1 + int(share * 4))]


def sides_text(a: Side, b: Side, width: int, p: Palette) -> Content:
    """The two arms, a line each, with what decides."""
    before = a.subject is not b.subject
    lines = []
    for sign, side in (("a", a), ("b", b)):
        figures = side.figures
        when = f"{'before' if sign == 'a' else 'after'} " if before else ""
        place = f"  in {one_line(side.subject.name, 30)}" if before else ""
        facts = _facts(figures)
        name = one_line(side.arm, max(12, width - len(facts) - len(place) - len(when) - 6))
        lines.append(
            Content.assemble(
                (f"{sign} ", f"bold {p.accent}"),
                (when, p.dim),
                (name, "bold"),
                (place, p.dim),
                (f"   {facts}", ""),
            )
        )
    return Content("\n").join(lines)


def _facts(figures: ArmFigures | None) -> str:
    if figures is None:
        return "no answers"
    accuracy, latency = figures.accuracy, figures.latency
    parts = [plural(figures.cases, "case")]
    if accuracy:
        low, high = accuracy.wilson
        parts.insert(0, f"accuracy {probability(accuracy.value)} ({probability(low)}-{probability(high)})")
    if latency:
        parts.insert(1, f"P95 {milliseconds(latency.p95.value)}")
    return "   ".join(parts)


def views_text(at: int, width: int, p: Palette) -> Content:
    """The views with their keys; the one that is shown stands in brackets."""
    short = width < 2 + sum(len(view) + 6 for view in VIEWS)
    parts: list[Part] = []
    for i, view in enumerate(VIEWS):
        name = view[:9] if short else view
        text = f"[{i + 1} {name}] " if i == at else f" {i + 1} {name}  "
        parts.append((text, f"bold {p.accent}" if i == at else p.dim))
    return Content.assemble(*parts)


def cases_text(found: Paired, between: bool, labels: Sequence[str], width: int, p: Palette) -> Content:
    """Whether the two differ by more than chance, then the cases in which they do. `between` two results, a
    is before and b after."""
    lines = [Content.styled(note, p.warn) for note in found.notes]
    lines += _figures(found, between, p)
    names = abbreviations(short_labels(labels), 18)
    size = max([6, *(len(name) for name in names.values())])
    case = min(16, max([4, *(len(printable(one.case[:40])) for one in found.differences)]))
    last: Kind | None = None
    for one in found.differences[:SHOWN]:
        sign, says = SAYS[one.kind]
        if one.kind != last:
            n = sum(other.kind == one.kind for other in found.differences)
            word = f"{BETWEEN[one.kind]}: " if between and one.kind in BETWEEN else ""
            lines += [Content(), Content.styled(f"{sign} {word}{says}: {plural(n, 'case')}", "bold")]
            head = f"  {fit('case', case)} {fit('gold', size)} {fit('a', size)} {fit('b', size)} prompt"
            lines.append(Content.styled(head, p.dim))
            last = one.kind
        rest = width - 2 - case - 3 * (size + 1) - 1
        lines.append(
            Content.assemble(
                (sign + " ", p.good if one.kind == "b" else p.bad if one.kind == "a" else p.warn),
                (fit(one_line(one.case, case), case) + " ", p.dim),
                (fit(_label(one.gold, names), size) + " ", p.label(one.gold)),
                (fit(_label(one.a, names), size) + " ", p.label(one.a)),
                (fit(_label(one.b, names), size) + " ", p.label(one.b)),
                (one_line(one.prompt, rest) if rest > 8 else "", ""),
            )
        )
    if len(found.differences) > SHOWN:
        lines.append(Content.styled(f"{len(found.differences) - SHOWN:,} more", p.dim))
    if not found.differences and found.common and not found.notes:
        lines += [Content(), Content(f"They gave the same label to all {plural(found.common, 'case')}.")]
    return Content("\n").join(lines)


def _label(label: str | None, names: Mapping[str, str]) -> str:
    return "-" if label is None else names.get(label, printable(label))


def _figures(found: Paired, between: bool, p: Palette) -> list[Content]:
    one = found.figures
    if one is None:
        why = "of them, none has a gold label" if found.common else "there is nothing to compare"
        return [Content(f"{plural(found.common, 'case')} in common; {why}.")]
    more, less = ("better", "worse") if between else ("only b right", "only a right")
    after = f", {w.p_value(one.p_holm)} over all pairs (Holm)" if one.p_holm != one.p else ""
    # As in the analysis, of a less b; shown as what b gains.
    ends = "no interval" if one.low is None or one.high is None else f"{-one.high:+.3f} to {-one.low:+.3f}"
    same = f"the same label to {one.agreed} of {plural(one.answered, 'question')}" if one.answered else ""
    chance = "more than chance" if one.p_holm <= 0.05 else "may be chance"
    return [
        Content.assemble(
            (f"{plural(one.n, 'case')} in common: ", ""),
            (f"+ {one.only_b} {more}   ", f"bold {p.good}"),
            (f"- {one.only_a} {less}   ", f"bold {p.bad}"),
            (f"{one.both} both   {one.neither} neither", ""),
        ),
        Content.assemble(
            ("accuracy of b less that of a ", p.dim),
            (f"{-one.difference:+.3f}", "bold"),
            (f" ({ends}, paired bootstrap)", ""),
        ),
        Content.assemble(
            ("exact McNemar on the ", p.dim),
            (f"{one.only_a + one.only_b} discordant: p {w.p_value(one.p)}{after}", ""),
            (f"   {chance}", "bold"),
        ),
        Content.styled(same, p.dim),
    ]


def confusion_text(side: Side, sign: str, width: int, p: Palette) -> Content:
    """Gold in rows, answers in columns, in cases: ✓ right, ✗ wrong, and a shade for the share of the row."""
    figures, labels = side.figures, side.subject.analysis.labels
    head = Content.assemble((f"{sign} ", f"bold {p.accent}"), (one_line(side.arm, width - 2), "bold"))
    if figures is None or not figures.confusion:
        return Content.assemble(head, "\nno answer here has a gold label to hold it against")
    if len(labels) > MOST:
        return Content.assemble(head, f"\nwith {len(labels)} labels a matrix cannot be read")
    counts = {(cell.gold, cell.label): cell.n for cell in figures.confusion}
    answers: list[str | None] = [*labels, *([None] if any(label is None for _, label in counts) else [])]
    short = abbreviations(short_labels(labels), CELL - 1)
    name = min(max(map(len, map(printable, labels))) + 1, max(4, width - CELL * len(answers)))
    rows = abbreviations(short_labels(labels), name - 1)
    top = " " * name + "".join("none".rjust(CELL) if a is None else short[a].rjust(CELL) for a in answers)
    lines = [head, Content.styled(top[:width], p.dim)]
    for gold in labels:
        total = sum(counts.get((gold, answer), 0.0) for answer in answers)
        parts: list[Part] = [(fit(rows[gold], name), p.label(gold))]
        for answer in answers:
            n = counts.get((gold, answer), 0.0)
            if not n:
                parts.append(("·".rjust(CELL - 1) + " ", p.dim))
                continue
            good = gold == answer
            text = f"{w.count(round(n, 1))}{'✓' if good else '✗'}{shade(n / total)}"
            parts.append((text.rjust(CELL), f"bold {p.good if good else p.bad}"))
        lines.append(Content.assemble(*parts))
    return Content("\n").join(lines)


def confusions_text(a: Side, b: Side, width: int, p: Palette) -> Content:
    """Both matrices, side by side where there is room, else one below the other, and what the signs mean."""
    key = "gold in rows, answers in columns  ✓ right ✗ wrong  share ░ to █"
    one, other = (confusion_text(side, sign, width, p) for sign, side in (("a", a), ("b", b)))
    lines, left = one.split("\n"), max(line.cell_length for line in one.split("\n")) + 4
    if left + max(line.cell_length for line in other.split("\n")) <= width:
        pairs = zip_longest(lines, other.split("\n"), fillvalue=Content())
        one, other = Content("\n").join(a.pad_right(left - a.cell_length) + b for a, b in pairs), Content()
    return Content("\n\n").join([part for part in (one, other, Content.styled(key, p.dim)) if part])


Agreed = Mapping[tuple[str, str], tuple[float | None, float | None, int]]
"""Two arms, in either order -> share of equal labels, share of these that are right, questions."""


def agreed(subject: Subject) -> dict[tuple[str, str], tuple[float | None, float | None, int]]:
    """Of every two arms of a result, from its answers or, without these, its figures."""
    found: dict[tuple[str, str], tuple[float | None, float | None, int]] = {}
    for pair in pairwise(row for row in subject.rows if row.status != "cancelled"):
        found[pair.a, pair.b] = found[pair.b, pair.a] = (pair.agree_rate, pair.right_rate, pair.n)
    if not subject.rows:
        for one in subject.analysis.pairs:
            rate = one.agreed / one.answered if one.answered else None
            right = one.agreed_right / one.agreed_scored if one.agreed_scored else None
            found[one.a, one.b] = found[one.b, one.a] = (rate, right, one.answered)
    return found


def agreement_text(arms: Sequence[str], found: Agreed, width: int, p: Palette) -> Content:
    """Every arm against every other: how often they say the same above the diagonal, and below it how often
    that is right; the figure with a shade."""
    if len(arms) > MOST:
        return Content(f"with {len(arms)} arms a grid cannot be read")
    name = min(max(len(printable(arm)) for arm in arms) + 4, max(10, width - CELL * len(arms)))
    lines = [
        Content.styled(
            " " * name + "".join(str(i + 1).rjust(CELL - 1) + " " for i in range(len(arms))), p.dim
        )
    ]
    for i, arm in enumerate(arms):
        parts: list[Part] = [(fit_name(f"{i + 1:>2} {printable(arm)}", name - 1) + " ", "")]
        for j, other in enumerate(arms):
            same, right, _ = found.get((arm, other), (None, None, 0))
            value = same if i < j else right
            if i == j:
                parts.append(("╲".rjust(CELL - 1) + " ", p.dim))
            elif value is None:
                parts.append(("-".rjust(CELL - 1) + " ", p.dim))
            else:
                hue = p.good if value >= 0.85 else p.warn if value >= 0.5 else p.bad
                parts.append((f"{probability(value)}{shade(value)}".rjust(CELL), hue))
        lines.append(Content.assemble(*parts))
    key = (
        "above the diagonal: share of questions with the same label\n"
        "below it: share of these, where gold is known, that are right"
    )
    return Content("\n").join([*lines, Content(), Content.styled(key, p.dim)])


def grids_text(a: Side, b: Side, arms: Sequence[str], found: Agreed, p: Palette) -> Content:
    """Both matrices and the agreement of all arms, in BESIDE columns."""
    grids = [confusions_text(a, b, BESIDE, p), agreement_text(arms, found, BESIDE, p)]
    return Content("\n\n").join(grids)
