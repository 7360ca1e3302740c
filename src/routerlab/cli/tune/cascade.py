"""`routerlab tune cascade`: when to ask the larger router."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from routerlab.cli.shared.show import say
from routerlab.cli.shared.study import command_line
from routerlab.cli.tune.options import Seed
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from routerlab.engine.contract.router import Cascade
    from routerlab.tune.cascade.thresholds import Members, Point


def cascade(
    router: Annotated[list[Path], typer.Argument(help="Router files in one folder, the smallest first.")],
    accuracy: Annotated[
        float | None, typer.Option(min=0, max=1, help="Wanted accuracy; that of the last router by default.")
    ] = None,
    share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Or: the share of prompts the last may be asked.")
    ] = None,
    rule: Annotated[
        Literal["confidence", "disagreement"],
        typer.Option(help="Ask the last where the first is not sure, or where the first two disagree."),
    ] = "confidence",
    out: Annotated[
        Path | None, typer.Option("--out", help="The cascade file; cascade.toml beside the routers.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Choose the confidence below which a larger router is asked, from answers to cases not fitted to.

    Prints accuracy against mean time for every threshold, and writes a cascade that --arm takes.

    Example: routerlab tune cascade routers/smollm2-135m.toml routers/qwen2.5-coder-1.5b.toml
    """
    path = out or router[0].parent / "cascade.toml"
    m, shown, chosen, _ = make_cascade(path, router, rule, accuracy, share, seed)
    _print(m, shown, chosen, [p.stem for p in router])
    say(f"wrote {path}; ask it with --arm {path}")


def make_cascade(
    path: Path,
    files: Sequence[Path],
    rule: Literal["confidence", "disagreement"] = "confidence",
    accuracy: float | None = None,
    share: float | None = None,
    seed: int = 0,
) -> "tuple[Members, list[Point], Point, Cascade]":
    """Choose and write a cascade: members' answers, trade-off, the choice, what was written.

    LabError when the routers do not go together.
    """
    from routerlab.engine.contract.router import Router, load_router
    from routerlab.tune.cascade.thresholds import members
    from routerlab.tune.cascade.write import write_cascade
    from routerlab.tune.out_of_fold import load_oof

    wanted = 2 if rule == "confidence" else 3
    if len(files) != wanted:
        raise LabError(f"rule {rule!r} needs {wanted} routers, the smallest first; {len(files)} are named")
    if len({file.resolve().parent for file in (path, *files)}) != 1:
        raise LabError("a cascade and its routers lie in one folder, to be shared together: copy them there")
    loaded = [load_router(file) for file in files]
    routers = [r for r in loaded if isinstance(r, Router)]
    if len(routers) != len(loaded):
        raise LabError("a cascade cannot be a member of a cascade")
    if len({r.taxonomy_sha256 for r in routers}) != 1:
        raise LabError("these routers were tuned for different taxonomies")
    parts = [load_oof(f.parent, r.evidence.answers, r.name) for f, r in zip(files, routers, strict=True)]
    m = members(parts)
    command = command_line()
    cascade, chosen, shown = write_cascade(path, files, routers, m, rule, accuracy, share, seed, command)
    return m, shown, chosen, cascade


def _print(m: "Members", shown: "list[Point]", chosen: "Point", names: list[str]) -> None:
    import numpy as np

    from routerlab.cli.shared.show import print_table
    from routerlab.cli.shared.tables import figures_table

    table = figures_table(
        "on cases that no head was fitted to; mean time in ms of those that were timed",
        (),
        ("threshold", "accuracy", "mean ms", "asks the last"),
    )
    for p in shown:
        table.add_row(f"{p.threshold:.2f}", f"{p.accuracy:.3f}", f"{p.mean_ms:.0f}", f"{p.asked:.0%}")
    print_table(table)
    for name, answers, times in zip(names, m.answers, m.times, strict=True):
        print(f"{name} alone: accuracy {(answers == m.gold).mean():.3f}, mean {np.nanmean(times):.0f} ms")
    print(
        f"chosen, cross-validated: threshold {chosen.threshold:.2f}, accuracy {chosen.accuracy:.3f}, "
        f"mean {chosen.mean_ms:.0f} ms, asks {names[-1]} for {chosen.asked:.0%}"
    )
