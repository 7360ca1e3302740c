"""`routerlab corpus check`: is a file of cases sound?"""

from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.core.text import plural, printable


def check(
    file: Annotated[Path, typer.Argument(help="The corpus, a TOML file.", metavar="FILE")],
    taxonomy: o.TaxonomyFile = None,
) -> None:
    """Check a corpus: TOML, keys, unique ids, unique prompts, labels of the taxonomy.

    A sound one ends with 0 and one line that sums it up; otherwise every fault is a line "file:line: what" on
    stderr, and the exit code is 2.
    """
    from collections import Counter

    from routerlab.core.corpus import check_corpus
    from routerlab.core.errors import Exit
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.resources import TAXONOMY

    labels = load_taxonomy(taxonomy or TAXONOMY)
    corpus, faults = check_corpus(file, labels)
    if faults:
        for fault in faults:
            say(fault)
        raise typer.Exit(Exit.USAGE)
    counts = Counter(case.label for case in corpus.case)
    spread = ", ".join(f"{label} {counts[label]}" for label in labels.labels)
    if counts[None]:
        spread += f", without a label {counts[None]}"
    line = f"{corpus.name}: {plural(len(corpus.case), 'case')} ({spread}), sha256 {corpus.sha256[:12]}"
    typer.echo(printable(line))
