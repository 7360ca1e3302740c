"""The classifier plugin: whose words it reads, which tier it names, and what it tells of faults."""

import asyncio
import inspect
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from routerlab.core.errors import LabError
from routerlab.integrations.litellm import Classifier, Verdict, at, in_process, last_turn
from tests.conftest import PATIENCE_S
from tests.engine.asking import FRONT_DOOR
from tests.engine.remote.server import cut, hang_up, http, never, serving
from tests.serve import harness as door

PROMPT = "write a regex for Zanzibar's dates"
TIERS = {label: "SIMPLE" if label.endswith("simple") else "REASONING" for label in FRONT_DOOR.labels}

PARTS = [{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]


@dataclass
class Context:
    """What is read of LiteLLM's."""

    structured_messages: list[dict[str, Any]] = field(default_factory=list)
    raw_messages: list[dict[str, Any]] = field(default_factory=list)


ASKS = Context([{"role": "user", "content": PROMPT}])


def says(**told: Any) -> Any:
    """What `routerlab serve` answers, as far as it is read."""
    return http(
        200, json.dumps({"label": "code/simple", "routed": "code/simple", "probability": 0.7} | told).encode()
    )


def refuses(status: int, code: str) -> Any:
    """An error as `routerlab serve` puts it."""
    return http(status, json.dumps({"error": {"message": "no", "type": "e", "code": code}}).encode())


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([], None),
        ([{"role": "system", "content": "be brief"}], None),
        ([{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}], "one"),
        ([{"role": "user", "content": "one"}, {"role": "user", "content": "two"}], "two"),
        # what a tool says comes in the user's name: the user's last words stand before it
        ([{"role": "user", "content": "one"}, {"role": "user", "content": [{"type": "tool_result"}]}], "one"),
        ([{"role": "user", "content": PARTS}], "a\nb"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}], None),
        ([{"role": "user", "content": None}, {"role": "user", "content": " \n"}], None),
        ([{"role": "user", "content": [7, {"type": "text"}, "loose"]}], None),
    ],
)  # fmt: skip
def test_what_is_decided_on_is_the_users_last_text(messages: list[dict[str, Any]], text: str | None) -> None:
    assert last_turn(messages) == text


async def test_a_label_is_a_tier_and_what_is_unsure_is_left_to_the_gateway() -> None:
    asked: list[str] = []
    verdict = Verdict("code/simple", 0.6)

    async def ask(prompt: str) -> Verdict:
        asked.append(prompt)
        return verdict

    assert inspect.iscoroutinefunction(Classifier(ask).classify)  # LiteLLM refuses others
    assert await Classifier(ask).classify(ASKS) == "code/simple"
    assert await Classifier(ask, TIERS).classify(ASKS) == "SIMPLE"
    assert await Classifier(ask, least=0.6).classify(ASKS) == "code/simple"
    assert await Classifier(ask, least=0.61).classify(ASKS) is None
    assert await Classifier(ask).classify(Context(raw_messages=ASKS.structured_messages)) == "code/simple"
    assert asked == [PROMPT] * 5
    assert await Classifier(ask).classify(Context()) is None
    assert len(asked) == 5
    with pytest.raises(LabError, match=r"^tiers: no tier for the label code/simple; there are CoT/simple$"):
        await Classifier(ask, {"CoT/simple": "SIMPLE"}).classify(ASKS)
    verdict = Verdict(None, 0.9)
    assert await Classifier(ask).classify(ASKS) is None
    verdict = Verdict("CoT/simple", None)
    assert await Classifier(ask, least=0.9).classify(ASKS) == "CoT/simple"


async def test_a_router_in_the_process_answers_many_at_once() -> None:
    classifier = in_process("baseline:keywords", tiers=TIERS)
    prompts = [PROMPT, "Weigh the trade-offs of three databases, step by step", PROMPT]
    contexts = [Context([{"role": "user", "content": prompt}]) for prompt in prompts]
    tiers = await asyncio.gather(*map(classifier.classify, contexts))
    assert tiers == ["SIMPLE", "REASONING", "SIMPLE"]


def test_a_router_that_is_not_there_or_a_label_without_a_tier_stops_the_start() -> None:
    with pytest.raises(LabError, match=r"^nobody: no model of this name"):
        in_process("nobody")
    less = {label: tier for label, tier in TIERS.items() if "hybrid" not in label}
    told = r"^tiers: no tier for hybrid/agentic, hybrid/generative; keywords may answer them$"
    with pytest.raises(LabError, match=told):
        in_process("baseline:keywords", tiers=less)


async def test_a_server_is_asked_with_its_token_and_nothing_else_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROUTERLAB_SERVE_TOKEN", "a-token-that-nobody-guesses")
    async with serving(says(), says(routed=None), says(probability=0.3)) as server:
        address = server.url.removesuffix("/v1")
        classifier = at(address, least=0.5)
        assert [await classifier.classify(ASKS) for _ in range(3)] == ["code/simple", None, None]
        assert all(request.line == "POST /v1/route HTTP/1.1" for request in server.asked)
        assert all(request.json == {"prompt": PROMPT} for request in server.asked)
        assert {r.headers["authorization"] for r in server.asked} == {"Bearer a-token-that-nobody-guesses"}
        server.script.append(says())
        await at(f"{address}/", token_env="ROUTERLAB_NO_SUCH").classify(ASKS)
        assert server.asked[-1].line == "POST /v1/route HTTP/1.1"
        assert "authorization" not in server.asked[-1].headers


async def test_the_door_itself_understands_what_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTERLAB_SERVE_TOKEN", door.TOKEN)
    arm = door.Told("arm", says={"sky": "CoT/simple"})
    async with door.serving(tmp_path, arm, token=door.TOKEN) as visit:
        assert await at(visit.url).classify(ASKS) == "code/simple"
        sky = Context([{"role": "user", "content": "why is the sky blue?"}])
        assert await at(visit.url, tiers=TIERS).classify(sky) == "SIMPLE"
        with pytest.raises(LabError, match=r": 401, \w+$"):
            await at(visit.url, token_env="ROUTERLAB_NO_SUCH").classify(ASKS)
        long = Context([{"role": "user", "content": "a" * (door.LIMITS.prompt_characters + 1)}])
        with pytest.raises(LabError, match=r": 413, prompt_too_long$"):
            await at(visit.url).classify(long)
    assert arm.prompts == [PROMPT, "why is the sky blue?"]


async def test_what_goes_wrong_is_told_in_one_line_without_the_prompt() -> None:
    garbage = http(200, b'{"routed": 7'), http(200, b"[]"), http(502, b"<html>")
    async with serving(refuses(429, "queue_full"), refuses(504, "timeout"), *garbage, cut, hang_up) as server:
        address = server.url.removesuffix("/v1")
        classifier = at(address)
        told = []
        for _ in range(7):
            with pytest.raises(LabError) as caught:
                await classifier.classify(ASKS)
            told.append(str(caught.value).removeprefix(f"{address}: "))
        assert told[:2] == ["429, queue_full", "504, timeout"]
        assert told[2:4] == ["200, not an answer of `routerlab serve`"] * 2
        assert told[4] == "502, not an answer of `routerlab serve`"
        assert all(line.endswith("Error; is `routerlab serve` there?") for line in told[5:])
        assert not any("Zanzibar" in line for line in told)
    with pytest.raises(LabError, match="ConnectError"):
        await classifier.classify(ASKS)


async def test_a_server_that_does_not_answer_is_left_when_the_gateway_has_waited_enough() -> None:
    async with serving(never, says()) as server:
        classifier = at(server.url.removesuffix("/v1"))
        waiting = asyncio.create_task(classifier.classify(ASKS))
        async with asyncio.timeout(PATIENCE_S):
            while not server.asked:
                await asyncio.sleep(0.005)
            waiting.cancel()
            while server.open:
                await asyncio.sleep(0.005)
        assert await classifier.classify(ASKS) == "code/simple"


@pytest.mark.parametrize(
    "address",
    ["", "127.0.0.1:8080", "ftp://a", "http://", "http://a/?key=1", "http://[::1", "http://a:b"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(LabError, match=r"no address of a server; write http://HOST:PORT$"):
        at(address)
