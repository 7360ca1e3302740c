"""`routerlab tune`: from a labelled corpus and a model to a router file."""

import asyncio
import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from routerlab.cli.shared import options as o
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerlab.engine.contract.router import Row
    from routerlab.tune.curve import Point
    from routerlab.tune.plan import Plan
    from routerlab.tune.run import Tuned


class ModelFirst(TyperGroup):
    """`tune MODEL` is short for `tune model MODEL`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The named command, or `model` when the first word is none."""
        if args and args[0] not in self.commands:
            args = ["model", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=ModelFirst,
    help="Make the best router that a model can be from a labelled corpus: `routerlab tune MODEL`.",
    no_args_is_help=True,
)

Corpus = Annotated[
    Path | None, typer.Option("--corpus", help="Labelled cases to fit to; the pool that ships.")
]
Seed = Annotated[int, typer.Option(help="Everything drawn by chance follows from it.")]
Progress = Annotated[
    Literal["text", "json"], typer.Option(help="text on stderr, or one JSON object a line on stdout.")
]


@app.command()
def model(
    model: Annotated[str, typer.Argument(help="A catalogue id or a .gguf file.")],
    corpus: Corpus = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The router file; routers/NAME.toml by default.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0.1, metavar="MINUTES", help="Leave out what does not fit into it.")
    ] = None,
    sets: Annotated[int, typer.Option(min=0, help="Exemplar sets drawn from the corpus, besides ours.")] = 1,
    window: Annotated[
        list[int] | None,
        typer.Option(min=16, max=4096, metavar="TOKENS", help="A routing window to try: 256, 160, 96."),
    ] = None,
    seed: Seed = 0,
    limit: Annotated[float, typer.Option(metavar="MS", help="P95 that a routing window may have.")] = 2000.0,
    larger: Annotated[
        Path | None,
        typer.Option(metavar="ROUTER", help="Also make a cascade with this router, which lies beside --out."),
    ] = None,
    baselines: Annotated[bool, typer.Option(help="Measure json and score too, to compare with.")] = True,
    progress: Progress = "text",
    taxonomy: o.TaxonomyFile = None,
    exemplars: o.ExemplarsFile = None,
    threads: o.Threads = None,
    context: o.Context = None,
    gpu_layers: o.GpuLayers = None,
) -> None:
    """Tune a model: read the corpus, choose layer, exemplars and window, fit a head, and write the router.

    Interrupted, the same command goes on where it stopped. The corpus may not contain any of routing60.

    Example: routerlab tune smollm2-135m --corpus corpus/pool.toml --budget 15
    """
    plan = make_plan(
        model, corpus, out, taxonomy, exemplars, threads=threads, context=context, gpu_layers=gpu_layers
    )
    from dataclasses import replace

    plan = replace(
        plan,
        sets=sets,
        windows=tuple(sorted(set(window), reverse=True)) if window else plan.windows,
        seed=seed,
        limit_ms=limit,
        baselines=baselines,
        budget_s=None if budget is None else budget * 60,
    )
    for warning in plan.training.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    tuned = asyncio.run(_run(plan, teller(progress)))
    rows = list(tuned.router.evidence.row)
    if larger is not None:
        from routerlab.cli.tune.cascade import make_cascade

        path = tuned.path.with_name(f"{tuned.path.stem}-then-{larger.stem}.toml")
        rows += make_cascade(path, (tuned.path, larger), seed=seed)[3].evidence.row
    if progress == "json":
        print_done(tuned.path, (*plan.training.warnings, *tuned.notes), rows, tuned.fitted.curve)
    else:
        _print(tuned, rows)


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


def make_plan(
    model: str,
    corpus: Path | None,
    out: Path | None,
    taxonomy: Path | None,
    exemplars: str | None,
    **settings: Any,
) -> "Plan":
    """What to tune, checked as far as that goes without a model."""
    needs_extra()
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.engine.contract.router import NAME
    from routerlab.engine.lab.specs import arm_spec
    from routerlab.paths import cache_dir, routers_dir
    from routerlab.resources import POOL, TAXONOMY
    from routerlab.tune.cases import load_training
    from routerlab.tune.plan import Plan

    if out and (out.suffix != ".toml" or not re.fullmatch(NAME, out.stem)):
        raise LabError(f"{out}: a router file is called NAME.toml, without spaces or colons in NAME")
    labels = load_taxonomy(taxonomy or TAXONOMY)
    training = load_training(corpus or POOL, labels)
    spec = arm_spec(model, "score")
    name = out.stem if out else re.sub(r"[\s/\\:]", "_", spec.name)
    return Plan(
        name=name,
        spec=spec,
        taxonomy=labels,
        training=training,
        shots=o.shots(o.exemplar_corpus(labels, exemplars)),
        settings=o.settings_with(**settings),
        out=out or routers_dir() / f"{name}.toml",
        store=cache_dir() / "answers.sqlite",
        command=shlex.join(["routerlab", *sys.argv[1:]]),
    )


def needs_extra() -> None:
    """LabError when scikit-learn is not here: it is wanted for fitting only."""
    from importlib.util import find_spec

    if find_spec("sklearn") is None:
        raise LabError("tuning needs scikit-learn: pip install 'routerlab[tune]'")


def teller(progress: str) -> Any:
    """How far it is, as the user wants to read it: (what, done, total) -> None."""
    import time

    last: dict[str, float] = {}
    tty = sys.stderr.isatty()

    def tell(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - last.get(what, 0.0) < (0.2 if tty or progress == "json" else 10.0):
            return
        last[what] = now
        if progress == "json":
            print(json.dumps({"stage": what, "done": done, "total": total}), flush=True)
        elif tty:
            end = "\n" if done == total else ""
            print(f"\r\x1b[K{what}: {done}/{total}", end=end, file=sys.stderr, flush=True)
        else:
            print(f"{what}: {done}/{total}", file=sys.stderr, flush=True)

    return tell


async def _run(plan: "Plan", tell: Any) -> "Tuned":
    from routerlab.tune.run import tune

    try:
        return await tune(plan, tell)
    except asyncio.CancelledError:
        print("\nwhat was read is kept; the same command goes on from there", file=sys.stderr)
        raise


def _print(tuned: "Tuned", rows: "Sequence[Row]") -> None:
    from routerlab.cli.shared.show import print_table
    from routerlab.cli.tune.tables import curve_plot, reliability_table, rows_table
    from routerlab.core.statistics.calibration import reliability

    print_table(rows_table(rows))
    print_table(reliability_table(reliability(tuned.fitted.oof.shares, tuned.fitted.gold)))
    print(curve_plot(tuned.fitted.curve))
    for note in tuned.notes:
        print(note, file=sys.stderr)
    print(f"wrote {tuned.path}; ask it with --arm {tuned.path}", file=sys.stderr)
