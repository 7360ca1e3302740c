"""`routerlab corpus stats`: what a corpus is made of."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.core.text import plural, printable

if TYPE_CHECKING:
    from rich.table import Table

    from routerlab.annotate.corpus.stats import PairRow, Stats

ACROSS = 20
"""Near duplicates with different labels that people are shown; programs get all."""


def stats(
    file: Annotated[Path, typer.Argument(help="The corpus, a TOML file.", metavar="FILE")],
    taxonomy: o.TaxonomyFile = None,
    shape: o.Format = "table",
) -> None:
    """Count a corpus: labels, lengths, difficulty, languages, authors, how labels came about, what is alike.

    Words are counted as for near duplicates: those that share 35 % of all their words, which `corpus split`
    keeps on one side. A corpus with faults ends with the first of them (see `corpus check`).

    Example: routerlab corpus stats corpus/pool.toml --format json
    """
    from dataclasses import asdict

    from routerlab.annotate.corpus.stats import stats as count
    from routerlab.cli.shared.show import print_json, print_table
    from routerlab.core.corpus import load_corpus
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.resources import TAXONOMY

    labels = load_taxonomy(taxonomy or TAXONOMY)
    found = count(load_corpus(file, labels), labels)
    if shape == "json":
        print_json(asdict(found))
        return
    typer.echo(printable(f"{found.name}: {plural(found.cases, 'case')}, {found.unlabelled} without a label"))
    print_table(_labels(found))
    for line in _lines(found):
        typer.echo(printable(line))
    if found.nearest:
        print_table(_pairs("nearest", found.nearest))
    if found.across:
        print_table(_pairs("near, with different labels", found.across[:ACROSS]))
    if len(found.across) > ACROSS:
        typer.echo(f"and {len(found.across) - ACROSS} more (--format json has them all)")


def _labels(found: "Stats") -> "Table":
    from routerlab.cli.shared.tables import cell, figures_table

    table = figures_table(
        None, ["label"], ("cases", "share", "hard", "words: least", "median", "p90", "most")
    )
    for row in found.labels:
        lengths = (row.shortest, row.median, row.p90, row.longest) if row.cases else ("-",) * 4
        share = f"{row.cases / found.cases:.0%}"
        table.add_row(cell(row.label or "(none)"), str(row.cases), share, str(row.hard), *map(str, lengths))
    return table


def _lines(found: "Stats") -> list[str]:
    lines = [
        f"difficulty: {_counts(found.difficulty)}",
        f"languages: {_counts(found.languages)}",
        f"authors: {_counts(found.authors)}",
    ]
    if found.no_fit:
        lines.insert(0, f"no label fits: {sum(found.no_fit.values())} ({_counts(found.no_fit)})")
    if found.promoted:
        agreed = "".join(f"{name} annotators agree: {n}; " for name, n in found.agreement.items())
        lines += [
            f"labels promoted from sessions: {found.promoted} ({agreed}adjudicated: {found.adjudicated}; "
            f"not all blind: {found.seen})",
            f"annotators: {_counts(found.annotators)}",
        ]
    return [
        *lines,
        f"near duplicates: {plural(found.near_pairs, 'pair')}, {len(found.across)} with different labels",
    ]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def _pairs(title: str, pairs: "tuple[PairRow, ...]") -> "Table":
    from routerlab.cli.shared.tables import cell, figures_table

    table = figures_table(None, (title, "", "labels", ""), ["words in common"])
    for row in pairs:
        names = (row.a, row.b, row.label_a or "(none)", row.label_b or "(none)")
        table.add_row(*map(cell, names), f"{row.similarity:.2f}")
    return table
