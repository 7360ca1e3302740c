"""`routerlab tune taxonomy`: what merging or splitting labels would do."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import not_over, not_over_session, say
from routerlab.cli.tune.options import Corpus, Progress, Seed, exemplars_file, make_plan
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from routerlab.tune.taxonomy.run import Study


def taxonomy(
    model: Annotated[str, typer.Argument(help="A catalogue id or a .gguf file.")],
    corpus: Corpus = None,
    most: Annotated[int, typer.Option(min=1, help="How many merges are tried.")] = 5,
    rerun: Annotated[
        bool, typer.Option(help="Ask the model again with the best merge in its instructions (minutes).")
    ] = True,
    write: Annotated[Path | None, typer.Option(help="Write the taxonomy with the best merge there.")] = None,
    seed: Seed = 0,
    progress: Progress = "text",
    taxonomy: o.TaxonomyFile = None,
    exemplars: o.ExemplarsFile = None,
) -> None:
    """Try other labels: merge those that are confused most, split each in two, and fit heads anew.

    Fewer labels are right more often by chance: compare kappa, not accuracy. Nothing is changed.

    Example: routerlab tune taxonomy qwen2.5-coder-0.5b
    """
    from routerlab.cli.shared.progress import teller
    from routerlab.tune.taxonomy.run import study

    if write is not None:
        not_over(write, *(corpus or ()), taxonomy, exemplars_file(exemplars))
        _check_out(write)
    plan = make_plan(model, corpus, Path("unused.toml"), taxonomy, exemplars, seed)
    found = asyncio.run(study(plan, most, rerun, teller(progress)))
    _print(found)
    if write is not None and found.merged is not None:
        from routerlab.tune.write import save_toml

        save_toml(write, found.merged)
        say(f"wrote {write}; tune with --taxonomy {write} and a corpus in its labels")


def _check_out(write: Path) -> None:
    """LabError where a taxonomy written there would replace something else than a taxonomy."""
    from routerlab.core.taxonomy import load_taxonomy

    not_over_session(write)
    if not write.exists():
        return
    try:
        load_taxonomy(write)
    except LabError:
        raise LabError(
            f"{write}: is no taxonomy, and a taxonomy replaces nothing else; choose another name"
        ) from None


def _print(found: "Study") -> None:
    from routerlab.cli.shared.show import print_table
    from routerlab.cli.shared.tables import cell, figures_table

    table = figures_table(
        "cross-validated; kappa is agreement with gold beyond chance",
        ["labels"],
        ("n", "accuracy", "kappa", "without fitting anew"),
    )
    for e in found.experiments:
        table.add_row(
            cell(e.name), str(e.labels), f"{e.accuracy:.3f}", f"{e.kappa:.3f}", f"{e.collapsed:.3f}"
        )
    print_table(table)
    for name, (one, other) in found.halves.items():
        print(f"{name}, typical of the halves:\n  1  {_short(one)}\n  2  {_short(other)}")


def _short(prompt: str) -> str:
    from routerlab.core.text import printable

    return printable(" ".join(prompt.split())[:100])
