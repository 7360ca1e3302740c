"""`routerlab tune time`: how long routers take on this machine."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.cli.tune.options import Corpus, Progress, Seed, print_done
from routerlab.core.errors import LabError


def time(
    router: Annotated[list[Path], typer.Argument(help="Router files.")],
    corpus: Corpus = None,
    seed: Seed = 0,
    progress: Progress = "text",
    taxonomy: o.TaxonomyFile = None,
) -> None:
    """Time routers on this machine, and write the times into their files.

    All are asked the same cases, in turns, one at a time: let nothing else run. Without that a router's file
    has the times of the machine that tuned it. A cascade pins its routers, so make it anew afterwards.

    Example: routerlab tune time routers/minilm.toml routers/smollm2-135m.toml
    """
    from routerlab.api import load_async_router
    from routerlab.cli.shared.progress import teller
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.engine.contract.router import Router, load_router
    from routerlab.resources import POOLS, TAXONOMY
    from routerlab.tune.cases import load_training
    from routerlab.tune.stopwatch import time_routers

    loaded = {path: load_router(path) for path in router}
    files = {path: found for path, found in loaded.items() if isinstance(found, Router)}
    if len(files) != len(loaded):
        raise LabError("a cascade has the times of its routers: time those, then make it anew")
    training = load_training(corpus or POOLS, load_taxonomy(taxonomy or TAXONOMY))
    timed = asyncio.run(
        time_routers(
            files,
            training,
            seed,
            lambda path: load_async_router(path, taxonomy=taxonomy),
            teller(progress),
        )
    )
    for path, row in zip(files, timed, strict=True):
        if progress == "json":
            print_done(path, (), (row,))
        else:
            say(f"{path}: P50 {row.p50:.0f} ms, P95 {row.p95:.0f} ms")
