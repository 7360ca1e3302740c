"""What `routerlab corpus agreement` found, for people and for programs."""

from typing import Any

import typer
from rich.table import Table

from routerlab.annotate.ratings.agreement import Agreement, Dispute
from routerlab.cli.shared.show import print_table
from routerlab.cli.shared.tables import cell, figures_table
from routerlab.core.statistics.reliability import Figure, Reliability
from routerlab.core.text import plural, printable

NAMES = {"cohen": "Cohen's kappa", "fleiss": "Fleiss' kappa", "alpha": "Krippendorff's alpha"}
WHY = {
    "cohen": "two raters who labelled the same prompts",
    "fleiss": "raters who all labelled the same prompts",
    "alpha": "raters some of whose labels lack",
}
LISTED = 50
"""Disputes that people are shown; programs get all."""
WIDE = 300
"""Characters of a note or prompt that are shown."""


def print_tables(found: Agreement, a: str, b: str) -> None:
    """Raters, coefficients, labels, pairs, the confusion of `a` and `b`, and what is to be adjudicated."""
    print_table(_raters(found), _coefficients(found), _labels(found))
    if found.pairs:
        print_table(_pairs(found))
    print_table(_confusion(found, a, b))
    if found.fit:
        typer.echo(_fit(found.fit))
    _print_disputes(found)


def _raters(found: Agreement) -> Table:
    told = any(s.suggested or s.revealed for s in found.spoken)
    caption = "labels given after models' suggestions, or changed after the reveal, are not independent"
    table = figures_table(
        caption if told else None, ["rater"], ("labelled", "after a suggestion", "after the reveal")
    )
    for s in found.spoken:
        kind = "" if s.rater.kind == "annotator" or s.rater.kind in s.rater.name else f" ({s.rater.kind})"
        table.add_row(cell(s.rater.name + kind), *map(str, (s.labelled, s.suggested, s.revealed)))
    return table


def _coefficients(found: Agreement) -> Table:
    figures = found.figures
    caption = f"* fits {WHY[figures.fits]}; {figures.paired} of {figures.units} prompts have two labels"
    table = figures_table(caption, ["agreement"], ("value", "95 %"))
    table.add_row("raw", *_figure(figures.raw))
    ordered = sorted(figures.beyond, key=lambda name: name != figures.fits)
    for name in ordered:
        table.add_row(NAMES[name] + (" *" if name == figures.fits else ""), *_figure(figures.beyond[name]))
    return table


def _labels(found: Agreement) -> Table:
    fits = NAMES[found.figures.fits].split()[1]
    caption = "specific: where a rater gives the label, how often another one does too"
    table = figures_table(caption, ["label against the rest"], ("given", fits, "95 %", "specific", "95 %"))
    for label, row in zip(found.labels, found.figures.labels, strict=True):
        table.add_row(cell(label), str(row.times), *_figure(row.beyond), *_figure(row.specific))
    return table


def _pairs(found: Agreement) -> Table:
    caption = "n: prompts that both labelled; kappa: Cohen's"
    table = figures_table(caption, ["raters"], ("n", "raw", "95 %", "kappa", "95 %"))
    for p in found.pairs:
        table.add_row(cell(f"{p.a} & {p.b}"), str(p.n), *_figure(p.raw), *_figure(p.kappa))
    return table


def _confusion(found: Agreement, a: str, b: str) -> Table:
    counts = found.confusion(a, b)
    used = [i for i in range(len(found.labels)) if counts[i].any() or counts[:, i].any()]
    caption = f"rows: {printable(a)}; columns, in the same order: {printable(b)}"
    table = figures_table(caption, ["what both labelled"], [str(n + 1) for n in range(len(used))])
    for n, i in enumerate(used):
        table.add_row(cell(f"{n + 1} {found.labels[i]}"), *(str(counts[i, j] or ".") for j in used))
    return table


def _fit(found: Reliability) -> str:
    value, interval = _figure(found.beyond[found.fits])
    return (
        f"no label fits: said {plural(found.labels[1].times, 'time')} of {found.paired} prompts with two "
        f"labels; raw {_figure(found.raw)[0]}, {NAMES[found.fits]} {value} (95 % {interval})"
    )


def _print_disputes(found: Agreement) -> None:
    n = len(found.disputes)
    flagged = sum(len(d.unit.flagged) > 0 for d in found.disputes)
    decided = f"; {found.decided} decided already" if found.decided else ""
    typer.echo(f"to adjudicate: {plural(n, 'prompt')}, {flagged} of them flagged{decided}")
    for dispute in found.disputes[:LISTED]:
        typer.echo(_text(dispute))
    if n > LISTED:
        typer.echo(f"and {n - LISTED} more: --format json lists them")
    if n:
        typer.echo("decide them with: routerlab corpus adjudicate SESSION... --as NAME")


def _text(dispute: Dispute) -> str:
    unit = dispute.unit
    lines = [f"{unit.case or 'typed'}  {_short(unit.prompt or '(the prompt is not here)', 100)}"]
    lines.append("  " + "; ".join(f"{name} {label}" for name, label in dispute.labels.items()))
    lines += [f"  {name} notes: {_short(note, WIDE)}" for name, note in unit.notes.items()]
    if unit.flagged:
        lines.append(f"  flagged by {', '.join(sorted(unit.flagged))}")
    return "\n".join(map(printable, lines))


def _short(text: str, width: int) -> str:
    line = " ".join(text[: 10 * width].split())
    return line if len(line) <= width and len(text) <= 10 * width else line[: width - 1].rstrip() + "…"


def as_json(found: Agreement, a: str, b: str) -> dict[str, Any]:
    """Everything that the tables show, and all that is to be adjudicated."""
    figures = found.figures
    return {
        "raters": [
            {
                "name": s.rater.name,
                "kind": s.rater.kind,
                "labelled": s.labelled,
                "suggested": s.suggested,
                "revealed": s.revealed,
            }
            for s in found.spoken
        ],
        "units": figures.units,
        "paired": figures.paired,
        "raw": _plain(figures.raw),
        "fits": figures.fits,
        "coefficients": {name: _plain(figure) for name, figure in figures.beyond.items()},
        "labels": [
            {
                "label": label,
                "given": row.times,
                figures.fits: _plain(row.beyond),
                "specific": _plain(row.specific),
            }
            for label, row in zip(found.labels, figures.labels, strict=True)
        ],
        "pairs": [
            {"a": p.a, "b": p.b, "n": p.n, "raw": _plain(p.raw), "cohen": _plain(p.kappa)}
            for p in found.pairs
        ],
        "confusion": {"rows": a, "columns": b, "counts": found.confusion(a, b).tolist()},
        "adjudicate": [
            {
                "case": d.unit.case,
                "prompt": d.unit.prompt,
                "labels": d.labels,
                "notes": d.unit.notes,
                "flagged": sorted(d.unit.flagged),
            }
            for d in found.disputes
        ],
        "decided": found.decided,
        "fit": found.fit
        and {
            "none": found.fit.labels[1].times,
            "paired": found.fit.paired,
            "raw": _plain(found.fit.raw),
            found.fit.fits: _plain(found.fit.beyond[found.fit.fits]),
        },
    }


def _plain(figure: Figure) -> dict[str, float | None]:
    low, high = figure.interval or (None, None)
    return {"value": figure.value, "low": low, "high": high}


def _figure(figure: Figure) -> tuple[str, str]:
    value = "-" if figure.value is None else f"{figure.value:.3f}"
    return value, "-" if figure.interval is None else f"{figure.interval[0]:.3f} to {figure.interval[1]:.3f}"
