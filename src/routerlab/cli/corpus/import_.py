"""`routerlab corpus import`: a corpus from a file of prompts."""

from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.core.similar import NEAR_REPORT


def import_(
    file: Annotated[Path, typer.Argument(help="A text file, a line a prompt, or JSONL.", metavar="FILE")],
    out: Annotated[Path, typer.Option(help="The corpus to make.", metavar="CORPUS")],
    columns: o.ColumnMap = None,
    near: o.Near = NEAR_REPORT,
    name: Annotated[str | None, typer.Option(help="The corpus's name (default: that of its file).")] = None,
    taxonomy: o.TaxonomyFile = None,
) -> None:
    """Make a corpus of the prompts in a file; those that have no label there wait for one.

    Prompts keep their white space. Empty lines and exact duplicates (case and white space folded) are left
    out, near duplicates are kept, and all of them are reported with their lines.

    Example: routerlab corpus import prompts.jsonl --out mine.toml --map prompt=text --map label=category
    """
    import hashlib
    from datetime import UTC, datetime

    from routerlab.annotate.corpus.file import write_corpora
    from routerlab.annotate.corpus.prompts import column_map, read_prompts
    from routerlab.core.corpus import Corpus
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.core.text import printable
    from routerlab.resources import TAXONOMY

    labels = load_taxonomy(taxonomy or TAXONOMY)
    read = read_prompts(file, labels, columns=column_map(columns or ()), near=near or None)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    corpus = Corpus(
        schema_version=1,
        name=name or out.stem,
        taxonomy=labels.name,
        created=datetime.now(UTC).date(),
        source=f"imported from {file.name}, sha256 {sha256[:12]}",
        case=read.cases,
    )
    write_corpora({out: corpus})
    labelled = sum(case.label is not None for case in read.cases)
    lines = [f"{out}: {len(read.cases)} cases, {labelled} of them labelled"]
    for what, n, places in read.findings:
        lines += [f"{what}: {n}", *(f"  {place}" for place in places)]
    for line in lines:
        typer.echo(printable(line))
