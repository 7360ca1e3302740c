"""`routerlab corpus split`: one part to develop with, another to test with."""

from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.shared import options as o


def split(
    file: Annotated[Path, typer.Argument(help="The corpus, a TOML file.", metavar="FILE")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same parts.")],
    test: Annotated[float, typer.Option(min=0.01, max=0.99, help="The share of the test part.")] = 0.5,
    out_dir: Annotated[
        Path | None, typer.Option(help="Where the parts go (default: beside FILE).", metavar="DIR")
    ] = None,
    taxonomy: o.TaxonomyFile = None,
) -> None:
    """Split a corpus into NAME-dev.toml and NAME-test.toml, each with its share of every label.

    Near duplicates (35 % of all their words in common) and cases of one `group` stay together. Every case
    keeps its text and its comments as they stand in FILE. Nothing is overwritten.

    Example: routerlab corpus split mine.toml --seed 7 --test 0.3
    """
    from routerlab.annotate.corpus.file import write_parts
    from routerlab.annotate.corpus.split import split as part
    from routerlab.cli.shared.show import new_table, print_table
    from routerlab.cli.shared.tables import cell
    from routerlab.core.corpus import load_corpus
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.core.text import printable
    from routerlab.resources import TAXONOMY

    labels = load_taxonomy(taxonomy or TAXONOMY)
    corpus = load_corpus(file, labels)
    sides = dict(zip(("dev", "test"), part(corpus.case, test, seed), strict=True))
    files = {(out_dir or file.parent) / f"{file.stem}-{side}.toml": side for side in sides}
    made = f"Split from {corpus.name}, sha256 {corpus.sha256[:12]}, with --seed {seed} --test {test}"
    write_parts(
        file, corpus, {path: (f"{corpus.name}-{side}", sides[side]) for path, side in files.items()}, made
    )
    table = new_table("label", *(printable(str(path)) for path in files))
    for label in (*labels.labels, None):
        counts = [sum(corpus.case[i].label == label for i in rows) for rows in sides.values()]
        if label is not None or any(counts):
            table.add_row(cell(label or "(none)"), *map(str, counts))
    table.add_row("all", *(str(len(rows)) for rows in sides.values()))
    print_table(table)
