"""A real browser for tests, driven over its debugging protocol: it opens pages, types, takes pictures."""

import asyncio
import base64
import io
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pyte
from aiohttp import ClientSession, ClientWebSocketResponse
from PIL import Image

from tests.conftest import PATIENCE_S

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """A tab. What a terminal in it was sent is in `text`, as an emulator of ours draws it."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.console: list[str] = []
        self.asked: list[str] = []
        """Addresses that the page asked for."""
        self._socket = socket
        self._count = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._events: dict[str, asyncio.Event] = {}
        self._news = asyncio.Event()
        self._fresh()
        self._reader = asyncio.create_task(self._read())

    def _fresh(self) -> None:
        self._screen = pyte.Screen(160, 50)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def text(self) -> str:
        """The terminal's lines."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers to a command of its protocol; AssertionError when it refuses."""
        self._count += 1
        number = self._count
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        return await asyncio.wait_for(self._answers[number], PATIENCE_S)

    async def open(self, url: str) -> None:
        """Open an address and wait until it has loaded."""
        await self._loading(self.call("Page.navigate", url=url))

    async def reload(self) -> None:
        """Load the same page again; what the terminal showed is forgotten."""
        self._fresh()
        await self._loading(self.call("Page.reload"))

    async def _loading(self, call: Any) -> None:
        loaded = self._events["Page.loadEventFired"] = asyncio.Event()
        await call
        await asyncio.wait_for(loaded.wait(), PATIENCE_S)

    async def type(self, text: str) -> None:
        """Put text where the focus is, as a keyboard with a whole word on a key would."""
        await self.call("Input.insertText", text=text)

    async def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key of this name and number."""
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text
            )

    async def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def picture(self) -> Image.Image:
        """The page as it is painted."""
        shot = await self.call("Page.captureScreenshot", format="png")
        return Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")

    async def shows(self, *wanted: str) -> None:
        """Wait until all these stand in the terminal."""
        await self.until(lambda: all(text in self.text for text in wanted), str(wanted))

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition."""
        end = asyncio.get_running_loop().time() + PATIENCE_S
        while not condition():
            now = asyncio.get_running_loop().time()
            assert now < end, f"no {what} in {PATIENCE_S:.0f} s\n{self.text}\n{self.console}"
            assert not self._reader.done(), f"the browser has gone: {self._reader}"
            self._news.clear()
            with suppress(TimeoutError):  # what is waited for may be no news of the browser's
                await asyncio.wait_for(self._news.wait(), 0.2)

    async def _read(self) -> None:
        async for message in self._socket:
            found = json.loads(message.data)
            if "id" in found:
                answer = self._answers.pop(found["id"])
                if "error" in found:
                    answer.set_exception(AssertionError(found["error"]))
                else:
                    answer.set_result(found["result"])
                continue
            self._noted(found["method"], found["params"])
            self._news.set()

    def _noted(self, method: str, params: dict[str, Any]) -> None:
        if method in self._events:
            self._events[method].set()
        if method in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.console.append(str(params))
        elif method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif method == "Network.webSocketFrameReceived" and params["response"]["opcode"] == 2:
            self._stream.feed(base64.b64decode(params["response"]["payloadData"]))


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Callable[[], Any]]:
    """A browser without a network; yields what opens a tab."""
    assert BROWSER
    process = await asyncio.create_subprocess_exec(
        *(BROWSER, "--headless", "--no-sandbox", "--hide-scrollbars", "--no-first-run"),
        *("--disable-gpu", "--disable-3d-apis", "--disable-dev-shm-usage"),
        *(f"--user-data-dir={folder / 'profile'}", "--remote-debugging-port=0", "--window-size=1200,800"),
        *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost", "about:blank"),
        env={**os.environ, "HOME": str(folder)},
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        told = folder / "profile" / "DevToolsActivePort"
        async with asyncio.timeout(PATIENCE_S):
            while not (told.exists() and told.read_text().count("\n")):
                assert process.returncode is None, "the browser did not start"
                await asyncio.sleep(0.02)
        port = int(told.read_text().split()[0])
        async with ClientSession() as client:

            async def new_tab() -> Tab:
                async with client.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer:
                    found = await answer.json()
                tab = Tab(await client.ws_connect(found["webSocketDebuggerUrl"], max_msg_size=0))
                for domain in ("Page", "Network", "Runtime", "Log"):
                    await tab.call(f"{domain}.enable")
                return tab

            yield new_tab
    finally:
        process.terminate()
        await process.wait()
