"""`routerlab bench length`: cost against prompt length."""

from typing import Annotated

import typer

from routerlab.cli.bench.options import Out, check_out, named
from routerlab.cli.shared import options as o


@o.spread
def length(
    arm: o.Arms = None,
    window: Annotated[
        int | None, typer.Option(min=16, help="The routing window; the router's own, or 256 tokens.")
    ] = None,
    longest: Annotated[int, typer.Option(min=16, metavar="TOKENS", help="Leave out longer prompts.")] = 4000,
    repeats: Annotated[int, typer.Option(min=1, help="How often every prompt is asked.")] = 3,
    out: Out = None,
    format: o.Format = "table",
    exemplars: o.ExemplarsFile = None,
    *,
    on: o.Machine,
) -> None:
    """Time against prompt length, 16 to 4,000 tokens: prompts read whole, and through the routing window.

    Example: routerlab bench length --arm smollm2-135m:probe --out length.json
    """
    from dataclasses import asdict

    from routerlab.bench.length import CONTEXT, LENGTHS, TIMEOUT_S, LengthRun, length_rows, measure_length
    from routerlab.bench.rawdata import RawData
    from routerlab.bench.selection import single_arms
    from routerlab.cli.bench.tables import length_plot, length_table
    from routerlab.cli.shared.progress import teller
    from routerlab.cli.shared.show import print_json, print_table
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.engine.lab.factory import model_arms
    from routerlab.resources import TAXONOMY

    settings = on.settings()
    settings = settings.model_copy(update={"context": max(settings.context, CONTEXT)})
    make = model_arms(load_taxonomy(TAXONOMY), exemplars, settings)
    arms = single_arms(named(arm), make)
    lengths = [n for n in LENGTHS if n <= longest]
    check_out(out, [one.spec for one in arms], exemplars)
    data = RawData[LengthRun]("length", out, repeats=repeats)

    async def measuring() -> None:
        for one in arms:
            await measure_length(one, window, lengths, repeats, TIMEOUT_S, teller("text"), data.keep)

    data.collect(measuring())
    if format == "json":
        rows = {name: [asdict(row) for row in length_rows(run)] for name, run in data.runs.items()}
        print_json({"data": str(data.path), "arms": rows})
        return
    for run in data.runs.values():
        print_table(length_table(run))
        print(length_plot(run))
