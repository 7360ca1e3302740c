"""Remote models as downstream ones, behind a server on loopback."""

import asyncio
import re
from pathlib import Path

import pytest

from routerlab.engine.remote.endpoint import LARGEST
from tests.engine.remote.server import (
    KEY,
    Act,
    Request,
    completion,
    cut,
    error,
    hang_up,
    never,
    says,
    serving,
)
from tests.study.outcome.harness import IN, OUT, carried_out, plan_file, task

SIX = [task(i) for i in range(6)]
PRICES = {"input": 1.0, "output": 4.0, "currency": "USD", "date": "2026-11-28"}

pytestmark = pytest.mark.usefixtures("remote_key")


@pytest.fixture
def remote_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the remotes is set, and attempts follow each other quickly."""
    from routerlab.engine.remote import endpoint
    from tests.engine.remote.server import KEY_ENV

    monkeypatch.setenv(KEY_ENV, KEY)
    monkeypatch.setattr(endpoint, "FIRST_PAUSE_S", 0.02)


async def test_answers_are_text_and_cost_what_their_server_counts(tmp_path: Path) -> None:
    out = tmp_path / "out.toml"
    path = plan_file(tmp_path, SIX, {"far": "remote:test"}, chat={"stop": ["###"], "system": "Be short."})
    async with serving() as server:
        server.usual = says("It is 3.### 4", finish="length")

        async def when_three_are_there(writer: asyncio.StreamWriter, request: Request) -> None:
            while server.most < 3:
                await asyncio.sleep(0.005)
            await server.usual(writer, request)

        server.script += [when_three_are_there] * 3
        found, lost, _ = await carried_out(path, out, server.remote(concurrency=3))
        asked = server.asked[0].json
        most = server.most
    assert not lost
    assert [m["role"] for m in asked["messages"]] == ["system", "user"]
    assert (asked["max_tokens"], asked["temperature"], asked["stop"]) == (6, 0.0, ["###"])
    assert most == 3
    assert len(found) == 6
    one = found["T-03", "far"]
    assert (one.answer, one.finish, one.score, one.contended) == ("It is 3.", "length", 1.0, True)
    assert (one.tokens_in, one.tokens_out) == (200, 15)
    assert one.cost == pytest.approx((200 * IN + 15 * OUT) / 1e6)
    assert found["T-04", "far"].score == 0.0
    assert KEY not in out.read_text()


async def test_the_remotes_own_prices_win_and_no_system_message_is_made_up(tmp_path: Path) -> None:
    path = plan_file(tmp_path, SIX[:1], {"far": "remote:test"})
    async with serving() as server:
        found, _, _ = await carried_out(path, tmp_path / "out.toml", server.remote(prices=PRICES))
        assert [m["role"] for m in server.asked[0].json["messages"]] == ["user"]
    assert found["T-00", "far"].cost == pytest.approx((200 * 1.0 + 15 * 4.0) / 1e6)


async def test_every_way_to_fail_is_an_outcome(tmp_path: Path) -> None:
    path = plan_file(tmp_path, SIX, {"far": "remote:test"}, chat={"timeout_s": 1.0}, concurrency=1)
    refuses = completion(None)
    refuses["choices"][0]["message"]["refusal"] = "I would rather not"
    async with serving(says("0"), error(500), error(400), never, cut, says(None, "content_filter")) as server:
        found, lost, _ = await carried_out(path, tmp_path / "out.toml", server.remote(retries=0))
    assert not lost
    assert [one.status for one in found.values()] == [
        "ok",
        "crashed",
        "refused",
        "timeout",
        "crashed",
        "refused",
    ]
    for one in list(found.values())[1:]:
        assert (one.score, one.checked, one.answer, one.cost) == (0.0, True, None, 0.0)
        assert one.error


async def test_what_a_server_does_not_take_is_left_out_from_then_on(tmp_path: Path) -> None:
    path = plan_file(tmp_path, SIX[:2], {"far": "remote:test"}, concurrency=1)
    async with serving(error(400, "unsupported parameter: temperature")) as server:
        found, _, said = await carried_out(path, tmp_path / "out.toml", server.remote())
        assert ["temperature" in one.json for one in server.asked] == [True, False, False]
    assert [one.status for one in found.values()] == ["ok", "ok"]
    assert "far: not greedy: the server allows no temperature" in said


@pytest.mark.parametrize(
    "refusals",
    [
        [error(429, "rate limit: reduce max_tokens and try again")],
        [error(400, "'max_tokens' is too large: the prompt has 8000 tokens")] * 2,
    ],
    ids=["too often", "too long"],
)
async def test_what_is_wrong_with_one_question_changes_no_other(tmp_path: Path, refusals: list[Act]) -> None:
    path = plan_file(tmp_path, SIX[:2], {"far": "remote:test"}, concurrency=1)
    async with serving(*refusals) as server:
        found, _, _ = await carried_out(path, tmp_path / "out.toml", server.remote(retries=0))
        assert len(server.asked) == len(refusals) + 1
        assert "max_tokens" in server.asked[-1].json
    assert [one.status for one in found.values()] == ["refused", "ok"]


async def test_a_server_that_answers_too_much_is_there(tmp_path: Path) -> None:
    path = plan_file(tmp_path, SIX[:2], {"far": "remote:test"}, concurrency=1)
    async with serving(says("x" * (LARGEST + 1))) as server:
        found, lost, _ = await carried_out(path, tmp_path / "out.toml", server.remote(retries=0))
    assert not lost
    assert [one.status for one in found.values()] == ["crashed", "ok"]


@pytest.mark.parametrize("act", [error(401, "who are you"), hang_up])
async def test_a_server_that_cannot_be_asked_is_given_up_without_outcomes(
    tmp_path: Path, act: object
) -> None:
    path = plan_file(tmp_path, SIX, {"far": "remote:test"}, concurrency=1)
    async with serving() as server:
        server.usual = act  # type: ignore[assignment]
        found, lost, _ = await carried_out(path, tmp_path / "out.toml", server.remote(retries=0))
    assert found == {}
    (line,) = lost
    assert re.match(r"far: 127\.0\.0\.1:\d+: .*; 6 questions are not asked", line)
