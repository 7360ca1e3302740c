"""`routerlab bench capacity`: machines and cost for a rate of requests, from times that were measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.bench.options import named
from routerlab.cli.shared import options as o
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from routerlab.bench.capacity import Seconds


def capacity(
    arm: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            "-a",
            metavar="ROUTER",
            help="A router with the times of its file; may be given several times.",
        ),
    ] = None,
    session: Annotated[
        Path | None,
        typer.Option(help="A session or log: its arms, or those of --arm, with the times measured there."),
    ] = None,
    rate: Annotated[
        list[float] | None,
        typer.Option(
            min=0.001, max=1e6, metavar="PER_SECOND", help="Requests a second; 1, 100 and 10,000 by default."
        ),
    ] = None,
    limit: Annotated[
        float, typer.Option(min=1, max=1e6, metavar="MS", help="What P95 is to keep, its wait included.")
    ] = 2000.0,
    busy: Annotated[
        float, typer.Option(min=0.05, max=1.0, help="No machine is to be at work for more of the time.")
    ] = 0.8,
    price: Annotated[float, typer.Option(min=0, max=1e6, help="What an hour of a machine costs.")] = 0.1,
    format: o.Format = "table",
) -> None:
    """Machines and cost for a rate of requests, each machine with one process of the router.

    It is a model (M/G/c, Allen and Cunneen), fed with the times of single requests: those in a router's file
    are of the machine that tuned it, those of a session of whatever it ran on.

    Example: routerlab bench capacity --arm minilm:probe --arm smollm2-135m:probe --limit 300
    """
    from dataclasses import asdict, astuple

    from routerlab.bench.capacity import need
    from routerlab.cli.shared.show import print_json, print_table
    from routerlab.cli.shared.tables import cell, figures_table

    found = _of_session(session, arm) if session else {text: _of_router(text) for text in named(arm)}
    rates = rate or [1.0, 100.0, 10_000.0]
    needs = {
        name: [need(times, one, limit / 1000.0, price, busy) for one in rates]
        for name, times in found.items()
    }
    if format == "json":
        rows = {name: [asdict(row) for row in arms] for name, arms in needs.items()}
        print_json({"limit_ms": limit, "price": price, "arms": rows})
        return
    caption = (
        f"P95 <= {limit:g} ms, at work {100 * busy:g} % of the time at most, a machine {price:g} an hour; "
        "knee: requests a second that one takes; dealt: machines where the balancer deals at random"
    )
    headings = ("mean ms", "knee", "a second", "machines", "P95 ms", "dealt", "a month", "a million")
    table = figures_table(caption, ["arm"], headings)
    for name, arms in needs.items():
        for row in arms:
            table.add_row(cell(name), *map(_figure, astuple(row)))
    print_table(table)


def _figure(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _of_session(path: Path, arms: list[str] | None) -> "dict[str, Seconds]":
    """The times of its arms, or of those named; LabError when one has none."""
    from routerlab.study.load import load

    times: dict[str, list[float]] = {name: [] for name in arms or ()}
    for row in load(path).rows:
        if row.latency_ms is not None and (not arms or row.arm in times):
            times.setdefault(row.arm, []).append(row.latency_ms)
    if not times:
        raise LabError(f"{path}: no arm of it was timed")
    return {name: _seconds(f"{path}: {name}", found) for name, found in times.items()}


def _of_router(text: str) -> "Seconds":
    """The times in a router's file; LabError when it has none."""
    from routerlab.engine.contract.router import Cascade, load_router
    from routerlab.engine.lab.specs import find_router
    from routerlab.tune.out_of_fold import load_oof

    path = (
        Path(text)
        if text.endswith(".toml")
        else find_router(text.removesuffix(":probe").removesuffix(":cascade"))
    )
    router = load_router(path)
    if isinstance(router, Cascade):
        raise LabError(
            f"{text}: a cascade's file has no times; `routerlab replay` it, and name its --session"
        )
    times = load_oof(path.parent, router.evidence.answers, router.name).times
    return _seconds(text, times.tolist())


def _seconds(name: str, times_ms: "Iterable[float]") -> "Seconds":
    """The times as seconds, without those that were not taken; LabError when none is left."""
    import numpy as np

    times = np.array([ms for ms in times_ms if ms > 0.0]) / 1000.0  # none of NaN is above 0
    if not len(times):
        raise LabError(
            f"{name}: no request was timed alone; `routerlab replay` without --throughput does that"
        )
    return times
