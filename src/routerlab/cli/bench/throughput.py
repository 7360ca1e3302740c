"""`routerlab bench throughput`: prompts a second, together and one by one."""

from typing import Annotated

import typer

from routerlab.cli.bench.options import Corpus, Out, check_out, named
from routerlab.cli.replay import BULK
from routerlab.cli.shared import options as o
from routerlab.cli.shared.open import cases_of, open_materials


@o.spread
def throughput(
    arm: o.Arms = None,
    corpus: Corpus = None,
    cases: Annotated[int | None, typer.Option(min=1, help="Only the first so many prompts.")] = None,
    slots: Annotated[int, typer.Option(min=2, help="Prompts that go into one decode at most.")] = BULK,
    out: Out = None,
    format: o.Format = "table",
    taxonomy: o.TaxonomyFile = None,
    exemplars: o.ExemplarsFile = None,
    *,
    on: o.Asking,
) -> None:
    """Prompts a second when several go into one decode, as in `replay --throughput`, against one by one.

    Example: routerlab bench throughput --arm smollm2-135m:probe --arm smollm2-135m:json
    """
    from dataclasses import asdict

    from routerlab.bench.rawdata import RawData
    from routerlab.bench.selection import single_arms
    from routerlab.bench.throughput import ThroughputRun, measure_throughput, throughput_row
    from routerlab.cli.bench.tables import throughput_table
    from routerlab.cli.shared.progress import teller
    from routerlab.cli.shared.show import print_json, print_table
    from routerlab.engine.lab.factory import model_arms

    settings = on.settings()
    materials = open_materials(taxonomy, corpus)
    corpus_ = cases_of(materials)
    prompts = [(case.id, case.prompt) for case in corpus_.case[:cases]]
    singles, bulks = (
        single_arms(named(arm), model_arms(materials.taxonomy, exemplars, settings, n)) for n in (1, slots)
    )
    check_out(out, [one.spec for one in singles], exemplars, corpus, taxonomy)
    data = RawData[ThroughputRun]("throughput", out, corpus_sha256=corpus_.sha256)

    async def measuring() -> None:
        for single, bulk in zip(singles, bulks, strict=True):
            tell = teller("text")
            await measure_throughput(single, bulk, slots, prompts, settings.timeout_s, tell, data.keep)

    data.collect(measuring())
    if format == "json":
        rows = {name: asdict(throughput_row(run)) for name, run in data.runs.items()}
        print_json({"data": str(data.path), "arms": rows})
    else:
        print_table(throughput_table(list(data.runs.values())))
