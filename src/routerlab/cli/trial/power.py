"""`routerlab trial power`: what a trial of a given size can find."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from rich.table import Table

    from routerlab.study.trial.analysis.power import Power


def power(
    file: Annotated[
        Path | None, typer.Argument(metavar="PROTOCOL.toml", help="Whose size is looked at, if any.")
    ] = None,
    accuracy: Annotated[
        list[float] | None,
        typer.Option(min=0.01, max=0.99, help="An arm's assumed accuracy; twice or more: 0.85 and 0.75."),
    ] = None,
    n: Annotated[
        list[int] | None,
        typer.Option("--n", min=2, max=20_000, help="Cases, or sessions an arm with --unpaired; 60 120 240."),
    ] = None,
    discordance: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Share of cases that only one of the first two gets right; 0.2."),
    ] = None,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="Arms answer different cases: two proportions.")
    ] = False,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.5, help="Of all pairs together (Holm).")] = 0.05,
    target: Annotated[float, typer.Option(min=0.05, max=0.99, help="Which power is wanted.")] = 0.8,
    simulations: Annotated[int, typer.Option(min=100, max=100_000, help="How many trials.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="What is drawn follows from it.")] = 0,
    format: o.Format = "table",
) -> None:
    """Simulate trials: how often are assumed differences in accuracy found, and how many cases does it take?

    Paired: every arm answers the same cases (exact McNemar); what counts is how often only one of two is
    right. Unpaired: two proportions. Decoding is deterministic: repeats of a case add nothing to accuracy.

    Example: routerlab trial power --accuracy 0.85 --accuracy 0.75 --n 60 --n 120 --n 240
    """
    from dataclasses import asdict
    from itertools import combinations

    from routerlab.cli.shared.show import print_json, print_table
    from routerlab.study.trial.analysis import power as powers

    accuracies = accuracy or [0.85, 0.75]
    if len(accuracies) < 2:
        raise LabError("one accuracy is nothing to compare; give --accuracy twice or more")
    if unpaired and discordance is not None:
        raise LabError("arms that answer different cases have no discordance; leave one of the two out")
    sizes = sorted(n or ([_size(file, unpaired)] if file else [60, 120, 240]))
    share = 0.2 if discordance is None else discordance
    correlation = 0.0 if unpaired else powers.correlation_for(accuracies[0], accuracies[1], share)

    design = powers.Design(accuracies, not unpaired, correlation, alpha, simulations, seed)
    found = [design.power(size) for size in sizes]
    enough = design.needed(target)
    assumed = f"accuracies {', '.join(f'{a:g}' for a in accuracies)}, alpha {alpha:g} over all pairs (Holm)"
    if not unpaired:
        assumed += f", {share:.0%} of the cases discordant (correlation {correlation:.2f})"
    if format == "json":
        assumptions = {"accuracies": accuracies, "discordance": None if unpaired else share, **asdict(design)}
        print_json(
            {**assumptions, "power": [asdict(one) for one in found], "target": target, "needed": enough}
        )
        return
    pairs = [f"{a:g} and {b:g}" for a, b in combinations(accuracies, 2)]
    print_table(_table(found, pairs, "sessions" if unpaired else "cases"))
    typer.echo(f"assumed: {assumed}")
    unit = "sessions an arm" if unpaired else "cases"
    size = f"about {enough} {unit}" if enough else f"more than 4000 {unit}"
    typer.echo(f"for a power of {target:g} to find every difference: {size}")


def _size(file: Path, unpaired: bool) -> int:
    """What a protocol has: different cases that every arm answers, or sessions an arm."""
    from routerlab.study.trial.protocol.registration import register

    work = register(file)
    sessions = work.protocol.sessions
    return max(2, sessions if unpaired else min(sessions, len(work.cases)))


def _table(found: "list[Power]", pairs: list[str], unit: str) -> "Table":
    from routerlab.cli.shared.tables import figures_table

    headings = (unit, *pairs, *(["every difference"] if len(pairs) > 1 else []), "+-")
    table = figures_table("power by simulation, with the Monte-Carlo standard error at worst", (), headings)
    for one in found:
        shares = [*one.pairs, *([one.all] if len(pairs) > 1 else [])]
        table.add_row(str(one.n), *(f"{share:.3f}" for share in shares), f"{one.error:.3f}")
    return table
