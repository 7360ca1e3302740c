"""`routerlab web` as a program: what it refuses, what it shows read-only, and its end."""

import asyncio
import json
import os
import re
import signal
from pathlib import Path

import psutil
import pyte
import pytest

from tests import program
from tests.conftest import PATIENCE_S, REPO

EXAMPLE = REPO / "sessions" / "example.toml"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--read-only"], 2, "--read-only shows a session or a result: name it with --session FILE"),
        (["--read-only", "--session", "none.toml"], 2, "none.toml: no such file"),
        (
            ["--read-only", "--session", "x.toml", "--arm", "a"],
            2,
            "of its options only --session goes with it",
        ),
        (["--arm", "nothing"], 3, "nothing: no model of this name"),
        (["--corpus", "none.toml"], 2, "none.toml: no such file"),
        (["--frobnicate"], 2, "No such option: --frobnicate"),
        (["somewhere"], 2, "somewhere"),
    ],
)
def test_what_would_end_every_sitting_is_told_at_once(
    tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    found = program.run(tmp_path, "web", *words)
    assert found.returncode == code
    assert says in found.stderr
    assert found.stdout == ""
    assert found.stderr.count("\n") == 1


def test_without_the_library_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "hidden" / "textual_serve").mkdir(parents=True)
    (tmp_path / "hidden" / "textual_serve" / "__init__.py").write_text(
        "raise ModuleNotFoundError('no', name='textual_serve')"
    )
    path = os.pathsep.join(filter(None, (str(tmp_path / "hidden"), os.environ.get("PYTHONPATH"))))
    found = program.run(tmp_path, "web", env={**os.environ, "PYTHONPATH": path})
    assert found.stderr == "error: the browser needs textual-serve: pip install 'routerlab[web]'\n"
    assert found.returncode == 3


async def test_read_only_shows_a_result_and_changes_nothing(tmp_path: Path) -> None:
    aiohttp = pytest.importorskip("aiohttp", reason="textual-serve is not installed: the extra `web`")
    pytest.importorskip("textual_serve", reason="textual-serve is not installed: the extra `web`")
    session = tmp_path / "session.toml"
    session.write_bytes(EXAMPLE.read_bytes())
    before = {path.name for path in tmp_path.iterdir()}
    screen = pyte.Screen(100, 40)
    stream = pyte.ByteStream(screen)
    async with program.serving(tmp_path, "web", "--read-only", "--session", session) as (process, url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{40,}/", url)
        async with aiohttp.ClientSession() as client:
            async with client.get(url) as answer:
                address = str(answer.url).replace("/tab/", "/ws/")
            socket = await client.ws_connect(f"{address}?width=100&height=40")

            async def shows(*wanted: str) -> None:
                while not all(word in "\n".join(screen.display) for word in wanted):
                    message = await asyncio.wait_for(socket.receive(), PATIENCE_S)
                    assert message.type == aiohttp.WSMsgType.BINARY, "\n".join(screen.display)
                    stream.feed(message.data)

            await shows("accuracy", "P95", "f1 Help")
            await socket.send_str(json.dumps(["stdin", "w"]))
            await shows("Read-only: nothing is asked")
            children = psutil.Process(process.pid).children(recursive=True)
            assert [found.cmdline()[-3:] for found in children] == [["report", "--tui", str(session)]]
            assert url.split("/")[3] not in str([found.cmdline() for found in children])
            assert url.split("/")[3] not in str([found.environ() for found in children])
            process.send_signal(signal.SIGINT)
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
            assert process.returncode == 0
            assert (out, err) == (b"", b""), "nothing is logged"
            assert not [found for found in children if found.is_running()]
    assert {path.name for path in tmp_path.iterdir()} == before
    assert session.read_bytes() == EXAMPLE.read_bytes()
