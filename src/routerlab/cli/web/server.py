"""The server behind `routerlab web`: a page a tab, its websocket, and the files of textual-serve."""

import asyncio
import json
import secrets
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files

import jinja2
from aiohttp import WSMsgType, web

from routerlab.cli.web.gate import gate, protect
from routerlab.cli.web.sitting import Sitting
from routerlab.core.errors import LabError

AWAY_S = 10.0
"""Seconds a sitting waits for its tab to come back, as a reload does, before it is ended."""
EVERYWHERE = ("0.0.0.0", "::")
"""Addresses to listen on that nobody can open."""
STATIC = {
    "css/xterm.css": "textual_serve",
    "js/textual.js": "textual_serve",
    "fonts/RobotoMono-VariableFont_wght.ttf": "textual_serve",
    "focus.js": "routerlab.cli.web",
}
"""All that a page needs besides itself, and whose `static` folder it lies in."""


class Server:
    """Its tabs by their names in the address, None for one whose app has not been started yet."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], tabs: int, away_s: float = AWAY_S
    ) -> None:
        """`command` is started for each tab, of which there may be `tabs`, with `env` on top."""
        self.token = secrets.token_urlsafe(32)
        self.sittings: dict[str, Sitting | None] = {}
        self._command, self._env, self._most, self._away_s = command, env, tabs, away_s
        self._waiting: set[asyncio.Task[None]] = set()
        pages = jinja2.Environment(loader=jinja2.PackageLoader("routerlab.cli.web"), autoescape=True)
        self._page = pages.get_template("tab.html")

    async def serve(self, host: str, port: int, announce: Callable[[str], None]) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP, then end all apps. `announce` gets the address to open.

        LabError when nobody can listen there.
        """
        app = web.Application(middlewares=[gate(self.token, host)])
        app.on_response_prepare.append(protect)
        app.add_routes(
            [
                web.get("/{token}/", self._begin),
                web.get("/{token}/tab/{tab}", self._show),
                web.get("/{token}/ws/{tab}", self._connect),
                web.get("/{token}/static/{name:.+}", self._static),
            ]
        )
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)  # a log would have the token
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            shown = socket.gethostname() if host in EVERYWHERE else f"[{host}]" if ":" in host else host
            announce(f"http://{shown}:{runner.addresses[0][1]}/{self.token}/")
            await stop.wait()
        except OSError as e:
            raise LabError(f"{host}:{port}: cannot listen there: {e.strerror}; try another --port") from None
        finally:
            await asyncio.gather(*(sitting.stop() for sitting in self.sittings.values() if sitting))
            await runner.cleanup()

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        """A tab gets a name, which it keeps when it is reloaded."""
        tab = secrets.token_urlsafe(12)
        self.sittings[tab] = None
        return web.Response(status=303, headers={"Location": f"tab/{tab}"})

    async def _show(self, request: web.Request) -> web.StreamResponse:
        tab = request.match_info["tab"]
        if tab not in self.sittings:
            return self._answer(410, "The sitting of this tab has ended. What it recorded is saved.")
        if self.sittings[tab] is None and not await self._room():
            return self._answer(503, f"All {self._most} sittings are taken: leave one, then try again.")
        return self._answer(200, "", f"ws://{request.host}/{self.token}/ws/{tab}")

    def _answer(self, status: int, message: str, url: str = "") -> web.Response:
        page = self._page.render(message=message, url=url, away=round(self._away_s))
        return web.Response(status=status, text=page, content_type="text/html")

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in STATIC:
            raise web.HTTPNotFound
        return web.FileResponse(str(files(STATIC[name]) / "static" / name))

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        tab = request.match_info["tab"]
        if tab not in self.sittings:
            raise web.HTTPGone
        if self.sittings[tab] is None and not await self._room():
            raise web.HTTPServiceUnavailable
        sitting = self.sittings.get(tab)
        if sitting is None:
            sitting = Sitting(self._command, self._env, lambda: self._forget(tab))
            self.sittings[tab] = sitting
        connection = web.WebSocketResponse(heartbeat=15)
        try:
            await connection.prepare(request)
            await sitting.attach(connection, _number(request, "width", 80), _number(request, "height", 24))
            async for message in connection:
                if message.type == WSMsgType.TEXT and not await _received(message.data, connection, sitting):
                    await connection.close()
        finally:
            if sitting.socket is connection:
                sitting.socket = None
            self._later(sitting)
        return connection

    def _forget(self, tab: str) -> None:
        self.sittings.pop(tab, None)

    def _later(self, sitting: Sitting) -> None:
        """End a sitting if nobody looks at it for a while."""

        async def end() -> None:
            await asyncio.sleep(self._away_s)
            if sitting.socket is None:
                await sitting.stop()

        task = asyncio.create_task(end())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _room(self) -> bool:
        """Whether there may be another sitting; one that nobody looks at makes room."""
        while len(running := [sitting for sitting in self.sittings.values() if sitting]) >= self._most:
            left = next((sitting for sitting in running if sitting.away), None)
            if left is None:
                return False
            await left.stop()
        return True


async def _received(text: str, connection: web.WebSocketResponse, sitting: Sitting) -> bool:
    """Do what a tab's message says; False when it says nothing that a page of ours would."""
    try:
        match json.loads(text):
            case ["stdin", str(data)]:
                await sitting.send_bytes(data.encode("utf-8", "replace"))
            case ["resize", {"width": int(width), "height": int(height)}]:
                await sitting.set_terminal_size(width, height)
            case ["ping", str(data)]:
                await connection.send_json(["pong", data])
            case ["focus"]:
                await sitting.focus()
            case ["blur"]:
                await sitting.blur()
            case _:
                return False
    except ValueError:
        return False
    return True


def _number(request: web.Request, name: str, otherwise: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else otherwise
