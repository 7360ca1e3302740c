"""Every habit of habits.py: what is made of it, strictly and leniently."""

import json
import re
import tomllib
from collections.abc import Iterator

import pytest

from routerlab.core.prediction import Prediction
from routerlab.engine.remote.arm import RemoteArm
from routerlab.engine.remote.info import RemoteInfo
from routerlab.engine.remote.preset import presets
from tests.conftest import PATIENCE_S, REPO
from tests.engine.remote.habits import HABITS, Habit, message, stream
from tests.engine.remote.server import SIMPLE, Server, asking, completion, http, says, serving

pytestmark = [pytest.mark.usefixtures("remote_key"), pytest.mark.whole]


async def asked(habit: Habit, **more: object) -> tuple[Prediction, Server, RemoteArm]:
    """The answer of a server with the habit to a question after the first, which it answers likewise where an
    arm can come to terms with that."""
    async with serving() as server:
        server.usual = habit.act
        server.first = habit.act if habit.note else server.first
        async with asking(server, **{**habit.remote, **more}) as arm:
            return await arm.ask("a regex, please", PATIENCE_S), server, arm


def test_there_are_many_and_all_are_in_the_documentation() -> None:
    assert len(HABITS) >= 40
    rows = [line for line in (REPO / "docs" / "remote.md").read_text().split("\n") if line.startswith("| ")]
    told = {name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[-1])}
    assert set(HABITS) - told == set()


def test_the_documentation_has_what_each_preset_sends() -> None:
    text = (REPO / "docs" / "remote.md").read_text()
    for name, preset in presets().server.items():
        row = next(line for line in text.split("\n") if line.startswith(f"| `{name}`"))
        off, low = (re.findall(r"`([^`]+)`", cell) for cell in row.split(" | ")[1:])
        assert (tomllib.loads("\n".join(off)), tomllib.loads("\n".join(low))) == (preset.off, preset.low)


@pytest.mark.parametrize("name", HABITS)
async def test_what_is_made_of_it(name: str) -> None:
    habit = HABITS[name]
    answer, server, arm = await asked(habit)
    expected = habit.status or ("ok" if habit.label else "unparsed")
    assert (answer.status, answer.label) == (expected, habit.label), answer.error
    assert habit.error in (answer.error or "")
    assert bool(answer.error) == (habit.label is None)
    assert "\n" not in (answer.error or "")
    assert answer.strict is None
    info = arm.state.info
    assert isinstance(info, RemoteInfo)
    assert habit.note in info.note
    assert bool(info.note) == bool(habit.note)
    assert len(server.asked) == 1  # what was agreed while it loaded is not tried out again


@pytest.mark.parametrize("name", [name for name, habit in HABITS.items() if not habit.status])
async def test_a_lenient_reading_has_what_the_strict_one_has_and_more(name: str) -> None:
    habit = HABITS[name]
    answer, _, _ = await asked(habit, parse="lenient")
    assert answer.label == (habit.label or habit.lenient)
    assert answer.strict is (habit.label is not None)
    assert bool(answer.error) == (answer.label is None)


@pytest.mark.parametrize(
    ("said", "confidence"),
    [("95", 0.95), ('"0.9"', 0.9), ('"85 %"', 0.85), ("1", 1.0), ('"high"', None), ("1.5", None),
     ("-1", None), ("101", None), ("true", None), ('"0,7"', 0.7)],
)  # fmt: skip
async def test_a_confidence_in_other_words(said: str, confidence: float | None) -> None:
    habit = Habit(says(f'{{"label": "code/simple", "confidence": {said}}}'))
    assert (await asked(habit, parse="lenient"))[0].confidence == pytest.approx(confidence)
    strict = (await asked(habit))[0]
    assert (strict.label, strict.confidence) == ("code/simple", 1.0 if said == "1" else None)


async def test_what_was_agreed_is_sent_and_on_record() -> None:
    answer, server, arm = await asked(HABITS["both"])
    assert answer.status == "ok"
    assert [("max_tokens" in r.json, "temperature" in r.json) for r in server.began] == [
        (True, True),
        (False, True),
        (False, False),
    ]
    assert server.asked[0].json["max_completion_tokens"] == 128
    info = arm.state.info
    assert isinstance(info, RemoteInfo)
    assert info.sent == {"max_completion_tokens": 128}
    assert info.adapted is not None
    assert info.adapted[1] == "not greedy: the server allows no temperature"
    usual = (await asked(Habit(says())))[2].state.info
    assert isinstance(usual, RemoteInfo)
    assert (usual.sent, usual.adapted) == (None, None)
    assert usual.identity[:3] == (usual.base_url, "m", "m-2026-11")
    assert usual.identity[3] != info.identity[3]


async def test_without_a_system_message_the_instruction_is_in_the_users_turn() -> None:
    _, server, _ = await asked(HABITS["no-system"])
    (turn,) = server.asked[0].json["messages"]
    assert turn["role"] == "user"
    assert turn["content"].startswith("You are the front door")
    assert turn["content"].endswith("\n\na regex, please")


def _keys() -> Iterator[tuple[str, dict[str, object], dict[str, object]]]:
    yield "deepseek", {"reasoning": "off"}, {"thinking": {"type": "disabled"}}
    yield "openai", {"reasoning": "low"}, {"reasoning_effort": "low"}
    yield "openrouter", {"reasoning": "off"}, {"reasoning": {"effort": "none"}}
    yield (
        "vllm",
        {"reasoning": "off"},
        {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
    )
    yield "ollama", {"reasoning": "off"}, {"reasoning_effort": "none"}
    yield "ollama", {"reasoning": "off", "body": {"think": True}}, {"reasoning_effort": "none", "think": True}
    yield "llama-server", {"reasoning": "default"}, {}


@pytest.mark.parametrize(("name", "more", "keys"), list(_keys()))
async def test_each_server_is_told_in_its_own_way(
    name: str, more: dict[str, object], keys: dict[str, object]
) -> None:
    _, server, _ = await asked(Habit(says()), server=name, **more)
    assert server.asked[0].json | {"messages": 0} == {
        "model": "m", "messages": 0, "temperature": 0.0, "max_tokens": 128, **keys
    }  # fmt: skip


async def test_reasoning_has_a_budget_of_its_own_and_is_counted() -> None:
    told = {"completion_tokens": 300, "completion_tokens_details": {"reasoning_tokens": 280}}
    habit = Habit(message(content=SIMPLE, reasoning_content="hm", usage=told))
    answer, server, arm = await asked(habit, reasoning_tokens=1000)
    assert server.asked[0].json["max_tokens"] == 1128
    assert (answer.tokens.generated, answer.tokens.reasoning) == (300, 280)
    assert isinstance(arm.state.info, RemoteInfo)
    assert arm.state.info.reasoning_tokens == 1000
    assert arm.state.info.sent == {"temperature": 0.0, "max_tokens": 1128}


async def test_reasoning_that_is_only_in_the_total_is_counted_too() -> None:
    told = {"prompt_tokens": 200, "completion_tokens": 15, "total_tokens": 515}
    answer, _, _ = await asked(Habit(message(content=SIMPLE, usage=told)))
    assert (answer.tokens.generated, answer.tokens.reasoning) == (315, 300)


async def test_a_long_thought_is_kept_in_part_and_the_answer_whole() -> None:
    answer, _, _ = await asked(Habit(says(f"<think>{'so ' * 9000}</think>{SIMPLE}")))
    assert answer.label == "code/simple"
    assert answer.answer is not None
    assert answer.answer.endswith(f"[...] {answer.answer[-4091:]}"[-20:])
    assert len(answer.answer) <= 8192


async def test_a_stream_has_its_tokens() -> None:
    usage = json.dumps({"choices": [], "usage": completion()["usage"]}).encode()
    answer, _, _ = await asked(Habit(http(200, b"data: " + usage + b"\n\n" + stream(SIMPLE))))
    assert answer.tokens.generated == 15
