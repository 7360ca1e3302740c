"""`routerlab serve run`: options in, an address out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.core.errors import Exit, LabError

if TYPE_CHECKING:
    from collections.abc import Callable

    from routerlab.serve.chat.store import SharedStickiness
    from routerlab.serve.ledger import Keep
    from routerlab.serve.metrics import Metrics

LOOPBACK = "127.0.0.1"
DAY_S = 86_400
LIBRARIES = ("starlette", "uvicorn", "prometheus_client", "h11")


@o.spread
def run(
    router: Annotated[
        str,
        typer.Option(
            "--router",
            "-r",
            metavar="ARM",
            help="What decides: an arm as --arm takes it, or the file that `serve promote` writes.",
        ),
    ],
    shadow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ARM",
            help="An arm that is asked, too, and written down beside; it changes nothing. May be given "
            "several times.",
        ),
    ] = None,
    routes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[VARIANT=]FILE",
            help="A routing table whose models have endpoints: chats with model `auto`, or `auto:VARIANT`, "
            "go where it says. May be given several times.",
        ),
    ] = None,
    turn: Annotated[
        Literal["last", "first", "conversation"],
        typer.Option(help="What of a chat is decided on: the user's last or first turn, or all of it."),
    ] = "last",
    sticky: Annotated[
        float,
        typer.Option(
            min=0,
            max=365 * DAY_S,
            metavar="SECONDS",
            help="For so long a conversation goes to no weaker model.",
        ),
    ] = 0.0,
    sticky_store: Annotated[
        str | None,
        typer.Option(
            metavar="redis://HOST:PORT",
            help="Remember conversations there, where other servers see them, too; a password goes into "
            "ROUTERLAB_STICKY_PASSWORD.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Listen on this address of the machine, not on loopback.")
    ] = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0: any that is free.")] = 8088,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes of the router, each with the model.")
    ] = 1,
    deadline: Annotated[float, typer.Option(min=0.01, help="Seconds a decision may take.")] = 10.0,
    queue: Annotated[
        int, typer.Option(min=0, help="Decisions that may wait; what comes then gets 429 at once.")
    ] = 64,
    max_body: Annotated[
        float, typer.Option(min=0.001, max=4096, metavar="MIB", help="MiB of a request.")
    ] = 8.0,
    max_prompt: Annotated[
        int, typer.Option(min=1, metavar="CHARACTERS", help="Characters of a prompt.")
    ] = 200_000,
    drain: Annotated[
        float, typer.Option(min=0, max=DAY_S, help="Seconds that open requests have after SIGTERM.")
    ] = 30.0,
    sessions: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Where decisions are written, without texts; `none`: nowhere."),
    ] = None,
    keep_prompts: Annotated[
        float,
        typer.Option(min=0, max=1, metavar="SHARE", help="Share of the prompts whose texts are written."),
    ] = 0.0,
    redact: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION", help="Called with each text that is kept; what it returns is written."
        ),
    ] = None,
    drift: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Hold each N decisions against as many that a router was tuned with, and tell of drift; 0: "
            "do not.",
        ),
    ] = 500,
    drift_against: Annotated[
        Literal["tuning", "first"],
        typer.Option(
            help="What drift is measured against: the tuning's answers, or the first N here. Where a router "
            "has no answers of its tuning beside it, it is the first N."
        ),
    ] = "tuning",
    taxonomy: o.TaxonomyFile = None,
    *,
    on: o.Serving,
) -> None:
    """Serve a router's decisions over HTTP. SIGTERM or Ctrl+C ends it, SIGHUP loads all anew.

    POST /v1/route takes {"prompt": ...}; with --routes, POST /v1/chat/completions takes chats with the model
    `auto` and sends them on; GET /health, /ready and /metrics are for those who watch. On another address
    than loopback it needs a token in the environment variable ROUTERLAB_SERVE_TOKEN.

    Example: routerlab serve --router smollm2-135m:probe
    """
    import asyncio

    try:
        from routerlab.serve.front import Wanted
        from routerlab.serve.limits import Limits
        from routerlab.serve.run import listen, read_token
    except ModuleNotFoundError as e:
        if (e.name or "").partition(".")[0] not in LIBRARIES:
            raise
        raise LabError(f"serving needs {e.name}: pip install 'routerlab[serve]'", Exit.MISSING) from None
    from routerlab.paths import sessions_dir

    limits = Limits(
        body_bytes=round(max_body * 2**20),
        prompt_characters=max_prompt,
        queue=queue,
        deadline_s=deadline,
        drain_s=drain,
    )
    wanted = Wanted(
        router=router,
        shadows=tuple(shadow or ()),
        workers=workers,
        taxonomy=taxonomy,
        tables=_tables(routes or []),
        settings=on.given(),
        against=drift_against,
    )
    token, keep = read_token(host), _keep(keep_prompts, redact)
    sharing = None if sticky_store is None else _sharing(sticky_store, sticky)
    folder = None if sessions == "none" else Path(sessions) if sessions else sessions_dir()
    sock = listen(host, port)
    if host not in (LOOPBACK, "localhost", "::1"):
        say("note: without TLS, so whoever can read this network can read the token and all that is asked")

    async def main() -> None:
        from contextlib import aclosing

        from routerlab.serve.app import Server
        from routerlab.serve.chat.forward import Clients
        from routerlab.serve.chat.reply import Choosing
        from routerlab.serve.chat.stickiness import Stickiness
        from routerlab.serve.front import Front, load_work
        from routerlab.serve.ledger import Recorder
        from routerlab.serve.metrics import Metrics
        from routerlab.serve.run import run as run_server

        metrics = Metrics(drift, say)
        recorder = Recorder(folder, keep, metrics, say)
        front = Front(lambda: load_work(wanted, limits, metrics, recorder), recorder, limits)
        shared = None if sharing is None else sharing(metrics, say)
        say(f"loading {router} ...")
        try:
            async with aclosing(Clients()) as clients:
                read = None if turn == "conversation" else turn
                choosing = Choosing(clients, shared or Stickiness(sticky), read)
                server = Server(front, limits, metrics, choosing, token, say)
                await run_server(server, sock, host, lambda url: print(url, flush=True))
        finally:
            await recorder.close()
            if shared is not None:
                await shared.close()
        if recorder.path is not None:
            say(f"the session is {recorder.path}")

    asyncio.run(main())


def _tables(texts: list[str]) -> dict[str, Path]:
    """Variant -> routing table; LabError when one is named twice."""
    found: dict[str, Path] = {}
    for text in texts:
        variant, equals, file = text.partition("=")
        name = variant if equals else ""
        if name in found or not (file if equals else variant):
            raise LabError(f"--routes {text}: write FILE once, and VARIANT=FILE once for each variant")
        found[name] = Path(file if equals else variant)
    return found


def _sharing(address: str, sticky: float) -> "Callable[[Metrics, Callable[[str], None]], SharedStickiness]":
    """What makes the stickiness of that store; LabError when it is none, or nothing is to be remembered."""
    import os
    from functools import partial

    try:
        from routerlab.serve.chat.store import PASSWORD, SharedStickiness, connect
    except ModuleNotFoundError as e:
        if (e.name or "").partition(".")[0] != "redis":
            raise
        raise LabError("--sticky-store needs redis: pip install 'routerlab[redis]'", Exit.MISSING) from None
    if not sticky:
        raise LabError("--sticky-store: say with --sticky SECONDS for how long conversations are remembered")
    return partial(SharedStickiness, sticky, connect(address, os.environ.get(PASSWORD)))


def _keep(share: float, redact: str | None) -> "Keep":
    """What is kept of texts; LabError when the function that is named is not there."""
    from importlib import import_module

    from routerlab.serve.ledger import Keep

    if redact is None:
        return Keep(share)
    module, _, name = redact.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as e:
        raise LabError(f"--redact {redact}: no such function: {e}; write MODULE:FUNCTION") from None
    if not callable(found):
        raise LabError(f"--redact {redact}: is no function; write MODULE:FUNCTION")
    return Keep(share, found)
