"""`routerlab outcome judge`: a model compares answers, beside the checks."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.outcome import options as oo
from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.core.errors import LabError
from routerlab.core.text import plural

if TYPE_CHECKING:
    from routerlab.core.remote import Remote
    from routerlab.settings import Settings
    from routerlab.study.outcome.judge.question import Question
    from routerlab.study.outcome.judge.record import JudgeFile
    from routerlab.study.outcome.record import ModelRecord


def judge(
    session: oo.OutcomeSession,
    by: Annotated[
        str, typer.Option("--with", metavar="MODEL", help="A model file or catalogue id, or remote:NAME.")
    ],
    tasks: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The tasks; by default those that the session names.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of answers, each judged in both orders.")] = 100,
    seed: Annotated[int, typer.Option(help="Which pairs are drawn follows from it.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The judge's session; by default beside SESSION, by its name."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what is there; --pairs may be more.")
    ] = False,
    format: o.Format = "table",
) -> None:
    """Have a model say which of two answers is better, and see how far it agrees with the checks.

    Greedily, in both orders, ties allowed. It changes no score: `outcome analyze --judged FILE` shows it in a
    section of its own. The answers go to the judge, remote or not. Stopped by Ctrl+C, or killed, --resume
    goes on.

    Example: routerlab outcome judge outcomes.toml --with qwen2.5-coder-0.5b --pairs 30
    """
    import hashlib
    from datetime import UTC, datetime

    from routerlab.cli.results.show import print_sections
    from routerlab.cli.shared.show import print_json
    from routerlab.core.files.toml import read_bytes
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.resources import TAXONOMY
    from routerlab.settings import load_settings
    from routerlab.study.outcome.judge.question import TEMPLATE_SHA256, questions
    from routerlab.study.outcome.judge.record import JudgeFile, JudgeHeader
    from routerlab.study.outcome.load import read_outcomes
    from routerlab.study.outcome.task import load_tasks
    from routerlab.study.report.sections.judge import judges
    from routerlab.version import __version__

    outcomes = read_outcomes(session)
    source = tasks or (Path(outcomes.header.source) if outcomes.header.source else None)
    if source is None:
        raise LabError(f"{session}: has no prompts, and does not say whose; name the file with --tasks")
    known = {task.id: task.prompt for task in load_tasks(source, load_taxonomy(TAXONOMY)).task}
    asked = questions(outcomes, known, pairs, seed)
    settings = load_settings()
    where, record = _judge(by, settings)
    header = JudgeHeader(
        schema_version=1,
        kind="judgements",
        lab_version=__version__,
        created=datetime.now(UTC),
        session=session.name,
        session_sha256=hashlib.sha256(read_bytes(session)).hexdigest(),
        prompt_sha256=TEMPLATE_SHA256,
        seed=seed,
        judge=record,
    )
    path = out or session.with_name(f"{session.stem}-judged-by-{record.name}.toml")
    with JudgeFile.at(path, header, resume) as file:
        if file.torn:
            say(f"{path}: an unfinished last record was moved to {file.torn_path}")
        asyncio.run(_carry_out(where, asked, file, settings))
    (found,) = oo.read_judged([path], session)
    say(f"session: {path}")
    if format == "json":
        print_json(found.model_dump(mode="json"))
    elif section := judges([found]):
        print_sections([section])


def _judge(by: str, settings: "Settings") -> "tuple[Path | Remote, ModelRecord]":
    """Where the judge is, and what its session says of it."""
    from routerlab.core.remote import api_key, find_remote
    from routerlab.engine.lab.specs import REMOTE
    from routerlab.engine.worker.build import describe_build
    from routerlab.models.catalog import find_model
    from routerlab.models.fingerprint import file_sha256
    from routerlab.paths import config_file
    from routerlab.study.outcome.record import ModelRecord

    if by.startswith(REMOTE):
        far = find_remote(by.removeprefix(REMOTE), settings.remote, config_file())
        api_key(far)
        told = ModelRecord(
            name=far.name,
            base_url=far.base_url,
            model=far.model,
            body=far.body or None,
            reasoning=far.reasoning,
        )
        return far, told
    path = find_model(by)
    return path, ModelRecord(
        name=path.stem,
        model_file=path.name,
        model_sha256=file_sha256(path),
        llama_cpp=describe_build().version,
    )


async def _carry_out(
    by: "Path | Remote", asked: "list[Question]", file: "JudgeFile", settings: "Settings"
) -> None:
    from routerlab.cli.shared.progress import Bar
    from routerlab.study.outcome.judge.ask import judge as ask

    try:
        with Bar("judge", "judgements") as bar:
            await ask(by, asked, file, settings, bar.say, bar.show)
    except asyncio.CancelledError:
        are = plural(len(file.judgements.of), "judgement is", "judgements are")
        say(f"stopped: {are} in {file.path}; --resume goes on")
        raise
