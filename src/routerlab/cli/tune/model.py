"""`routerlab tune MODEL`: from a labelled corpus and a model to a router file."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.cli.tune.options import (
    Corpus,
    Progress,
    Seed,
    check_out,
    exemplars_file,
    kept_if_stopped,
    make_plan,
    print_done,
)
from routerlab.core.errors import LabError
from routerlab.engine.contract.names import INSTRUCTIONS, Instruction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerlab.engine.arms.arm import ArmSpec
    from routerlab.engine.contract.router import Row
    from routerlab.tune.plan import Plan
    from routerlab.tune.run import Tuned


@o.spread
def model(
    model: Annotated[str, typer.Argument(help="A catalogue id or a .gguf file.")],
    corpus: Corpus = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The router file; routers/NAME.toml by default.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0.1, metavar="MINUTES", help="Leave out what does not fit into it.")
    ] = None,
    quantizations: Annotated[
        str, typer.Option(metavar="TYPES", help="Try the model in these types: q4_0,q8_0.")
    ] = "",
    instructions: Annotated[
        str, typer.Option(metavar="NAMES", help="What to try telling the model: full,cues,names.")
    ] = ",".join(INSTRUCTIONS),
    sets: Annotated[int, typer.Option(min=0, help="Exemplar sets drawn from the corpus, besides ours.")] = 0,
    window: Annotated[
        list[int] | None,
        typer.Option(min=16, max=4096, metavar="TOKENS", help="A routing window to try: 256, 160, 96."),
    ] = None,
    layer: Annotated[
        int | None, typer.Option(min=0, help="Read this layer, counted from 0, and try no other.")
    ] = None,
    seed: Seed = 0,
    limit: Annotated[float, typer.Option(metavar="MS", help="P95 that a routing window may have.")] = 2000.0,
    larger: Annotated[
        Path | None,
        typer.Option(metavar="ROUTER", help="Also make a cascade with this router, which lies beside --out."),
    ] = None,
    max_error: Annotated[
        float | None,
        typer.Option(min=0.001, max=0.5, metavar="SHARE", help="Abstain where more answers may be wrong."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="ray[://HOST:PORT]", help="Read the corpus on all machines of a cluster, and time here."
        ),
    ] = None,
    baselines: Annotated[bool, typer.Option(help="Measure json and score too, to compare with.")] = True,
    progress: Progress = "text",
    taxonomy: o.TaxonomyFile = None,
    exemplars: o.ExemplarsFile = None,
    *,
    on: o.Machine,
) -> None:
    """Tune a model: read the corpus, choose layer, way to ask and window, fit a head, and write the router.

    The quickest is taken that is as good as the best but for noise. Interrupted, the same command goes on
    where it stopped. With --max-error the router abstains from answers such that of the others, with
    confidence 0.9, no more are wrong. The corpus may not contain any of routing60.

    Example: routerlab tune smollm2-135m --quantizations q4_0,q8_0 --budget 30
    """
    from routerlab.cli.shared.progress import teller
    from routerlab.engine.cluster.arm import find_cluster

    if engine is not None and budget is not None:
        raise LabError("--budget goes by the pace of this machine, and --engine reads on others: use one")
    cluster = None if engine is None else find_cluster(engine, say)
    plan = make_plan(model, corpus, out, taxonomy, exemplars, seed, on.settings())
    read = (*(corpus or ()), taxonomy, exemplars_file(exemplars), larger)
    check_out(plan.out, *read)
    if larger is not None:
        from routerlab.engine.contract.router import load_router

        load_router(larger)
        if larger.resolve().parent != plan.out.resolve().parent:
            raise LabError(f"--larger {larger}: lies not in {plan.out.parent}, where the router will")
        check_out(_cascade_file(plan.out, larger), *read)
    plan = replace(
        plan,
        files=_quantized(plan.spec, quantizations),
        instructions=_named(instructions),
        sets=sets,
        windows=tuple(sorted(set(window), reverse=True)) if window else plan.windows,
        layer=layer,
        limit_ms=limit,
        baselines=baselines,
        max_error=max_error,
        budget_s=None if budget is None else budget * 60,
        cluster=cluster,
    )
    for warning in plan.training.warnings:
        say(f"warning: {warning}")
    tuned = asyncio.run(_run(plan, teller(progress)))
    rows = list(tuned.router.evidence.row)
    if larger is not None:
        from routerlab.cli.tune.cascade import make_cascade

        path = _cascade_file(tuned.path, larger)
        rows += make_cascade(path, (tuned.path, larger), seed=seed).cascade.evidence.row
    if progress == "json":
        print_done(tuned.path, (*plan.training.warnings, *tuned.notes), rows, tuned.fitted.curve)
    else:
        _print(tuned, rows)


def _cascade_file(router: Path, larger: Path) -> Path:
    """Where the cascade of the two goes."""
    return router.with_name(f"{router.stem}-then-{larger.stem}.toml")


def _named(instructions: str) -> tuple[Instruction, ...]:
    """The instructions of the list, the longest first; LabError when there is none of a name."""
    asked = {name.strip() for name in instructions.split(",")}
    if not asked <= set(INSTRUCTIONS):
        wrong = ", ".join(sorted(asked - set(INSTRUCTIONS))) or "none"
        raise LabError(f"--instructions: {wrong}: there are {', '.join(INSTRUCTIONS)}")
    return tuple(name for name in INSTRUCTIONS if name in asked)


def _quantized(spec: "ArmSpec", types: str) -> "tuple[ArmSpec, ...]":
    """The model in each of these types, made where it is not there yet; its own file is one of them."""
    from routerlab.cli.models.progress import Narrator
    from routerlab.models.gguf import read_header
    from routerlab.models.quantize import quantize, type_named

    own = read_header(spec.model).quantization
    wanted = [type_named(name.strip()) for name in types.split(",") if name.strip()]
    made = []
    for to in dict.fromkeys(wanted):
        if to == own:
            made.append(spec)
            continue
        with Narrator() as narrator:
            path, origin = quantize(spec.model, to, None, narrator.report)
        for words in origin.warnings:
            say(f"note: {path.name}: {words}")
        made.append(spec.model_copy(update={"model": path}))
    return tuple(made)


async def _run(plan: "Plan", tell: Any) -> "Tuned":
    from routerlab.tune.run import tune

    return await kept_if_stopped(tune(plan, tell))


def _print(tuned: "Tuned", rows: "Sequence[Row]") -> None:
    from routerlab.cli.shared.show import print_table
    from routerlab.cli.tune.tables import curve_plot, reliability_table, rows_table, tried_table
    from routerlab.core.statistics.calibration import reliability

    reliable = reliability(tuned.fitted.oof.shares, tuned.fitted.gold)
    print_table(tried_table(tuned.router.evidence.tried), rows_table(rows), reliability_table(reliable))
    print(curve_plot(tuned.fitted.curve))
    for note in tuned.notes:
        say(note)
    say(f"wrote {tuned.path}; ask it with --arm {tuned.path}")
