"""`routerlab tune scores`: a router that reads label scores, calibrated."""

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
    exemplars_file,
    make_plan,
    print_done,
)
from routerlab.engine.contract.names import Encoding


def scores(
    model: Annotated[str, typer.Argument(help="A catalogue id or a .gguf file.")],
    corpus: Corpus = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The router file; routers/NAME-scores.toml by default.")
    ] = None,
    recent: Annotated[
        int, typer.Option(min=0, help="Fit nothing: debias by so many recent prompts, without labels.")
    ] = 0,
    encoding: Annotated[
        Encoding | None,
        typer.Option(help="How answers are written; by default all are tried and the best is chosen."),
    ] = None,
    seed: Seed = 0,
    progress: Progress = "text",
    taxonomy: o.TaxonomyFile = None,
    exemplars: o.ExemplarsFile = None,
) -> None:
    """Calibrate the label scores of a model: temperature and a bias for each label, or label-free debiasing.

    Names in JSON, bare names and single-letter codes are measured; the quickest of the good ones is taken.

    A probe is better; scores need no fitting and work with any label you can name.

    Example: routerlab tune scores qwen2.5-coder-1.5b
    """
    from routerlab.cli.shared.progress import teller
    from routerlab.cli.shared.show import print_table
    from routerlab.cli.tune.tables import rows_table
    from routerlab.engine.contract.encoding import DESCRIBED
    from routerlab.tune.scores.run import tune_scores

    plan = make_plan(model, corpus, out, taxonomy, exemplars, seed)
    if out is None:
        name = f"{plan.name}-scores"
        plan = replace(plan, name=name, out=plan.out.with_name(f"{name}.toml"))
    check_out(plan.out, *(corpus or ()), taxonomy, exemplars_file(exemplars))
    encodings = (encoding,) if encoding else tuple(DESCRIBED)
    router = asyncio.run(tune_scores(plan, encodings, recent, teller(progress)))
    if progress == "json":
        print_done(plan.out, (), router.evidence.row)
        return
    print_table(rows_table(router.evidence.row))
    say(f"wrote {plan.out}; ask it with --arm {plan.out}")
