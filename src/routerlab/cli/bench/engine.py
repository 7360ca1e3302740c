"""`routerlab bench engine`: every way to a label, timed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from routerlab.cli.bench import options as b
from routerlab.cli.shared import options as o
from routerlab.cli.shared.open import cases_of, open_materials
from routerlab.cli.shared.show import say
from routerlab.core.errors import Exit, LabError

if TYPE_CHECKING:
    from routerlab.bench.summary import Figures

ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
"""What users of sentence-transformers take who choose nothing."""


@o.spread
def engine(
    arm: o.Arms = None,
    corpus: b.Corpus = None,
    cases: Annotated[int | None, typer.Option(min=1, help="Only the first so many prompts.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often every prompt is asked every way.")] = 1,
    seed: Annotated[int, typer.Option(help="The order in which the ways are asked follows from it.")] = 0,
    peers: Annotated[
        bool, typer.Option(help="Measure what others would use, too, as far as installed.")
    ] = True,
    encoder: Annotated[
        str,
        typer.Option(
            help="Model of the peers that embed: a sentence-transformers folder, or a name on the hub."
        ),
    ] = ENCODER,
    profile: Annotated[bool, typer.Option("--profile", help="Show where the time goes.")] = False,
    out: b.Out = None,
    format: o.Format = "table",
    taxonomy: o.TaxonomyFile = None,
    exemplars: o.ExemplarsFile = None,
    *,
    on: o.Asking,
) -> None:
    """Time every way to a label: a bare decode, our contracts, and what others would use.

    All are asked the same prompts, interleaved one by one, with as many threads. A model without a contract
    stands for all that it has. Peers that learn are fitted to the pool, never to what is asked.

    Example: routerlab bench engine --arm smollm2-135m --repeats 3 --profile --out engine.json
    """
    from routerlab.bench.open import Plan
    from routerlab.bench.peers.kinds import PEERS
    from routerlab.bench.rawdata import RawData
    from routerlab.bench.selection import group_arms
    from routerlab.bench.speed import Measured, measure
    from routerlab.bench.summary import figures
    from routerlab.cli.shared.progress import teller
    from routerlab.core.corpus import Corpus
    from routerlab.core.files.toml import load_toml
    from routerlab.engine.lab.factory import exemplar_corpus, shots
    from routerlab.resources import POOL
    from routerlab.study.benchmark.harmony import leaks

    groups = group_arms(b.named(arm))
    materials = open_materials(taxonomy, corpus)
    corpus_ = cases_of(materials)
    examples = exemplar_corpus(materials.taxonomy, exemplars)
    plan = Plan(
        taxonomy=materials.taxonomy,
        cases=corpus_.case[:cases],
        shots=shots(examples),
        shots_sha256=examples.sha256 if examples else None,
        settings=on.settings(),
        repeats=repeats,
        seed=seed,
        peers=tuple(PEERS) if peers else (),
        pool=load_toml(POOL, Corpus),
        encoder=_encoder(encoder),
    )
    specs = [spec for group in groups for spec in group.specs]
    b.check_out(out, specs, exemplars, corpus, taxonomy)
    for line in leaks(specs, corpus_, plan.shots):
        say(f"warning: {line}")
    data = RawData[Measured]("engine", out, corpus_sha256=corpus_.sha256, repeats=repeats, seed=seed)

    async def measuring() -> None:
        for group in groups:
            await measure(group, plan, teller("text"), data.keep)

    data.collect(measuring())
    _print([figures(run) for run in data.runs.values()], format, profile, data.path)


def _encoder(text: str) -> str:
    """A folder as it is from anywhere, or a name on the hub; LabError for a path without a folder."""
    path = Path(text).expanduser()
    if path.is_dir():
        return str(path.absolute())
    if path.is_absolute() or text.startswith(".") or path.exists():
        raise LabError(
            f"{text}: no such folder; --encoder takes one of a sentence-transformers model", Exit.MISSING
        )
    return text


def _print(results: "list[Figures]", format_: str, profile: bool, path: Path) -> None:
    from dataclasses import asdict

    from routerlab.cli.bench.tables import profile_table, ratio_tables, ways_table
    from routerlab.cli.shared.show import print_json, print_table

    skipped = {kind: reason for result in results for kind, reason in result.skipped.items()}
    for kind, reason in skipped.items():
        say(f"skipped {kind}: {reason}")
    if format_ == "json":
        found: dict[str, Any] = {"data": str(path), "models": [asdict(result) for result in results]}
        print_json(found)
        return
    for result in results:
        print_table(ways_table(result), *ratio_tables(result))
        if profile:
            print_table(profile_table(result))
