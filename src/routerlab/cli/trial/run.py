"""`routerlab trial run`: a locked protocol, carried out."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import need_screen, say
from routerlab.cli.shared.study import open_result, run_record
from routerlab.cli.trial.options import ProtocolFile
from routerlab.core.errors import Exit, LabError
from routerlab.core.text import plural

if TYPE_CHECKING:
    from routerlab.engine.lab.lab import Lab
    from routerlab.study.trial.protocol.registration import Registered
    from routerlab.study.trial.run.run import Work


def run(
    file: ProtocolFile,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The session; sessions/trial-NAME-LOCK.toml by default, LOCK from its hash."
        ),
    ] = None,
    tui: Annotated[bool, typer.Option("--tui", help="Watch it on a screen, where it can be paused.")] = False,
) -> None:
    """Send the sessions of a locked protocol, and write down every one of them.

    A protocol, corpus or model that is not as it was locked is refused. Interrupted with Ctrl+C, or killed,
    the same command goes on; that it was interrupted is a deviation. The screen shows counts, times and load
    of every arm, and no outcomes; a pause there is a deviation too.

    Example: routerlab trial run protocol.toml --out sessions/march.toml
    """
    from routerlab.study.trial.protocol.registration import register

    if tui:
        need_screen("--tui", "without the option the same run tells its progress in lines")
    registered = register(file)
    work = _locked(registered)
    lab = _open(work, out)
    path = lab.path
    how = _watched(work, lab) if tui else asyncio.run(_carry_out(work, lab))
    say(f"over: {how}")
    say(f"session: {path}; `routerlab trial analyze {path}` shows the result")


def _locked(registered: "Registered") -> "Work":
    """The work under its lock; LabError where something is not as it was locked, after telling what."""
    from routerlab.engine.lab.factory import shots
    from routerlab.engine.worker.build import describe_build
    from routerlab.study.benchmark.harmony import check_provenance, leaks
    from routerlab.study.trial.protocol.lock import changes, load_lock, lock_path
    from routerlab.study.trial.run.run import Work

    path = lock_path(registered.path)
    lock = load_lock(path)
    if lines := changes(lock, registered):
        for line in lines:
            say(f"  {line}")
        raise LabError(
            f"{registered.path}: {plural(len(lines), 'thing is', 'things are')} not as locked, the "
            f"first: {lines[0]}; put them back, or lock anew if no session was sent"
        )
    build = describe_build()
    check_provenance(registered.specs, build)
    protocol = registered.protocol
    record = run_record("trial", lock, lock.sha256, protocol, build)
    return Work(
        registered, lock, record, leaks(registered.specs, registered.corpus, shots(registered.exemplars))
    )


def _open(work: "Work", out: Path | None) -> "Lab":
    """A lab on the session, new or gone on with; LabError when it is that of something else."""
    from routerlab.engine.lab.factory import ModelArms, shots
    from routerlab.engine.lab.lab import Lab
    from routerlab.engine.lab.materials import Materials, new_header
    from routerlab.paths import sessions_dir
    from routerlab.study.trial.run.run import check_session

    registered, protocol = work.registered, work.registered.protocol
    path = out or sessions_dir() / f"trial-{protocol.name}-{work.lock.sha256[:8]}.toml"
    settings = o.settings_with(**protocol.engine.model_dump(), schedule=protocol.traffic.schedule)
    materials = Materials(
        registered.taxonomy, registered.taxonomy_path, registered.corpus, registered.corpus_path
    )
    file = open_result(path, materials, lambda session: check_session(session, path, work.lock))
    header = new_header(materials, settings, 1).model_copy(
        update={"title": protocol.name, "seed": protocol.seed}
    )
    exemplars = registered.exemplars
    make = ModelArms(registered.taxonomy, shots(exemplars), exemplars.sha256 if exemplars else None, settings)
    return Lab(materials, settings, make, path, file, header=header)


def _watched(work: "Work", lab: "Lab") -> str:
    """Carry it out on a screen; how it ended. typer.Exit when it was stopped, or failed."""
    from routerlab.cli.shared.screen import show_app
    from routerlab.tui.trial.mode import TrialMode

    mode = TrialMode(work, lab)
    code = show_app(lab.settings, mode)
    if code == Exit.INTERRUPTED:
        _say_stopped(lab)
    if code:
        raise typer.Exit(code)
    return mode.ended


async def _carry_out(work: "Work", lab: "Lab") -> str:
    from routerlab.cli.shared.progress import Bar
    from routerlab.study.trial.run.run import TrialRun

    try:
        with Bar("trial") as bar:
            lab.subscribe(bar.notice)
            return await TrialRun(work, lab, bar.say, bar.show).carry_out()
    except asyncio.CancelledError:
        _say_stopped(lab)
        raise
    finally:
        await lab.close()


def _say_stopped(lab: "Lab") -> None:
    from routerlab.study.trial.protocol.session import answered

    if lab.saved:
        told = plural(len(answered(lab.session)), "session is", "sessions are")
        say(f"stopped: {told} answered in {lab.path}; the same command goes on")
