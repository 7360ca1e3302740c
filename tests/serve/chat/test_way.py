"""The way to the models and back: proxies, encodings, waits, and clients that leave."""

import asyncio
import gzip
from pathlib import Path

import httpx2
import pytest

from tests.engine.remote.server import error, http, never
from tests.engine.remote.server import serving as model
from tests.engine.workers import until
from tests.serve.chat.test_chat import door, key

__all__ = ["key"]  # a fixture


async def test_a_model_on_this_machine_is_asked_past_the_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with model() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        async with door(tmp_path) as found:
            body = {"model": "auto", "messages": [{"role": "user", "content": "why"}]}
            async with httpx2.AsyncClient(base_url=found.visit.url, trust_env=False) as client:
                (await client.post("/v1/chat/completions", json=body)).raise_for_status()
            assert sum(found.asked) == 1
        assert not proxy.asked


async def test_an_error_in_an_encoding_that_the_client_takes_is_read_and_looked_through(
    tmp_path: Path,
) -> None:
    async with door(tmp_path) as found:
        packed = gzip.compress(b'{"error": "no such thing"}')
        found.small.script.append(http(400, packed, {"Content-Encoding": "gzip"}))
        got = await found.chat(headers={"Accept-Encoding": "br, gzip;q=0.5, zstd"})
        assert got.json() == {"error": "no such thing"}
        assert found.small.asked[0].headers["accept-encoding"] == "gzip;q=0.5"
        await found.chat(headers={"Accept-Encoding": "br"})
        assert found.small.asked[1].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("said", "wait"), [("7", "7"), ("1.5", "2"), ("86400", "60"), ("9" * 400, None), ("soon", None)]
)
async def test_models_that_ask_to_wait_are_passed_on_within_bounds(
    tmp_path: Path, said: str, wait: str | None
) -> None:
    async with door(tmp_path) as found:
        busy = error(429, "later", **{"Retry-After": said})
        for each in (found.small, found.large, found.home):
            each.usual = busy
        got = await found.chat()
        assert got.status_code == (502 if wait is None else 429)
        assert got.headers.get("Retry-After") == wait


async def test_a_chat_whose_client_leaves_is_counted_and_written(tmp_path: Path) -> None:
    async with door(tmp_path) as found:
        found.small.usual = never
        asking = asyncio.create_task(found.chat())
        await until(lambda: len(found.small.asked) == 1)
        asking.cancel()
        await until(lambda: bool(found.visit.trials()))
        (trial,) = found.visit.session().trials
        assert trial.target == "small"
        assert await found.visit.metric("routerlab_decisions_total") == 1
        text = (await found.visit.client.get("/metrics")).text
        assert 'routerlab_upstream_total{status="left",target="small"} 1.0' in text
