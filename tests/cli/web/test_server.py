"""Who gets in, and what becomes of a tab's process: a real server and real processes, without a browser."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

pytest.importorskip("textual_serve", reason="textual-serve is not installed: the extra `web`")
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web
from aiohttp.test_utils import make_mocked_request

from routerlab.cli.web import sitting as of_a_tab
from routerlab.cli.web.gate import gate
from routerlab.cli.web.server import Server
from routerlab.core.errors import LabError
from tests.conftest import PATIENCE_S

APP = """
import os, sys
out, keys = sys.stdout.buffer, sys.stdin.buffer

def say(text):
    data = text.encode()
    out.write(b"D" + len(data).to_bytes(4, "big") + data)
    out.flush()

if "broken" in sys.argv:
    sys.exit("error: no \\x1b[31mmodel here")
out.write(b"__GANGLION__\\n")
say(f"<{os.getpid()}>")
while head := keys.read(5):
    data = keys.read(int.from_bytes(head[1:], "big")).decode()
    if '"quit"' in data and "deaf" not in sys.argv:
        break
    say(data)
"""
"""Speaks as Textual's driver does, and repeats what it is told."""


class Visit:
    """A server and somebody who asks it."""

    def __init__(self, url: str, client: ClientSession, server: Server) -> None:
        self.url, self.client, self.server = url, client, server

    async def tab(self) -> str:
        """The address of the websocket of a new tab."""
        async with self.client.get(self.url) as answer:
            assert answer.status == 200
            assert answer.url.path.startswith(f"/{self.server.token}/tab/")
            return str(answer.url).replace("/tab/", "/ws/")

    async def status(self, url: str, **headers: str) -> tuple[int, str]:
        """How an address is answered."""
        async with self.client.get(url, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def shaken(self, url: str, **headers: str) -> int:
        """How a websocket's handshake is answered."""
        try:
            await (await self.client.ws_connect(url, headers=headers)).close()
        except WSServerHandshakeError as e:
            return e.status
        return 101


@asynccontextmanager
async def serving(folder: Path, *words: str, tabs: int = 4, away_s: float = 0.0) -> AsyncIterator[Visit]:
    (folder / "app.py").write_text(APP)
    server = Server([sys.executable, "-S", str(folder / "app.py"), *words], {"A_WORD": "1"}, tabs, away_s)
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(server.serve("127.0.0.1", 0, address.set_result))
    async with ClientSession() as client:
        yield Visit(await asyncio.wait_for(address, PATIENCE_S), client, server)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert not server.sittings or all(value is None for value in server.sittings.values())


async def read(socket: ClientWebSocketResponse, *wanted: str) -> str:
    """Read until all that is wanted has come."""
    text = ""
    while not all(word in text for word in wanted):
        message = await asyncio.wait_for(socket.receive(), PATIENCE_S)
        assert message.type == WSMsgType.BINARY, f"{message.type} after {text!r}"
        text += message.data.decode()
    return text


async def closed(socket: ClientWebSocketResponse) -> str:
    """Read until the server closes; what came."""
    text = ""
    while (message := await asyncio.wait_for(socket.receive(), PATIENCE_S)).type == WSMsgType.BINARY:
        text += message.data.decode()
    return text


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def pid(text: str) -> int:
    return int(text.partition("<")[2].partition(">")[0])


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def test_nobody_comes_in_without_the_token(tmp_path: Path) -> None:
    async with serving(tmp_path) as visit:
        token = visit.server.token
        base = visit.url.removesuffix(f"/{token}/")
        tab = await visit.tab()
        wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
        known = {path.removeprefix(base) for path in (visit.url, tab, tab.replace("/ws/", "/tab/"))}
        known |= {f"/{token}/static/js/textual.js", f"/{token}/static/../../x", f"/{token}/none"}
        answers = set()
        for path in ("/", "/favicon.ico", *known):
            answers.add(await visit.status(base + path.replace(token, wrong)))
            answers.add(await visit.status(f"{base}/x{path}"))
        assert answers == {(403, "403: open the address that `routerlab web` printed\n")}
        assert await visit.shaken(tab.replace(token, wrong)) == 403
        assert await visit.shaken(tab.replace(token, "")) == 403
        assert len(token) >= 40
        assert visit.server.sittings == {tab.rpartition("/")[2]: None}, "no process was started"


async def test_a_page_of_another_name_or_site_does_not_come_in(tmp_path: Path) -> None:
    async with serving(tmp_path) as visit:
        tab = await visit.tab()
        port = visit.url.split(":")[2].split("/")[0]
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "[::1", "x]"):
            assert (await visit.status(visit.url, Host=host))[0] in (400, 403), host
            assert await visit.shaken(tab, Host=host) in (400, 403), host
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "http://["):
            assert (await visit.status(visit.url, Origin=origin))[0] == 403, origin
            assert await visit.shaken(tab, Origin=origin) == 403, origin
        for host in (f"localhost:{port}", "127.0.0.1", f"[::1]:{port}"):
            assert (await visit.status(visit.url, Host=host))[0] == 303, host
            own = await visit.tab()  # a sitting ends soon after its tab is closed
            assert await visit.shaken(own, Host=host, Origin=f"http://{host}") == 101, host


async def test_on_another_address_its_own_names_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Lab7")

    async def answered(host: str, name: str) -> int:
        async def handler(request: web.Request) -> web.StreamResponse:
            return web.Response()

        request = make_mocked_request("GET", "/secret/", headers={"Host": name})
        return (await gate("secret", host)(request, handler)).status

    for name in ("lab7:8000", "Lab7", "lab.example", "192.0.2.7:8000", "localhost"):
        assert await answered("lab.example", name) == 200, name
    for name in ("evil.example", "lab.example.evil.example"):
        assert await answered("lab.example", name) == 403, name
    assert await answered("127.0.0.1", "lab7") == 403, "on loopback nobody says that"


async def test_a_page_loads_nothing_from_elsewhere_and_tells_nobody_the_token(tmp_path: Path) -> None:
    async with serving(tmp_path) as visit:
        async with visit.client.get(visit.url) as answer:
            page, headers = await answer.text(), answer.headers
        assert "http" not in page.replace(await visit.tab(), "").replace("http-equiv", "")
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        for name in ("js/textual.js", "css/xterm.css", "focus.js", "fonts/RobotoMono-VariableFont_wght.ttf"):
            assert (await visit.client.get(f"{visit.url}static/{name}")).status == 200, name
        for name in ("", "js", "../server.py", "..%2fserver.py", "images/background.png"):
            assert (await visit.status(f"{visit.url}static/{name}"))[0] == 404, name


async def test_a_reload_comes_back_to_the_process_that_is_there(tmp_path: Path) -> None:
    async with serving(tmp_path, away_s=PATIENCE_S) as visit:
        address = await visit.tab()
        first = await visit.client.ws_connect(f"{address}?width=99&height=33")
        process = pid(await read(first, ">"))
        await first.send_json(["stdin", "a key"])
        await read(first, "a key")
        await first.close()
        again = await visit.client.ws_connect(f"{address}?width=99&height=33")
        assert "\x1b[?1049h" in await read(again, '"height": 33', '"repaint"')
        other = await visit.client.ws_connect(address)
        await read(other, '"height": 24')
        assert "<" not in await closed(again), "shown in one place only"
        assert runs(process)
    assert not runs(process), "gone with the server"


async def test_a_tab_that_is_closed_ends_its_process(tmp_path: Path) -> None:
    async with serving(tmp_path) as visit:
        address = await visit.tab()
        one, two = await visit.client.ws_connect(address), await visit.client.ws_connect(await visit.tab())
        processes = [pid(await read(socket, ">")) for socket in (one, two)]
        assert len(set(processes)) == 2, "each tab has a process of its own"
        await one.close()
        await until(lambda: not runs(processes[0]))
        assert runs(processes[1])
        await until(lambda: len(visit.server.sittings) == 1)
        status, page = await visit.status(address.replace("/ws/", "/tab/"))
        assert status == 410
        assert "The sitting of this tab has ended" in page
        assert await visit.shaken(address) == 410


async def test_there_are_only_so_many_sittings(tmp_path: Path) -> None:
    async with serving(tmp_path, tabs=1, away_s=PATIENCE_S) as visit:
        first = await visit.client.ws_connect(await visit.tab())
        process = pid(await read(first, ">"))
        status, page = await visit.status(visit.url)
        assert status == 303
        waiting = next(tab for tab, found in visit.server.sittings.items() if found is None)
        status, page = await visit.status(f"{visit.url}tab/{waiting}")
        assert status == 503
        assert "All 1 sittings are taken" in page
        assert await visit.shaken(f"{visit.url}ws/{waiting}") == 503
        await first.close()  # it would wait for its tab, but makes room
        second = await visit.client.ws_connect(f"{visit.url}ws/{waiting}")
        assert pid(await read(second, ">")) != process
        assert not runs(process)


@pytest.mark.parametrize(
    "text", ["{", "[]", "7", '["stdin", 7]', '["resize", {"width": "1"}]', '["exec", "ls"]']
)
async def test_what_no_page_of_ours_says_ends_the_connection(tmp_path: Path, text: str) -> None:
    async with serving(tmp_path) as visit:
        socket = await visit.client.ws_connect(await visit.tab())
        await read(socket, ">")
        await socket.send_json(["resize", {"width": 10**9, "height": -5}])
        assert '"width": 500, "height": 10' in await read(socket, "height")
        await socket.send_str(text)
        await closed(socket)
        await until(lambda: not visit.server.sittings)


async def test_an_app_that_does_not_start_says_why_in_the_tab(tmp_path: Path) -> None:
    async with serving(tmp_path, "broken") as visit:
        socket = await visit.client.ws_connect(await visit.tab())
        assert "error: no \\x1b[31mmodel here" in await closed(socket)
        assert not visit.server.sittings


async def test_an_app_that_does_not_leave_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_a_tab, "STOP_S", 0.1)
    async with serving(tmp_path, "deaf") as visit:
        socket = await visit.client.ws_connect(await visit.tab())
        process = pid(await read(socket, ">"))
        await socket.close()
        await until(lambda: not runs(process))


async def test_a_port_that_is_taken_is_said_in_a_line(tmp_path: Path) -> None:
    async with serving(tmp_path) as visit:
        port = int(visit.url.split(":")[2].split("/")[0])
        with pytest.raises(
            LabError, match=rf"127\.0\.0\.1:{port}: cannot listen there: .*try another --port"
        ):
            await Server(["true"], {}, 1).serve("127.0.0.1", port, lambda _: None)
