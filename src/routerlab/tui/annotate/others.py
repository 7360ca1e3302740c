"""What models, other annotators and the gold label say of an item. Pure functions of what may be seen."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from rich.cells import cell_len
from textual.content import Content

from routerlab.annotate.desk.item import Opinion
from routerlab.core.text import plural
from routerlab.tui.annotate.seen import Seen
from routerlab.tui.annotate.text import label_parts
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import MARKS, Part, fit, one_line, probability, row
from routerlab.tui.shared.wrap import wrapped

WHO = 28
LABEL = 32
CARD = 34
"""Columns the words of one annotator need at least, to stand beside another's."""
NOTE = 2000
HIDDEN = "What models, others and gold say is shown here once your label is submitted"

Labels = Sequence[str]


def last_text(seen: Seen | None, label: str | None, name: str, width: int, p: Palette) -> Content:
    """One line on the item submitted last: your label, gold, who agrees. `seen` is None before any."""
    if seen is None or label is None:
        return Content.styled(one_line(HIDDEN, width), p.dim)
    groups: list[list[Part]] = [
        [("last ", p.dim), (one_line(name, 20), "bold")],
        [("you ", p.dim), *_short(label, p), *_mark(label, seen.gold, p)],
    ]
    if seen.gold:
        groups.append([("gold ", p.dim), *_short(seen.gold, p)])
    answers = [given for given, _ in seen.models.values()]
    if answers:
        agree = answers.count(label)
        hue = p.good if agree == len(answers) else ""
        groups.append([(f"{agree} of {plural(len(answers), 'model agrees', 'models agree')}", hue)])
    groups += [
        [(f"{one_line(who, 16)} ", p.dim), *_short(said.label, p)] for who, said in seen.people.items()
    ]
    groups += [
        [(f"{answers.count(given)} say ", p.dim), *_short(given, p)]
        for given in dict.fromkeys(answers)
        if given != label
    ]
    if not seen.anything:
        groups.append([("nobody else has said anything", p.dim)])
    return Content.assemble(*row(groups, "   " if width >= 100 else "  ", width))


def others_text(
    seen: Seen, mine: str | None, labels: Labels, beside: bool, width: int, p: Palette
) -> Content:
    """All that may be seen, and `mine` above it; or nothing. With `beside`, annotators stand side by side."""
    if seen.suggest is not None:
        most = label_parts(seen.suggest, labels, p) if seen.suggest else [("none: no majority", p.dim)]
        return Content.assemble(("Suggested by the models  ", f"bold {p.warn}"), *most)
    if not seen.anything:
        return Content()
    size = max(cell_len(one_line(who, WHO)) for who in ("gold", *seen.people, *seen.models))

    def line(who: str, style: str, label: str, *more: Part) -> Content:
        name = label_parts(label, labels, p)
        pad = min(LABEL, max(map(len, labels))) - sum(cell_len(text) for text, _ in name)
        mark = [("   ", "")] if who == "gold" else _mark(label, seen.gold, p)
        return Content.assemble(
            (fit(one_line(who, size), size) + "  ", style), *name, " " * pad, *mark, *more
        )

    lines = [line("you", "bold", mine)] if mine else []
    if seen.gold:
        lines.append(line("gold", p.dim, seen.gold))
    if beside and seen.people:
        lines += _cards(seen.people, labels, width, p)
    else:
        for who, opinion in seen.people.items():
            said = line(who, "bold", opinion.label, (_also(opinion), ""))
            note = f"“{one_line(opinion.note, NOTE)}”" if opinion.note else ""
            if said.cell_length + cell_len(note) + 2 <= width:
                lines.append(Content.assemble(said, "  ", (note, p.dim)))
            else:
                lines += [said, *(Content.styled(f"    {part}", p.dim) for part in wrapped(note, width - 4))]
    for arm, (label, share) in seen.models.items():
        shown = "" if share is None else f"  {probability(share)}"
        lines.append(line(arm, p.dim, label, (shown, p.dim)))
    return Content("\n").join(lines)


def _short(label: str, p: Palette) -> list[Part]:
    return [(one_line(label, LABEL), f"bold {p.label(label)}")]


def _also(opinion: Opinion) -> str:
    also = f"  also {', '.join(one_line(label, LABEL) for label in opinion.also)}" if opinion.also else ""
    return f"  no label fits{also}" if opinion.fit else also


def _mark(label: str, gold: str | None, p: Palette) -> list[Part]:
    right = None if gold is None else label == gold
    return [(f"  {MARKS[right]}" if gold else "", p.mark(right))]


def _cards(people: Mapping[str, Opinion], labels: Labels, width: int, p: Palette) -> list[Content]:
    columns = max(1, min(len(people), width // CARD))
    size = width // columns - 2
    cards = [_card(who, opinion, labels, size, p) for who, opinion in people.items()]
    lines: list[Content] = []
    for start in range(0, len(cards), columns):
        for cells in zip_longest(*cards[start : start + columns], fillvalue=Content()):
            padded = [cell.pad_right(max(0, size + 2 - cell.cell_length)) for cell in cells]
            lines.append(Content("").join(padded))
    return lines


def _card(who: str, opinion: Opinion, labels: Labels, size: int, p: Palette) -> list[Content]:
    also = _also(opinion)
    said = Content.assemble(*label_parts(opinion.label, labels, p), also)
    lines = [Content.styled(one_line(who, size), "bold")]
    if said.cell_length <= size:
        lines.append(said)
    else:
        lines += [Content.assemble(*label_parts(opinion.label, labels, p)), Content(one_line(also, size))]
    if opinion.note:
        lines += [Content.styled(line, p.dim) for line in wrapped(f"“{opinion.note[:NOTE]}”", size)]
    return lines
