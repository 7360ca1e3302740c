"""Requests that no client would send: whatever comes, the answer is not that something here is wrong."""

import asyncio
import copy
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from routerlab.serve.front import Wanted
from tests.engine.asking import FRONT_DOOR
from tests.engine.remote.server import KEY, KEY_ENV
from tests.engine.remote.server import serving as model
from tests.serve.chat.tables import table
from tests.serve.harness import LIMITS, Told, post, raw, serving

pytestmark = pytest.mark.whole  # hundreds of requests

LABELS: dict[str, str | None] = dict.fromkeys(FRONT_DOOR.labels, "about it")
QUESTIONS = {
    "a": {"type": "choice", "criteria": LABELS, "instructions": "which"},
    "b": {"type": "choice", "criteria": {"only": None}},
    "c": {"type": "score", "criteria": ["level"]},
}
CHOICES = [{"value": name, "description": None} for name in FRONT_DOOR.labels]
BODIES: dict[str, Any] = {
    "/v1/route": {"prompt": "a regex"},
    "/v1/systemone": {"model": "m", "state": {"text": "a regex"}, "questions": QUESTIONS},
    "/v1/decisions": {
        "model": "m",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "a regex"}]}],
        "questions": [{"type": "choice", "instructions": "which", "choices": CHOICES}],
    },
    "/v1/chat/completions": {
        "model": "auto",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a regex"}]}],
        "stream": False,
    },
}
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**30,
    1e308,
    "",
    " ",
    "\0",
    "\ud800",
    "\U0010ffff" * 99,
    [],
    {},
    [[]],
    {"": 0},
    "auto:x",
)


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value of a body that is not the body itself."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def with_odd(chance: random.Random, body: Any) -> bytes:
    """The body with an odd value somewhere, or an odd key, or without one."""
    made = copy.deepcopy(body)
    *way, last = chance.choice(list(places(made)))
    node = made
    for key in way:
        node = node[key]
    what = chance.randrange(4)
    if what == 0:
        del node[last]
    elif what == 1 and isinstance(node, dict):
        node[str(chance.choice(ODD))] = node.pop(last)
    else:
        node[last] = chance.choice(ODD)
    return json.dumps(made).encode()


def broken(chance: random.Random, data: bytes) -> bytes:
    """The bytes with a piece of them lost, doubled or replaced."""
    at = chance.randrange(len(data))
    end = min(len(data), at + chance.randrange(1, 9))
    instead = (b"", data[at:end] * 2, chance.randbytes(end - at), b"[" * 3000)
    return data[:at] + chance.choice(instead) + data[end:]


async def test_nothing_that_comes_is_a_fault_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)
    chance = random.Random(28)
    limits = replace(LIMITS, head_s=1.0, body_s=0.2)
    async with model() as behind:
        path = table(tmp_path / "routes.toml", {"large": (3, "self-hosted", behind)})
        wanted = Wanted("main", tables={"": path})
        async with serving(tmp_path, Told("main"), limits=limits, wanted=wanted) as visit:
            statuses: dict[str, set[int]] = {path: set() for path in BODIES}
            for n in range(240):
                address, body = list(BODIES.items())[n % len(BODIES)]
                data = with_odd(chance, body)
                if n % 3 == 0:
                    data = broken(chance, data)
                statuses[address].add((await visit.client.post(address, content=data)).status_code)
            requests = [post(address, json.dumps(body).encode()) for address, body in BODIES.items()]
            pieces = [broken(chance, chance.choice(requests)) for _ in range(40)]
            answers = await asyncio.gather(*(raw(visit.url, data, half_close=True) for data in pieces))
            assert visit.lines == []
    for found in statuses.values():  # some was read, and some refused, else nothing was tried
        assert {200} < found <= {200, 400, 404, 413, 422}
    assert not [answer for answer in answers if answer.startswith(b"HTTP/1.1 5")]


async def test_it_says_what_can_be_asked(tmp_path: Path) -> None:
    async with serving(tmp_path, Told("main")) as visit:
        told = (await visit.client.get("/openapi.json")).json()
        for address, body in BODIES.items():
            assert "requestBody" in told["paths"][address]["post"]
            assert (await visit.client.post(address, json=body)).status_code in (200, 404)
    for schema in told["components"]["schemas"]:
        assert f"/components/schemas/{schema}" in json.dumps(told)
