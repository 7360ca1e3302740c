"""`routerlab corpus overlay`: the labels of a corpus without its texts."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import not_over, not_over_session
from routerlab.core.text import plural, printable


def overlay(
    corpora: Annotated[list[Path], typer.Argument(metavar="CORPUS...", help="Corpora, TOML files.")],
    out: Annotated[
        Path, typer.Option(metavar="OVERLAY", help="The overlay to make; its name is the file's.")
    ],
    part: Annotated[
        Literal["dev", "test"] | None,
        typer.Option(help="The part that all are (default: what NAME-dev.toml and NAME-test.toml say)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    taxonomy: o.TaxonomyFile = None,
) -> None:
    """Make an overlay: labels, who gave them, where each prompt is from, and its hash instead of its text.

    For prompts that are public, but not yours to pass on: others have the texts back with `routerlab corpus
    fill`. Every case needs a label and a source.

    Example: routerlab corpus overlay mine-dev.toml mine-test.toml --out mine-overlay.toml
    """
    from collections import Counter

    from routerlab.annotate.corpus.file import write_overlay
    from routerlab.annotate.corpus.overlay import overlay_of
    from routerlab.core.corpus import load_corpus
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.resources import TAXONOMY

    not_over(out, *corpora, taxonomy)
    not_over_session(out)
    labels = load_taxonomy(taxonomy or TAXONOMY)
    made = overlay_of(out.stem, {path: load_corpus(path, labels) for path in corpora}, part, labels)
    write_overlay(out, made, force)
    counts = Counter(entry.part for entry in made.case)
    parts = ", ".join(f"{name} {counts[name]}" for name in made.parts if name)
    spread = f" ({parts})" if parts else ""
    typer.echo(printable(f"{out}: {plural(len(made.case), 'case')}{spread}, no texts"))
