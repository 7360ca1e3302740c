"""`routerlab corpus export`: a corpus in the formats of other tools."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import not_over, save, say
from routerlab.core.errors import LabError
from routerlab.core.names import CorpusFormat
from routerlab.core.text import plural, printable


def export(
    file: Annotated[Path, typer.Argument(help="The corpus, a TOML file.", metavar="FILE")],
    shape: Annotated[CorpusFormat, typer.Option("--format", help="Kind of file to make.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write (default: stdout).", metavar="FILE")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    taxonomy: o.TaxonomyFile = None,
) -> None:
    """Write a corpus for another tool; `routerlab corpus import` reads all of these back.

    In csv a text that begins with = + - @, a tab or a line break gets a ' in front, because spreadsheets run
    such cells as formulas; import takes it off. openai has a place for prompt and label only. parquet needs
    routerlab[formats].

    Example: routerlab corpus export mine.toml --format prodigy --out mine.jsonl
    """
    from routerlab.annotate.formats.write import written
    from routerlab.core.corpus import load_corpus
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.resources import TAXONOMY

    if out is None and shape == "parquet":
        raise LabError("parquet is no text: name a file with --out")
    not_over(out, file, taxonomy)
    if out is not None and out.exists() and not force:
        raise LabError(f"{out}: exists already, and nothing is overwritten; choose another name or --force")
    labels = load_taxonomy(taxonomy or TAXONOMY)
    corpus = load_corpus(file, labels)
    data = written(corpus.case, labels.labels, shape, out or file)
    if out is not None:
        save(out, data)
        say(f"{out}: {plural(len(corpus.case), 'case')} for {shape}")
    elif sys.stdout.isatty():
        typer.echo(printable(data.decode(), keep_newlines=True), nl=False)
    else:
        typer.echo(data, nl=False)
