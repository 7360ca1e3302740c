"""Options that the commands of `routerlab bench` share."""

from pathlib import Path
from typing import Annotated

import typer

from routerlab.core.errors import LabError

Corpus = Annotated[Path | None, typer.Option("--corpus", help="Whose prompts; the sixty cases by default.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Where the raw data go; a new file in this folder by default.")
]


def named(arms: list[str] | None) -> list[str]:
    """The arms that the command names; LabError when there is none."""
    if not arms:
        raise LabError("no arm: name one with --arm, as in --arm smollm2-135m:probe")
    return arms
