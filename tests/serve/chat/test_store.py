"""Conversations in a store that servers share: a real one, one that dies, one that says nothing."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from routerlab.cli.serve.run import _sharing
from routerlab.core.errors import LabError
from routerlab.serve.chat.stickiness import Sticky
from routerlab.serve.metrics import Metrics
from tests.conftest import PATIENCE_S
from tests.engine.workers import until
from tests.integrations.harness import free_port
from tests.serve.chat.test_chat import Door, door, key

redis = pytest.importorskip("redis", reason="redis is not installed: the extra `redis`")
under_test = pytest.importorskip("routerlab.serve.chat.store")

__all__ = ["key"]
SECRET = "nobody-reads-this-password"
PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")
real = pytest.mark.skipif(PROGRAM is None, reason="neither valkey-server nor redis-server is installed")


@contextmanager
def storing(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A real store on loopback that wants the password; killed in the end."""
    assert PROGRAM is not None
    rules = f'port {port}\nbind 127.0.0.1\nrequirepass {SECRET}\nsave ""\nappendonly no\n'
    with subprocess.Popen([PROGRAM, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(rules.encode())
        process.stdin.close()
        try:
            yield process
        finally:
            process.kill()


def sharing(
    port: int, password: str | None = SECRET, seconds: float = PATIENCE_S
) -> Callable[[Metrics, Callable[[str], None]], Sticky]:
    """What `serving` makes stickiness with."""
    store = under_test.connect(f"redis://127.0.0.1:{port}/0", password)
    return lambda metrics, tell: under_test.SharedStickiness(seconds, store, metrics, tell)


async def target(found: Door, text: str, session: str = "mine") -> str:
    """The model that a chat of this conversation went to."""
    got = await found.chat(text, headers={"x-routerlab-session": session})
    return got.headers["x-routerlab-target"]


@real
async def test_servers_know_each_others_conversations_and_go_on_without_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "WAIT_S", PATIENCE_S)
    monkeypatch.setattr(under_test, "PAUSE_S", 0.0)
    port = free_port()
    for name in ("one", "two", "other"):
        (tmp_path / name).mkdir()
    store = under_test.connect(f"redis://127.0.0.1:{port}", SECRET)

    async def answers() -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(OSError, redis.RedisError):
                    await store.ping()
                    return
                await asyncio.sleep(0.01)

    async with (
        door(tmp_path / "one", sticky=sharing(port)) as one,
        door(tmp_path / "two", sticky=sharing(port)) as two,
        door(tmp_path / "other", sticky=sharing(port, "another-password")) as other,
    ):
        with storing(port):
            await answers()
            assert await target(one, "a system") == "large"
            assert await target(two, "a regex") == "large"
            assert await target(two, "a regex", "yours") == "small"
            names = await store.keys("*")
            assert [len(name) for name in names] == [len(under_test.PREFIX) + 64] * 2  # hashes, no names
            for name in names:
                assert 0 < await store.pttl(name) <= PATIENCE_S * 1000
            assert await target(other, "a system") == "large"
            assert await target(other, "a regex") == "small"
        assert await target(two, "a regex") == "small"  # it is down
        assert await target(two, "a regex") == "small"
        with storing(port):
            await answers()
            assert await target(two, "a system") == "large"
            assert await target(one, "a regex") == "large"
        counted = [await d.visit.metric("routerlab_sticky_store_failures_total") for d in (one, two, other)]
    await store.aclose()
    assert counted == [0, 4, 4]
    (fails, again), (refused,) = two.visit.lines, other.visit.lines
    assert ("without stickiness" in fails, again.endswith("answers again")) == (True, True)
    assert "AuthenticationError" in refused
    assert not one.visit.lines


async def test_a_store_that_says_nothing_costs_one_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "WAIT_S", 0.05)
    monkeypatch.setattr(under_test, "PAUSE_S", PATIENCE_S)
    asked: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: asked.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with door(tmp_path, sticky=sharing(port)) as found:
        for text, name in (("a system", "large"), ("a regex", "small"), ("a regex", "small")):
            assert await target(found, text) == name
        assert await found.visit.metric("routerlab_sticky_store_failures_total") == 6
    await until(lambda: len(asked) == 1)
    for writer in asked:
        writer.close()
    silent.close()
    (line,) = found.visit.lines
    assert "TimeoutError" in line


@pytest.mark.parametrize(
    "address",
    [
        *(
            "",
            "127.0.0.1:6379",
            "http://here",
            "redis://",
            "redis://here:x",
            "redis://[::1",
            "redis://here:0",
        ),
        *(f"redis://:{SECRET}@here", f"redis://here?password={SECRET}"),
    ],
)
def test_an_address_that_is_none_or_has_a_password_is_refused_unseen(address: str) -> None:
    with pytest.raises(LabError, match="--sticky-store: ") as refused:
        under_test.connect(address, None)
    assert SECRET not in str(refused.value)


def test_what_is_missing_for_a_store_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="--sticky SECONDS"):
        _sharing("redis://127.0.0.1:1", 0.0)
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    monkeypatch.delitem(sys.modules, under_test.__name__)
    with pytest.raises(LabError, match=r"pip install 'routerlab\[redis\]'"):
        _sharing("redis://127.0.0.1:1", 1.0)
