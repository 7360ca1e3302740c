"""`routerlab corpus import`: a corpus from a file of prompts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.core.errors import LabError
from routerlab.core.similar import NEAR_REPORT
from routerlab.core.text import plural, printable

if TYPE_CHECKING:
    from routerlab.annotate.corpus.prompts import Imported


def import_(
    file: Annotated[
        Path, typer.Argument(help="Text, a line a prompt, a table, or another tool's export.", metavar="FILE")
    ],
    out: Annotated[Path | None, typer.Option(help="The corpus to make.", metavar="CORPUS")] = None,
    columns: o.ColumnMap = None,
    turn: o.WhichTurn = "first",
    near: o.Near = NEAR_REPORT,
    name: Annotated[str | None, typer.Option(help="The corpus's name (default: that of its file).")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what the file is read as, and three cases.")
    ] = False,
    taxonomy: o.TaxonomyFile = None,
) -> None:
    """Make a corpus of the prompts in a file; those that have no label there wait for one.

    A file is told by its content: text, JSONL, JSON, CSV, TSV, .xlsx, Parquet; exports of Prodigy, doccano,
    Label Studio and Argilla; tests of promptfoo; datasets and logs of Inspect; conversations (OpenAI's chat
    and batch files, ShareGPT, LMSYS, WildChat). What was read as what is printed first.

    Prompts keep their white space. What was rejected or ignored there, empty lines and exact duplicates (case
    and white space folded) are left out, near duplicates are kept, and all are reported with their places.

    Example: routerlab corpus import prompts.jsonl --out mine.toml --map prompt=text --map label=category
    """
    import hashlib
    from datetime import UTC, datetime

    from routerlab.annotate.corpus.file import write_corpora
    from routerlab.annotate.corpus.prompts import column_map, read_prompts
    from routerlab.core.corpus import Corpus
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.resources import TAXONOMY

    labels = load_taxonomy(taxonomy or TAXONOMY)
    read = read_prompts(file, labels, columns=column_map(columns or ()), turn=turn, near=near or None)
    for line in read.preview:
        typer.echo(printable(line), err=not dry_run)
    if dry_run:
        _say_findings(read)
        return
    if out is None:  # here, so that whoever has no idea yet sees what there is
        raise LabError("name the corpus to make with --out, or say --dry-run")
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
    typer.echo(printable(f"{out}: {plural(len(read.cases), 'case')}, {labelled} of them labelled"))
    _say_findings(read)


def _say_findings(read: "Imported") -> None:

    for what, n, places in read.findings:
        for line in (f"{what}: {n}", *(f"  {place}" for place in places)):
            typer.echo(printable(line))
