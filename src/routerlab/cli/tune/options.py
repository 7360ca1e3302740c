"""What the commands of `routerlab tune` share: options, the plan that they make, how far it is."""

import asyncio
import json
import re
import sys
import tomllib
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import not_over, not_over_session
from routerlab.cli.shared.study import command_line
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerlab.engine.contract.router import Row
    from routerlab.settings import Settings
    from routerlab.tune.curve import Point
    from routerlab.tune.plan import Plan

Corpus = Annotated[
    list[Path] | None,
    typer.Option("--corpus", help="Labelled cases to fit to, may be given often; the pools that ship."),
]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Everything drawn by chance follows from it.")]
Progress = Annotated[
    Literal["text", "json"], typer.Option(help="text on stderr, or one JSON object a line on stdout.")
]


T = TypeVar("T")


async def kept_if_stopped(work: Awaitable[T]) -> T:
    """What it returns; where it is stopped, people are told that it was not for nothing."""
    try:
        return await work
    except asyncio.CancelledError:
        print("\nwhat was read is kept; the same command goes on from there", file=sys.stderr)
        raise


def print_done(
    path: Path,
    notes: "Sequence[str]",
    rows: "Sequence[Row]",
    curve: "Sequence[Point]" = (),
    learned: dict[str, object] | None = None,
) -> None:
    """The last line of --progress json: what was made."""
    from dataclasses import asdict

    result = {
        "done": str(path),
        "notes": list(notes),
        "rows": [row.model_dump() for row in rows],
        "curve": [asdict(point) for point in curve],
        "learned": learned,
    }
    print(json.dumps(result), flush=True)


def check_name(out: Path) -> None:
    """LabError when no router file may be called so."""
    from routerlab.engine.contract.router import NAME

    if out.suffix != ".toml" or not re.fullmatch(NAME, out.stem):
        raise LabError(f"{out}: a router file is called NAME.toml, without spaces or colons in NAME")


def check_out(out: Path, *read: Path | None) -> None:
    """LabError where a router written there would replace what is read, or something else than a router."""
    not_over(out, *read)
    not_over_session(out)
    if out.exists() and not _is_router(out):
        raise LabError(f"{out}: is no router, and a router replaces nothing else; choose another name")


def _is_router(path: Path) -> bool:
    """Whether the file is a router or a cascade, of whatever version."""
    try:
        return "contract" in tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False


def exemplars_file(exemplars: str | None) -> Path | None:
    """The file that --exemplars names, if it names one."""
    return None if exemplars in (None, "none") else Path(exemplars)


def make_plan(
    model: str,
    corpora: "Sequence[Path] | None",
    out: Path | None,
    taxonomy: Path | None,
    exemplars: str | None,
    seed: int,
    settings: "Settings | None" = None,
) -> "Plan":
    """What to tune, checked as far as that goes without a model."""
    from importlib.util import find_spec

    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.engine.lab.factory import exemplar_corpus, shots
    from routerlab.engine.lab.specs import arm_spec
    from routerlab.paths import cache_dir, routers_dir
    from routerlab.resources import POOLS, TAXONOMY
    from routerlab.tune.cases import load_training
    from routerlab.tune.plan import Plan

    if find_spec("sklearn") is None:  # it is wanted for fitting only
        raise LabError("tuning needs scikit-learn: pip install 'routerlab[tune]'")
    if out:
        check_name(out)
    labels = load_taxonomy(taxonomy or TAXONOMY)
    training = load_training(corpora or POOLS, labels)
    spec = arm_spec(model, "score")
    name = out.stem if out else re.sub(r"[\s/\\:]", "_", spec.name)
    return Plan(
        name=name,
        spec=spec,
        taxonomy=labels,
        training=training,
        shots=shots(exemplar_corpus(labels, exemplars)),
        settings=settings or o.settings_with(),
        out=out or routers_dir() / f"{name}.toml",
        store=cache_dir() / "answers.sqlite",
        command=command_line(),
        seed=seed,
    )
