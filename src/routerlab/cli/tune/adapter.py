"""`routerlab tune adapter MODEL`: an adapter of an encoder and its head, trained together."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.cli.tune.options import (
    Corpus,
    Progress,
    Seed,
    check_out,
    kept_if_stopped,
    make_plan,
    print_done,
)
from routerlab.core.errors import LabError

NEEDED = ("torch", "transformers", "peft")


def adapter(
    model: Annotated[str, typer.Argument(help="A catalogue id or a .gguf file of an encoder.")],
    corpus: Corpus = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The router file; routers/NAME.toml by default.")
    ] = None,
    layer: Annotated[
        int | None, typer.Option(min=0, help="The layer that is read, counted from 0; the last by default.")
    ] = None,
    window: Annotated[int, typer.Option(min=16, max=510, metavar="TOKENS", help="The routing window.")] = 192,
    rank: Annotated[int, typer.Option(min=1, max=256, help="Of the matrices that are added.")] = 16,
    epochs: Annotated[int, typer.Option(min=1, max=100, help="How often each case is trained on.")] = 3,
    seed: Seed = 0,
    max_error: Annotated[
        float | None,
        typer.Option(min=0.001, max=0.5, metavar="SHARE", help="Abstain where more answers may be wrong."),
    ] = None,
    progress: Progress = "text",
    taxonomy: o.TaxonomyFile = None,
) -> None:
    """Train an encoder's adapter (LoRA) and its head together, where a head alone is not enough.

    It lies beside the router's file as NAME.lora.gguf, and the model's own file stays as it is. Needs torch
    (the extra `transformers`), and trains six times: some minutes each for a small encoder on two cores.
    Stopped, the same command goes on with the next one.

    Example: routerlab tune adapter all-minilm-l6-v2 --layer 3 --out routers/minilm.toml
    """
    from importlib.util import find_spec

    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise LabError(f"training needs {', '.join(missing)}: pip install 'routerlab[transformers]'")
    from routerlab.api import load_async_router
    from routerlab.cli.shared.progress import teller
    from routerlab.models.gguf import read_header
    from routerlab.tune.adapter.run import tune_adapter
    from routerlab.tune.adapter.train import Recipe

    plan = replace(make_plan(model, corpus, out, taxonomy, None, seed), max_error=max_error)
    check_out(plan.out, *(corpus or ()), taxonomy)
    for warning in plan.training.warnings:
        say(f"warning: {warning}")
    last = (read_header(plan.spec.model).n_layers or 1) - 1
    work = tune_adapter(
        plan,
        last if layer is None else layer,
        window,
        Recipe(rank=rank, epochs=epochs),
        lambda path: load_async_router(path, taxonomy=taxonomy),
        teller(progress),
    )
    done = asyncio.run(kept_if_stopped(work))
    rows = done.router.evidence.row
    if progress == "json":
        print_done(done.path, done.notes, rows)
        return
    from routerlab.cli.shared.show import print_table
    from routerlab.cli.tune.tables import rows_table

    print_table(rows_table(rows))
    for note in done.notes:
        say(note)
    say(f"wrote {done.path}; ask it with --arm {done.path}")
