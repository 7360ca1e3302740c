"""One tab's app: a process, and the connection to whoever looks at it now, which a reload replaces."""

import asyncio
import contextlib
import shlex
from collections.abc import Callable, Mapping, Sequence

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from routerlab.core.text import printable

STOP_S = 15.0
"""Seconds an app gets to stop its models and save, before it is killed."""
LEAST, MOST = 10, 500
"""Columns or lines that a tab may ask for."""
_STARTED = b"__GANGLION__\n"
_AGAIN = b"\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h\x1b[?2004h"
"""What Textual's driver tells a terminal once, at the start: a new tab has not heard it."""
_PLAIN = b"\x1b[?1049l\x1b[2J\x1b[H"


class Sitting(AppService):
    """`socket` is the tab's connection, None while nobody looks; what is drawn then is drawn again later."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], ended: Callable[[], None]) -> None:
        """`env` is added to the environment of the command; `ended` is called when it has come to an end."""
        super().__init__(
            "exec " + shlex.join(command),
            write_bytes=self._show,
            write_str=self._tell,
            close=self._leave,
            download_manager=DownloadManager(),
        )
        self.socket: web.WebSocketResponse | None = None
        self._env = env
        self._ended = ended

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        ours = {"TEXTUAL_DRIVER": "routerlab.tui.shared.driver:TabDriver", **self._env}
        return super()._build_environment(width, height) | ours

    @property
    def away(self) -> bool:
        """Whether it runs, and nobody looks."""
        return self._task is not None and self.socket is None

    async def attach(self, socket: web.WebSocketResponse, width: int, height: int) -> None:
        """Show the app here from now on, and no longer where it was shown; start it if need be."""
        before, self.socket = self.socket, socket
        if before is not None:
            await before.close()
        if self._process is None:
            await self.start(_sane(width), _sane(height))
            return
        await self._show(_AGAIN)
        await self.set_terminal_size(width, height)
        await self.send_meta({"type": "repaint"})  # the same size as before draws nothing

    async def set_terminal_size(self, width: int, height: int) -> None:
        """Tell the app how large the tab is."""
        await super().set_terminal_size(_sane(width), _sane(height))

    async def stop(self) -> None:
        """Ask the app to leave as `q` does, and wait until it has; kill it when that takes too long."""
        if self._task is None or self._process is None:
            self._ended()
            return
        await self.send_meta({"type": "quit"})
        if not (await asyncio.wait({self._task}, timeout=STOP_S))[0]:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await asyncio.wait({self._task})

    async def run(self) -> None:
        """Pass on what the app draws until it ends; what it says on stderr then stands in the tab."""
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        out = self._process.stdout
        said = asyncio.create_task(self._process.stderr.read())
        try:
            while (line := await out.readline()) != _STARTED and line:
                pass
            while True:
                head = await out.readexactly(5)
                payload = await out.readexactly(int.from_bytes(head[1:], "big"))
                if head[:1] == b"D":
                    await self.on_data(payload)
                elif head[:1] == b"M":
                    await self.on_meta(payload)
        except asyncio.IncompleteReadError:
            pass
        code = await self._process.wait()
        lines = (await said).decode("utf-8", "replace").splitlines()
        if code or lines:
            text = "\r\n".join(map(printable, lines or [f"it ended with {code}"]))
            await self._show(_PLAIN + text.encode())
        await self._close()
        self._ended()

    async def _show(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            if self.socket is not None:
                await self.socket.send_bytes(data)

    async def _tell(self, text: str) -> None:
        with contextlib.suppress(ConnectionError):
            if self.socket is not None:
                await self.socket.send_str(text)

    async def _leave(self) -> None:
        """The app says that it leaves: wait until it has, for what it says then is to be read."""

    async def _close(self) -> None:
        if self.socket is not None:
            await self.socket.close()


def _sane(n: int) -> int:
    return min(max(n, LEAST), MOST)
