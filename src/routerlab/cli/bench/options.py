"""Options that the commands of `routerlab bench` share."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared.show import not_over, not_over_session
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from routerlab.engine.arms.arm import ArmSpec

Corpus = Annotated[Path | None, typer.Option("--corpus", help="Whose prompts; the sixty cases by default.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Where the raw data go; a new file in this folder by default.")
]


def named(arms: list[str] | None) -> list[str]:
    """The arms that the command names; LabError when there is none."""
    if not arms:
        raise LabError("no arm: name one with --arm, as in --arm smollm2-135m:probe")
    return arms


def check_out(out: Path | None, arms: "Iterable[ArmSpec]", exemplars: str | None, *read: Path | None) -> None:
    """LabError where the raw data would replace what is read, an arm's files included, or a session."""
    if out is None:
        return
    files = [file for arm in arms for file in (arm.model, arm.router)]
    not_over(out, *read, Path(exemplars) if exemplars else None, *files)
    not_over_session(out)
