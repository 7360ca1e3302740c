"""`routerlab bench memory`: what an arm takes, and whether it grows."""

from typing import Annotated

import typer

from routerlab.cli.bench.options import Corpus, Format, Out, named
from routerlab.cli.shared import options as o
from routerlab.core.errors import Exit


def memory(
    arm: o.Arms = None,
    predictions: Annotated[int, typer.Option(min=1, help="How many predictions.")] = 10_000,
    every: Annotated[
        int | None, typer.Option(min=1, help="Look after every so many; by default twenty times in all.")
    ] = None,
    corpus: Corpus = None,
    out: Out = None,
    format: Format = "table",  # noqa: A002
    exemplars: o.ExemplarsFile = None,
    threads: o.Threads = None,
    context: o.Context = None,
    gpu_layers: o.GpuLayers = None,
    device: o.Devices = None,
    split: o.SplitOption = None,
) -> int:
    """Memory of an arm's worker: before loading, after, and over thousands of predictions.

    Ends with 1 when an arm's memory grows.

    Example: routerlab bench memory --arm smollm2-135m:probe --out memory.json
    """
    from routerlab.bench.groups import single_arms
    from routerlab.bench.memory import MemoryRun, flat, measure_memory, slope
    from routerlab.bench.rawdata import RawData
    from routerlab.cli.bench.tables import memory_table
    from routerlab.cli.shared.progress import teller
    from routerlab.cli.shared.show import print_json, print_table

    settings = o.settings_with(
        threads=threads, context=context, gpu_layers=gpu_layers, devices=device, split=split
    )
    materials = o.open_materials(None, corpus)
    assert materials.corpus is not None
    prompts = [case.prompt for case in materials.corpus.case]
    arms = single_arms(named(arm), o.model_arms(materials.taxonomy, exemplars, settings))
    look = every or max(1, predictions // 20)
    data = RawData[MemoryRun]("memory", out, corpus_sha256=materials.corpus.sha256)

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
