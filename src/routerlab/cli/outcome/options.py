"""Arguments and options that several commands of `routerlab outcome` share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from routerlab.core.taxonomy import Taxonomy
    from routerlab.study.outcome.analysis.labels import Labelled
    from routerlab.study.outcome.analysis.result import Judged

OutcomeSession = Annotated[
    Path, typer.Argument(metavar="SESSION.toml", help="What `outcome run` or `outcome import` has written.")
]
Labels = Annotated[
    list[Path] | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="Labels by routers or annotators: a session that asked them these prompts, or a table with "
        "prompt_sha256 or task, label, and arm or annotator; may be given several times.",
    ),
]
Worth = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="The least difference of mean scores that matters.")
]
Seed = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="What bootstraps and folds draw follows from it.")
]


def read_all(files: list[Path] | None) -> "list[Labelled]":
    """The labels in all files."""
    from routerlab.study.outcome.analysis.labels import read_labels

    return [one for path in files or () for one in read_labels(path)]


def taxonomy_of(path: Path | None) -> "Taxonomy":
    """The taxonomy in the file, or the one that ships."""
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.resources import TAXONOMY

    return load_taxonomy(path or TAXONOMY)


def read_judged(files: list[Path], session: Path) -> "tuple[Judged, ...]":
    """The figures of every judge of this session; LabError where one judged another."""
    import hashlib

    from routerlab.core.files.toml import read_bytes
    from routerlab.study.outcome.judge.figures import judged
    from routerlab.study.outcome.judge.record import read_judgements
    from routerlab.study.outcome.load import read_outcomes

    outcomes, sha256 = read_outcomes(session), hashlib.sha256(read_bytes(session)).hexdigest()
    found = [(path, read_judgements(path)) for path in files]
    for path, one in found:
        if one.header.session_sha256 != sha256:
            raise LabError(f"{path}: judges another session than {session}, or it has changed since")
    return tuple(judged(one, outcomes) for _, one in found)
