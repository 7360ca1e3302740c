"""The process of a server: a socket, uvicorn, signals, and an end in order."""

import asyncio
import ctypes
import logging
import os
import re
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import h11
from uvicorn import Config
from uvicorn import Server as Uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from routerlab.core.errors import Exit, LabError
from routerlab.core.loopback import is_loopback
from routerlab.serve.access import LEAST_TOKEN
from routerlab.serve.app import Server, application
from routerlab.serve.limits import Limits, RefusedError

TOKEN = "ROUTERLAB_SERVE_TOKEN"
"""The environment variable that holds the token."""

GIVE_BACK_S = 60.0
"""Seconds after which memory is given back, again and again."""


def read_token(host: str) -> str | None:
    """The token, None where there is none and none is needed; LabError where one is, or it is no good."""
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        if is_loopback(host):
            return None
        raise LabError(
            f"--host {host}: others can ask there, so a token is needed: set {TOKEN} to at least "
            f"{LEAST_TOKEN} characters that nobody can guess",
            Exit.MISSING,
        )
    if len(token) < LEAST_TOKEN or not re.fullmatch(r"[!-~]+", token):
        raise LabError(f"{TOKEN}: needs at least {LEAST_TOKEN} characters, and no spaces among them")
    return token


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; LabError when nobody can."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as e:
        raise taken(host, port, e) from None
    except UnicodeError:
        raise LabError(f"--host {host}: no name or address of a machine") from None
    return sock


def taken(host: str, port: int, fault: OSError) -> LabError:
    """What to say where nobody can listen."""
    return LabError(f"{host}:{port}: cannot listen there: {fault.strerror}; try another --port")


def protocol(limits: Limits) -> type[H11Protocol]:
    """HTTP/1.1 that also ends a connection whose request does not begin, or whose head does not end, in time:
    uvicorn itself waits for ever, and each byte begins the wait for a next request anew."""

    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._allow(limits.head_s)

        def connection_lost(self, exc: Exception | None) -> None:
            self._late.cancel()
            super().connection_lost(exc)

        def on_response_complete(self) -> None:
            self._late.cancel()
            self._allow(limits.keep_alive_s + limits.head_s)
            super().on_response_complete()

        def _allow(self, seconds: float) -> None:
            self._late = self.loop.call_later(seconds, self._end, self.cycle)

        def _end(self, cycle: object) -> None:
            if self.cycle is cycle and not self.transport.is_closing():
                with suppress(h11.LocalProtocolError):
                    self.conn.send(h11.ConnectionClosed())
                self.transport.close()

    return Protocol


class _Uvicorn(Uvicorn):
    def __init__(self, config: Config, began: Callable[[], None]) -> None:
        super().__init__(config)
        self._began = began

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Then tell that it listens."""
        await super().startup(sockets)
        self._began()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are ours: uvicorn would end the process by them once more."""
        yield


def uvicorn(server: Server, sock: socket.socket, host: str, announce: Callable[[str], None]) -> Uvicorn:
    """What serves on that socket, which is for `host`; `announce` gets the address once it answers."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # with faults it tells what users wrote
    limits = server.limits

    def began() -> None:
        name, port = sock.getsockname()[:2]
        shown = socket.gethostname() if name in ("0.0.0.0", "::") else f"[{name}]" if ":" in name else name
        announce(f"http://{shown}:{port}")

    config = Config(
        application(server, host),
        http=protocol(limits),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
        limit_concurrency=limits.connections,
        timeout_keep_alive=round(limits.keep_alive_s),
        timeout_graceful_shutdown=round(limits.drain_s),
    )
    return _Uvicorn(config, began)


async def run(server: Server, sock: socket.socket, host: str, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then let what is open come to its end, for as long as the limits say.
    SIGHUP loads all anew. `announce` gets the address once it answers. LabError when nothing can be loaded.
    """
    _allow_files(2 * server.limits.connections)
    loop = asyncio.get_running_loop()
    serving = uvicorn(server, sock, host, announce)
    reloads: set[asyncio.Task[None]] = set()

    def leave() -> None:
        serving.should_exit = True
        loading.cancel()  # if it is not done

    def hang_up() -> None:
        task = loop.create_task(_reload(server))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    giving_back = loop.create_task(_give_back(GIVE_BACK_S))
    loading = loop.create_task(server.loaded())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave)
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    try:
        try:
            await loading
        except asyncio.CancelledError:
            return
        try:
            await serving.serve([sock])
        except OSError as e:  # another server, which loaded when this did, was the first to listen
            raise taken(host, sock.getsockname()[1], e) from None
    finally:
        sock.close()
        for task in (giving_back, *reloads):
            task.cancel()
        await server.front.close()


def _allow_files(count: int) -> None:
    """So many open files, if the system lets us: a connection is one, and often 1024 is all there is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def _give_back(every_s: float) -> None:
    """Give memory back to the system that is free, but lies between what is not: glibc keeps that, and a
    server that nothing leaks from still grows by some dozen bytes a decision. Elsewhere nothing is done."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim:
        await asyncio.sleep(every_s)
        await asyncio.to_thread(trim, 0)


async def _reload(server: Server) -> None:
    with suppress(RefusedError):  # it was told
        await server.reloaded()
