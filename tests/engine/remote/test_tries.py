"""A question to a server that fails is tried again, within bounds, and every attempt is on record."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from routerlab.core.prediction import Tokens
from tests.engine.remote.server import (
    SAYS,
    Act,
    Request,
    asked_once,
    codes,
    cut,
    error,
    hang_up,
    never,
)

pytestmark = pytest.mark.usefixtures("remote_key")


def after(pause_s: float, act: Act) -> Act:
    """The same, so much later."""

    async def later(writer: asyncio.StreamWriter, request: Request) -> None:
        await asyncio.sleep(pause_s)
        await act(writer, request)

    return later


@pytest.mark.parametrize("code", [400, 401, 403, 404, 413, 422])
async def test_a_server_that_declines_is_not_asked_again(code: int) -> None:
    answer, server = await asked_once(error(code, "not like this"))
    assert answer.status == "refused"
    assert answer.error is not None
    assert answer.error.startswith(f"127.0.0.1:{server.port}: HTTP {code} ")
    assert answer.error.endswith(": not like this")
    assert codes(answer) == [code]
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("first", "http_status"),
    [(error(500), 500), (error(503), 503), (error(429), 429), (cut, None), (hang_up, None)],
)
async def test_what_may_pass_is_tried_again_and_seen(first: Act, http_status: int | None) -> None:
    answer, server = await asked_once(first, first)
    assert answer.label == "code/simple"
    assert codes(answer) == [http_status, http_status, 200]
    assert len(server.asked) == 3
    a, b, c = answer.attempts or ()
    assert a.error
    assert c.error is None
    assert b.at_ms - (a.at_ms + a.took_ms) >= 20 - 1  # the first pause, and twice as much before the next
    assert c.at_ms - (b.at_ms + b.took_ms) >= 40 - 1
    assert answer.latency_ms.total >= c.at_ms + c.took_ms


@pytest.mark.parametrize(
    ("fault", "status"), [(error(500), "crashed"), (error(429), "refused"), (cut, "crashed")]
)
async def test_it_is_tried_again_so_often_and_no_more(fault: Act, status: str) -> None:
    answer, server = await asked_once(*[fault] * 4)
    assert answer.status == status
    assert len(server.asked) == len(answer.attempts or ()) == 3
    assert str(answer.error).endswith("(3 attempts)")
    assert answer.tokens == Tokens()


async def test_the_server_is_waited_for_as_it_asks() -> None:
    date = format_datetime(datetime.now(UTC) - timedelta(seconds=5), usegmt=True)
    answer, _ = await asked_once(error(429, retry_after="0.3"), error(503, retry_after=date))
    a, b, c = answer.attempts or ()
    assert answer.status == "ok"
    assert (a.wait_s, b.wait_s, c.wait_s) == (0.3, 0.0, None)
    assert b.at_ms - (a.at_ms + a.took_ms) >= 300 - 1
    assert answer.latency_ms.total >= 300 - 1


@pytest.mark.parametrize("asked", ["3600", "1e9", "15"])
async def test_a_server_that_asks_for_too_long_is_given_up_at_once(asked: str) -> None:
    answer, server = await asked_once(error(429, retry_after=asked), timeout_s=10.0)
    assert answer.status == "refused"
    assert "which is too long" in str(answer.error)
    assert answer.latency_ms.total < 5000
    assert len(server.asked) == 1


@pytest.mark.parametrize("asked", ["", "soon", "nan", "inf", "-3", "Mon, 01 Jan 0001 00:00:00 +2300"])
async def test_a_wait_that_makes_no_sense_is_none(asked: str) -> None:
    answer, _ = await asked_once(error(429, retry_after=asked))
    assert codes(answer) == [429, 200]


async def test_no_answer_is_a_timeout() -> None:
    answer, _ = await asked_once(never, timeout_s=0.3)
    assert answer.status == "timeout"
    assert answer.error == "no answer in 0.3 s"
    assert answer.latency_ms.total >= 300
    assert [a.error for a in answer.attempts or ()] == ["given up while it was under way"]


async def test_the_time_limit_is_that_of_all_attempts_together() -> None:
    """The second answer comes too late for all, though not for an attempt that had a limit of its own."""
    answer, server = await asked_once(after(0.5, error(500)), after(2.8, SAYS), timeout_s=3.0)
    assert answer.status == "timeout"
    assert answer.error == (
        f"127.0.0.1:{server.port}: HTTP 500 Internal Server Error: no, then no answer in 3 s"
    )
    assert codes(answer) == [500, None]
    assert answer.latency_ms.total >= 3000
