"""`routerlab web`: options in, an address out."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from routerlab.cli.shared.show import say
from routerlab.core.errors import Exit, LabError

LOOPBACK = "127.0.0.1"


def web(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0: any that is free.")] = 8000,
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Listen on this address of the machine, not on loopback."),
    ] = LOOPBACK,
    tabs: Annotated[int, typer.Option(min=1, max=64, help="Sittings at a time, each with its models.")] = 4,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show the results of --session; nothing is asked or written.")
    ] = False,
) -> None:
    """Serve the lab to a browser, at an address with a secret in it, which is printed. Ctrl+C ends it.

    Each tab is a sitting of its own, with models of its own; it ends ten seconds after the tab is closed, and
    a reload comes back to it. Every option of `routerlab lab` may be given too.

    Example: routerlab web --arm smollm2-135m:probe
    """
    import asyncio

    from routerlab.settings import READ_ONLY

    lab = _lab_options(context)
    if read_only:
        command = ["report", "--tui", str(_result(lab))]
    else:
        _check(lab)
        command = ["lab", *context.args]
    try:
        from routerlab.cli.web.server import Server
    except ModuleNotFoundError as e:
        if (e.name or "").partition(".")[0] not in ("aiohttp", "textual_serve"):
            raise
        raise LabError(
            "the browser needs textual-serve: pip install 'routerlab[web]'", Exit.MISSING
        ) from None
    if host not in (LOOPBACK, "localhost", "::1"):
        say("note: without TLS, so whoever can read this network can read the address and all that is typed")
    server = Server(
        [sys.executable, "-m", "routerlab", *command], {READ_ONLY: "1"} if read_only else {}, tabs
    )
    asyncio.run(server.serve(host, port, lambda url: print(url, flush=True)))


def _lab_options(context: typer.Context) -> dict[str, Any]:
    """What `routerlab lab` makes of the options that are not ours; it refuses what it does not know."""
    assert context.parent is not None
    lab = context.parent.command.get_command(context.parent, "lab")  # type: ignore[attr-defined]
    with lab.make_context("web", list(context.args), parent=context.parent) as made:
        return dict(made.params)


def _check(lab: dict[str, Any]) -> None:
    """LabError for what would end every sitting at once, so that it is told here and now."""
    from routerlab.cli.shared.open import open_materials
    from routerlab.cli.shared.options import settings_with
    from routerlab.engine.lab.specs import arm_specs

    open_materials(lab["taxonomy"], lab["corpus"], lab["session"])
    arm_specs(lab["arm"] or [], settings_with(contract=lab["contract"]).contract)


def _result(lab: dict[str, Any]) -> Path:
    """What is to be shown; LabError when nothing is named, more is asked for, or it cannot be read."""
    from routerlab.study.report.subject import load_subject

    session: Path | None = lab.pop("session")
    if any(lab.values()):
        raise LabError("--read-only opens no lab: of its options only --session goes with it")
    if session is None:
        raise LabError("--read-only shows a session or a result: name it with --session FILE")
    load_subject(session, lambda note: say(f"note: {note}"))
    return session
