"""What is read of annotators' sessions by the commands that take several."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared.read import reading

if TYPE_CHECKING:
    from routerlab.annotate.ratings.unit import Collected

Corpora = Annotated[
    list[Path] | None,
    typer.Option("--corpus", metavar="FILE", help="Corpora that the sessions' cases come from."),
]


def gather(sessions: Sequence[Path], corpora: Sequence[Path] | None) -> "Collected":
    """Everything that the sessions say, with progress on a terminal."""
    from routerlab.annotate.ratings.ratings import collect
    from routerlab.paths import session_cache

    with reading() as tell:
        return collect(sessions, corpora or (), lambda n, of: tell("sessions", n, of), session_cache())
