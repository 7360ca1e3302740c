"""`routerlab replay`: the corpus through all arms, without a screen."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.open import cases_of, open_lab, open_materials
from routerlab.cli.shared.show import say
from routerlab.core.errors import LabError
from routerlab.core.text import plural

if TYPE_CHECKING:
    from routerlab.engine.arms.arm import Spec
    from routerlab.engine.lab.lab import Lab

BULK = 16
"""Cases that --throughput asks together."""


@o.spread
def replay(
    corpus: Annotated[
        Path | None, typer.Argument(help="A corpus, or a file of prompts; the sixty cases by default.")
    ] = None,
    arm: o.Arms = None,
    contract: o.Contract = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often every arm is asked every case.")] = 1,
    schedule: o.ScheduleOption = None,
    session: o.SessionPath = None,
    throughput: Annotated[
        bool, typer.Option("--throughput", help="Ask cases together: many a second, but no latencies.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="ray[://HOST:PORT]", help="With --throughput: ask one model on all machines of a cluster."
        ),
    ] = None,
    format: o.Format = "table",
    taxonomy: o.TaxonomyFile = None,
    exemplars: o.ExemplarsFile = None,
    *,
    on: o.Gathering,
) -> None:
    """Ask every arm every case and print accuracy, parse rate, latency and agreement.

    Every trial is saved as it comes; after an interruption the same command with --session goes on. With
    --throughput several cases go into one decode: the labels are the same, latencies are not measured.

    Example: routerlab replay --arm smollm2-135m --arm qwen2.5-coder-0.5b:json --session sessions/first.toml
    """
    from routerlab.engine.arms.arm import ArmSpec

    if engine is not None and not throughput:
        raise LabError("--engine is for --throughput: on a cluster no latency is measured")
    settings = on.settings(contract=contract, schedule=schedule)
    materials = open_materials(taxonomy, corpus, session)
    cases_of(materials, "as in `routerlab replay CORPUS`")
    lab, specs = open_lab(
        arm, materials, exemplars, settings, session, repeats, bulk=BULK if throughput else 1, engine=engine
    )
    if engine is not None and len(models := [spec.name for spec in specs if isinstance(spec, ArmSpec)]) > 1:
        raise LabError(f"--engine takes one model, which gets all machines, not {', '.join(models)}")
    asyncio.run(ask_all(lab, specs, repeats))
    if throughput and (seconds := lab.progress.elapsed_s):
        done = lab.progress.done
        say(f"{plural(done, 'prompt')} in {seconds:.1f} s: {done / seconds:.2f} a second")
    _print(lab, format)


async def ask_all(lab: "Lab", specs: "Sequence[Spec]", repeats: int) -> None:
    """Have every arm answer every case that it has not yet, and close the lab; LabError when one gives up."""
    from routerlab.cli.shared.progress import Bar
    from routerlab.engine.lab.start import given_up, start_arms

    try:
        await start_arms(lab, specs, say)
        with Bar("replay") as bar:
            lab.subscribe(bar.tell)
            lab.replay_repeats(lab.cases(), repeats)
            await lab.finished()
        for name, arm in lab.arms.items():
            if arm.state.phase == "failed":
                raise given_up(name, arm.state, say, f"; its answers so far are in {lab.path}")
    except asyncio.CancelledError:
        if lab.saved:
            say(f"saved in {lab.path}; go on with --session {lab.path}")
        raise
    finally:
        await lab.close()


def _print(lab: "Lab", format_: str) -> None:
    from dataclasses import asdict

    from routerlab.cli.results.show import print_summary
    from routerlab.cli.shared.show import print_json
    from routerlab.core.statistics.agreement import pairwise
    from routerlab.core.statistics.metrics import summarise

    families = lab.taxonomy.families
    wanted = set(lab.arms) or set(lab.session.arms)
    trials = [trial for trial in lab.session.trials if trial.arm in wanted and trial.case is not None]
    summaries, pairs = summarise(trials, families), pairwise(trials)
    if format_ == "json":
        print_json(
            {
                "session": str(lab.path),
                "corpus": lab.corpus.sha256 if lab.corpus else None,
                "arms": [asdict(s) for s in summaries],
                "agreement": [asdict(p) for p in pairs],
            }
        )
        return
    print_summary(summaries, families, pairs)
    if lab.saved:
        say(f"saved in {lab.path}")
