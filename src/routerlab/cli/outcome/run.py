"""`routerlab outcome run`: every task once by every downstream model."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared.show import say
from routerlab.core.errors import Exit, LabError
from routerlab.core.text import plural

if TYPE_CHECKING:
    from routerlab.study.outcome.load import OutcomeFile
    from routerlab.study.outcome.run.run import Work


def run(
    file: Annotated[Path, typer.Argument(metavar="PLAN.toml", help="Which tasks, which models, how.")],
    out: Annotated[Path, typer.Option("--out", help="The session that the outcomes are appended to.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a session that is there: what it has is not asked.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="ray[://HOST:PORT]", help="Ask local models on all machines of a cluster, without times."
        ),
    ] = None,
) -> None:
    """Have every task answered once by every downstream model, check each answer, and keep it at once.

    Interrupted with Ctrl+C, or killed, the same command with --resume goes on. Local models take turns; the
    remote ones are asked first, all together. A model that crashes, takes too long or refuses has an outcome
    of that status, which scores 0.

    Example: routerlab outcome run benchmarks/outcome/local.toml --out outcomes.toml
    """
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.engine.cluster.arm import find_cluster
    from routerlab.engine.worker.build import describe_build
    from routerlab.resources import TAXONOMY
    from routerlab.settings import load_settings
    from routerlab.study.outcome.check.sandbox import open_sandbox
    from routerlab.study.outcome.check.score import score as score_answer
    from routerlab.study.outcome.run.begin import new_header, open_outcomes
    from routerlab.study.outcome.run.plan import load_plan, places, sampled
    from routerlab.study.outcome.run.run import Work
    from routerlab.study.outcome.task import load_tasks
    from routerlab.study.routing_table import load_routes

    cluster = None if engine is None else find_cluster(engine, say)
    plan = load_plan(file)
    settings = load_settings()
    taxonomy = load_taxonomy(Path(plan.taxonomy) if plan.taxonomy else TAXONOMY)
    routes = load_routes(Path(plan.routes), taxonomy)
    tasks = sampled(plan, load_tasks(Path(plan.tasks), taxonomy))
    where = places(file, plan, routes, settings.remote)
    build = None if cluster else describe_build()
    sandbox = open_sandbox()
    first = tasks.task[0]
    score_answer(first, first.reference, sandbox)  # what checks need is here, or is told before all is asked
    header = new_header(plan, tasks, routes, where, settings, build, sandbox.words)
    session, note = open_outcomes(out, header, resume)
    for line in filter(None, (note, _torn(session))):
        say(line)
    work = Work(plan, tasks, routes, where, settings, sandbox, cluster)
    with session:
        lost = asyncio.run(_carry_out(work, session))
    say(f"session: {out}")
    if lost:
        raise LabError(f"{lost[0]}; all other answers are in {out}, and --resume asks the rest", Exit.MISSING)


def _torn(session: "OutcomeFile") -> str:
    if not session.torn:
        return ""
    return (
        f"{session.path}: an unfinished last record ({session.torn} bytes) was moved to {session.torn_path}"
    )


async def _carry_out(work: "Work", session: "OutcomeFile") -> list[str]:
    from routerlab.cli.shared.progress import Bar
    from routerlab.study.outcome.run.run import carry_out

    try:
        with Bar("outcome", "answers") as bar:
            return await carry_out(work, session, bar.say, bar.show)
    except asyncio.CancelledError:
        told = plural(len(session.outcomes.of), "answer is", "answers are")
        say(f"stopped: {told} in {session.path}; --resume goes on")
        raise
