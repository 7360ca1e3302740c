"""`routerlab tune cascade`: when to ask the larger routers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from routerlab.cli.shared.show import say
from routerlab.cli.shared.study import command_line
from routerlab.cli.tune.options import Seed, check_name, check_out
from routerlab.core.errors import LabError
from routerlab.core.text import plural

if TYPE_CHECKING:
    from routerlab.tune.cascade.thresholds import Wish
    from routerlab.tune.cascade.write import Made

MOST = 6
"""Routers in a cascade."""


def cascade(
    router: Annotated[list[Path], typer.Argument(help="Router files in one folder, the smallest first.")],
    accuracy: Annotated[
        float | None, typer.Option(min=0, max=1, help="Wanted accuracy; that of the last router by default.")
    ] = None,
    ms: Annotated[
        float | None, typer.Option(min=0, help="Or: the mean milliseconds that a prompt may take.")
    ] = None,
    share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Or: the share of prompts the last may be asked.")
    ] = None,
    rule: Annotated[
        Literal["confidence", "disagreement"],
        typer.Option(help="Ask the next where one is not sure, or a third where the first two disagree."),
    ] = "confidence",
    out: Annotated[
        Path | None, typer.Option("--out", help="The cascade file; cascade.toml beside the routers.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Choose how sure each of two to six routers must be, from answers to cases not fitted to.

    Thresholds are chosen together: for the wanted accuracy in the least mean time, or the best accuracy
    within --ms or --share. Prints accuracy against mean time wherever nothing is better in both, and writes
    a cascade that --arm takes.

    Example: routerlab tune cascade routers/smollm2-135m.toml routers/qwen2.5-coder-1.5b.toml
    """
    from routerlab.tune.cascade.thresholds import Wish

    wishes = [wish for wish in (accuracy, ms, share) if wish is not None]
    if len(wishes) > 1:
        raise LabError("--accuracy, --ms and --share: name one, the others follow from it")
    if wishes and rule == "disagreement":
        raise LabError("--accuracy, --ms and --share choose thresholds, and --rule disagreement has none")
    path = out or router[0].parent / "cascade.toml"
    made = make_cascade(path, router, rule, Wish(accuracy, ms, share), seed)
    _print(made, [p.stem for p in router])
    if not made.fulfilled:
        nearest = "the quickest" if ms is not None else "the most accurate"
        say(f"warning: what was wanted is out of reach; this is {nearest} that there is")
    say(f"wrote {path}; ask it with --arm {path}")


def make_cascade(
    path: Path,
    files: Sequence[Path],
    rule: Literal["confidence", "disagreement"] = "confidence",
    wish: "Wish | None" = None,
    seed: int = 0,
) -> "Made":
    """Choose and write a cascade; LabError when the routers do not go together."""
    from routerlab.engine.contract.router import Router, load_router
    from routerlab.tune.cascade.thresholds import Wish, members
    from routerlab.tune.cascade.write import write_cascade
    from routerlab.tune.out_of_fold import load_oof

    check_name(path)
    if path.resolve() in {file.resolve() for file in files}:
        raise LabError(f"{path}: is one of its own routers; choose another name with --out")
    check_out(path, *files)
    if rule == "disagreement" and len(files) != 3:
        raise LabError(f"rule 'disagreement' needs 3 routers, the smallest first; {len(files)} are named")
    if not 2 <= len(files) <= MOST:
        raise LabError(f"a cascade has 2 to {MOST} routers, the smallest first; {len(files)} are named")
    if len({file.resolve().parent for file in (path, *files)}) != 1:
        raise LabError("a cascade and its routers lie in one folder, to be shared together: copy them there")
    loaded = [load_router(file) for file in files]
    routers = [r for r in loaded if isinstance(r, Router)]
    if len(routers) != len(loaded):
        raise LabError("a cascade cannot be a member of a cascade")
    if len({r.taxonomy_sha256 for r in routers}) != 1:
        raise LabError("these routers were tuned for different taxonomies")
    machines = dict.fromkeys(r.evidence.machine for r in routers)
    if len(machines) > 1:
        say(f"warning: timed on different machines, so times do not compare: {'; '.join(machines)}")
    parts = [load_oof(f.parent, r.evidence.answers, r.name) for f, r in zip(files, routers, strict=True)]
    m = members(parts)
    return write_cascade(path, files, routers, m, rule, wish or Wish(), seed, command_line())


def _print(made: "Made", names: list[str]) -> None:
    from routerlab.cli.shared.show import print_table
    from routerlab.cli.shared.tables import figures_table

    m, chosen, compared = made.members, made.chosen, made.compared
    table = figures_table(
        f"{plural(len(m.gold), 'case')} that no head was fitted to; times from the routers' files, of the "
        f"{m.timed.sum()} that all were timed on",
        (),
        ("thresholds", "accuracy", "mean ms", "asks each"),
    )
    for p in made.frontier:
        table.add_row(_steps(p.thresholds), f"{p.accuracy:.3f}", f"{p.mean_ms:.0f}", _shares(p.asked))
    print_table(table)
    for name, right, times in zip(names, m.right, m.times, strict=True):
        print(f"{name} alone: accuracy {right.mean():.3f}, mean {times[m.timed].mean():.0f} ms")
    how = f"chosen, cross-validated: thresholds {_steps(chosen.thresholds)}, " if chosen.thresholds else ""
    print(
        f"{how}accuracy {chosen.accuracy:.3f}, mean {chosen.mean_ms:.0f} ms, "
        f"asks {_shares(chosen.asked)} of the prompts"
    )
    low, high = compared.interval or (compared.difference, compared.difference)
    best = names[compared.member]
    print(
        f"beside {best} alone, the most accurate: {compared.difference:+.3f} "
        f"(95 % {low:+.3f} to {high:+.3f}), {plural(compared.only_cascade, 'case')} right with the cascade "
        f"only, {compared.only_member} with {best} only, exact McNemar p {compared.p:.2f}; "
        f"{compared.time:.2f} of its mean time"
    )


def _steps(thresholds: Sequence[float]) -> str:
    return " ".join(f"{t:.2f}" for t in thresholds) or "-"


def _shares(asked: Sequence[float]) -> str:
    return " ".join(f"{share:.0%}" for share in asked)
