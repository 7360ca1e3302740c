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
    on: o.Gathering,
) -> None:
    """Send Poisson traffic to one arm, more and more, until it cannot keep up, and report the knee.

    Latency counts from the moment a session is due. The knee is the highest load that does not saturate the
    arm, at a P95 of at most three times its P95 without load. With --concurrency the arm is loaded twice, and
    measured side by side: one question at a time, and so many that wait decoded together.

    Examples: routerlab trial sweep --arm smollm2-135m:probe --n 60
    routerlab trial sweep --arm smollm2-135m:probe --concurrency 4
    """
    from routerlab.cli.shared.show import print_json, print_table
    from routerlab.engine.lab.factory import model_arms
    from routerlab.engine.lab.lab import Lab
    from routerlab.engine.lab.specs import any_spec

    settings = on.settings()
    materials = open_materials(taxonomy, corpus)
    cases_of(materials)
    spec = any_spec(arm, settings.contract)
    ways = [settings.model_copy(update={"concurrency": n}) for n in sorted({1, settings.concurrency})]

    async def run() -> "list[Sweep]":
        labs = [Lab(materials, way, model_arms(materials.taxonomy, exemplars, way), None) for way in ways]
        try:
            return await _measure(labs, spec, rate or [], n, seed)
        finally:
            for lab in labs:
                await lab.close()

    found = asyncio.run(run())
    if format == "json":
        told = [one.model_dump(mode="json") for one in found]
        print_json(told if len(told) > 1 else told[0])
        return
    print_table(_table(found))
    for one in found:
        knee = f"{one.knee:.2f} sessions a second" if one.knee else "below the lowest load that was tried"
        typer.echo(
            f"{_how(one.concurrency)}without load: P50 {one.unloaded_p50:.0f} ms, P95 {one.unloaded_p95:.0f} "
            f"ms, {one.capacity:.2f} sessions a second"
        )
        typer.echo(f"{_how(one.concurrency)}knee: {knee}")


def _how(concurrency: int | None) -> str:
    return f"{concurrency} together: " if concurrency else ""


async def _measure(labs: "list[Lab]", spec: "Spec", rates: list[float], n: int, seed: int) -> "list[Sweep]":
    from routerlab.engine.lab.start import connect, start_arms
    from routerlab.study.trial.protocol.registration import connections
    from routerlab.study.trial.run.sweep import sweep as measure

    for lab in labs:
        await start_arms(lab, [spec], say)
        await connect(lab, {spec.name: connections(spec, lab.settings.schedule) - 1}, say)
    alone, *others = labs
    labs = [alone, *(lab for lab in others if _takes_several(lab, spec.name))]
    if others and len(labs) == 1:
        say(f"{spec.name} takes one question at a time: there is nothing to compare")
    return await measure(labs, spec.name, labs[0].cases(), rates, n, seed, _told)


def _takes_several(lab: "Lab", arm: str) -> bool:
    info = lab.arms[arm].state.info
    return info is not None and info.concurrency is not None


def _told(lab: "Lab", level: "Level") -> None:
    how = _how(lab.settings.concurrency if lab.settings.concurrency > 1 else None)
    late = ", saturated" * level.saturated
    say(f"{how}{level.offered:.2f} a second: P95 {level.response_p95:.0f} ms{late}")


def _table(found: "list[Sweep]") -> "Table":
    from routerlab.cli.shared.tables import cell, figures_table

    caption = "sessions a second; milliseconds from when a session was due; late: after the last was sent"
    together = ("together",) if len(found) > 1 else ()
    headings = (*together, "offered", "answered", "P50", "P95", "queue P95", "service P50", "late s")
    table = figures_table(caption, (), headings)
    table.add_column("")
    rows = [(one.offered, sweep.concurrency or 1, one, sweep.knee) for sweep in found for one in sweep.levels]
    for offered, most, one, knee in sorted(rows, key=lambda row: row[:2]):
        figures = (one.response_p50, one.response_p95, one.queue_p95, one.service_p50)
        notes = ["saturated"] if one.saturated else ["knee"] if offered == knee else []
        notes += [f"{one.failed} failed"] if one.failed else []
        table.add_row(
            *(str(most) for _ in together),
            f"{offered:.2f}",
            f"{one.answered_rate:.2f}",
            *(f"{value:.0f}" for value in figures),
            f"{one.late_s:.1f}",
            cell(", ".join(notes)),
        )
    return table
