"""`routerlab bench memory`: what an arm takes, and whether it grows."""

from typing import Annotated

import typer

from routerlab.cli.bench.options import Corpus, Out, check_out, named
from routerlab.cli.shared import options as o
from routerlab.cli.shared.open import cases_of, open_materials
from routerlab.core.errors import Exit


@o.spread
def memory(
    arm: o.Arms = None,
    predictions: Annotated[int, typer.Option(min=1, help="How many predictions.")] = 10_000,
    every: Annotated[
        int | None, typer.Option(min=1, help="Look after every so many; by default twenty times in all.")
    ] = None,
    corpus: Corpus = None,
    out: Out = None,
    format: o.Format = "table",
    exemplars: o.ExemplarsFile = None,
    *,
    on: o.Machine,
) -> int:
    """Memory of an arm's worker: before loading, after, and over thousands of predictions.

    Ends with 1 when an arm's memory grows.

    Example: routerlab bench memory --arm smollm2-135m:probe --out memory.json
    """
    from routerlab.bench.memory import MemoryRun, flat, measure_memory, slope
    from routerlab.bench.rawdata import RawData
    from routerlab.bench.selection import single_arms
    from routerlab.cli.bench.tables import memory_table
    from routerlab.cli.shared.progress import teller
    from routerlab.cli.shared.show import print_json, print_table
    from routerlab.engine.lab.factory import model_arms

    settings = on.settings()
    materials = open_materials(None, corpus)
    corpus_ = cases_of(materials)
    prompts = [case.prompt for case in corpus_.case]
    arms = single_arms(named(arm), model_arms(materials.taxonomy, exemplars, settings))
    look = every or max(1, predictions // 20)
    check_out(out, [one.spec for one in arms], exemplars, corpus)
    data = RawData[MemoryRun]("memory", out, corpus_sha256=corpus_.sha256)

    async def measuring() -> None:
        for one in arms:
            limit_s = settings.timeout_s
            await measure_memory(one, prompts, predictions, look, limit_s, teller("text"), data.keep)

    data.collect(measuring())
    verdicts = {name: {"bytes_per_1000": slope(run), "flat": flat(run)} for name, run in data.runs.items()}
    if format == "json":
        print_json({"data": str(data.path), "arms": verdicts})
    else:
        print_table(memory_table(list(data.runs.values())))
    grew = any(verdict["flat"] is False for verdict in verdicts.values())
    return Exit.CHECK_FAILED if grew else Exit.OK
