"""`routerlab trial sweep`: latency against offered load."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.open import cases_of, open_materials
from routerlab.cli.shared.show import say

if TYPE_CHECKING:
    from rich.table import Table

    from routerlab.engine.arms.arm import Spec
    from routerlab.engine.lab.lab import Lab
    from routerlab.study.trial.run.sweep import Level, Sweep


@o.spread
def sweep(
    arm: Annotated[str, typer.Option("--arm", "-a", metavar="ID_OR_PATH[:CONTRACT]", help="Whom to load.")],
    rate: Annotated[
        list[float] | None,
        typer.Option(min=0.001, help="Sessions a second; several times. By default shares of its capacity."),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=10, max=5000, help="Sessions at each load.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="When sessions are due follows from it.")] = 0,
    corpus: Annotated[Path | None, typer.Option(help="Whose prompts; the sixty by default.")] = None,
    format: o.Format = "table",
    taxonomy: o.TaxonomyFile = None,
    exemplars: o.ExemplarsFile = None,
    *,
    on: o.Asking,
) -> None:
    """Send Poisson traffic to one arm, more and more, until it cannot keep up, and report the knee.

    Latency counts from the moment a session is due. The knee is the highest load that does not saturate the
    arm, at a P95 of at most three times its P95 without load.

    Example: routerlab trial sweep --arm smollm2-135m:probe --n 60
    """
    from routerlab.cli.shared.show import print_json, print_table
    from routerlab.engine.lab.factory import model_arms
    from routerlab.engine.lab.lab import Lab
    from routerlab.engine.lab.specs import any_spec

    settings = on.settings()
    materials = open_materials(taxonomy, corpus)
    cases_of(materials)
    make = model_arms(materials.taxonomy, exemplars, settings)
    spec = any_spec(arm, settings.contract)

    async def run() -> "Sweep":
        lab = Lab(materials, settings, make, None)
        try:
            return await _measure(lab, spec, rate or [], n, seed)
        finally:
            await lab.close()

    found = asyncio.run(run())
    if format == "json":
        print_json(found.model_dump(mode="json"))
        return
    print_table(_table(found))
    typer.echo(
        f"without load: P50 {found.unloaded_p50:.0f} ms, P95 {found.unloaded_p95:.0f} ms, "
        f"{found.capacity:.2f} sessions a second"
    )
    knee = f"{found.knee:.2f} sessions a second" if found.knee else "below the lowest load that was tried"
    typer.echo(f"knee: {knee}")


async def _measure(lab: "Lab", spec: "Spec", rates: list[float], n: int, seed: int) -> "Sweep":
    from routerlab.engine.lab.start import start_arms
    from routerlab.study.trial.protocol.registration import connections
    from routerlab.study.trial.run.sweep import sweep as measure

    await start_arms(lab, [spec], say)
    for _ in range(connections(spec, lab.settings.schedule) - 1):
        lab.add_connection(spec.name)
    await lab.settled()
    return await measure(lab, spec.name, lab.cases(), rates, n, seed, _told)


def _told(level: "Level") -> None:
    say(f"{level.offered:.2f} a second: P95 {level.response_p95:.0f} ms{', saturated' * level.saturated}")


def _table(found: "Sweep") -> "Table":
    from routerlab.cli.shared.tables import cell, figures_table

    caption = "sessions a second; milliseconds from when a session was due; late: after the last was sent"
    headings = ("offered", "answered", "P50", "P95", "queue P95", "service P50", "late s")
    table = figures_table(caption, (), headings)
    table.add_column("")
    for one in found.levels:
        figures = (one.response_p50, one.response_p95, one.queue_p95, one.service_p50)
        notes = ["saturated"] if one.saturated else ["knee"] if one.offered == found.knee else []
        notes += [f"{one.failed} failed"] if one.failed else []
        table.add_row(
            f"{one.offered:.2f}",
            f"{one.answered_rate:.2f}",
            *(f"{value:.0f}" for value in figures),
            f"{one.late_s:.1f}",
            cell(", ".join(notes)),
        )
    return table
