"""The parts of a chat: bodies that are none, tables that cannot be used, conversations that are forgotten."""

import json
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.serve.chat.body import read_chat
from routerlab.serve.chat.candidates import Table, load_table
from routerlab.serve.chat.stickiness import MOST, Stickiness
from routerlab.serve.limits import RefusedError
from tests.engine.asking import FRONT_DOOR
from tests.engine.remote.server import KEY_ENV
from tests.serve.chat.tables import table

GOOD = '{"model": "auto", "messages": [{"role": "user", "content": "x"}]}'


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        "{}",
        GOOD + "x",
        GOOD[:-1] + ",}",
        GOOD.replace(": ", " ", 1),
        GOOD.replace('"auto"', "1"),
        GOOD.replace('"auto"', '"auto", "model": "large"'),
        GOOD.replace('[{"role": "user", "content": "x"}]', "[]"),
        GOOD.replace('[{"role": "user", "content": "x"}]', '["x"]'),
        '{"model": "auto", "messages": ' + "[" * 100_000,
        '{"n": ' + "1" * 5000 + ", " + GOOD[1:],
        "{1: 2}",
        "\ufeff" + GOOD,
    ],
)
def test_what_is_no_chat_is_refused(body: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read_chat(body.encode())
    assert refused.value.status == 400


def test_the_name_is_found_wherever_it_stands_and_whatever_looks_like_it() -> None:
    nested = {"a": '"model": "auto"', "messages": [{"role": "user", "content": '{"model": 1}', "model": "m"}]}
    text = json.dumps({**nested, "model": "auto"}, indent=3)
    sent = read_chat(text.encode()).with_model('a "b"\n')
    assert json.loads(sent) == {**nested, "model": 'a "b"\n'}


def test_of_a_long_prompt_head_and_tail_are_read() -> None:
    chat = read_chat(GOOD.replace('"x"', json.dumps("a" * 50 + "b" * 50)).encode())
    assert chat.prompt("last", 7) == "aaaabbb"
    assert chat.prompt("last", 1) == "a"


async def test_conversations_are_forgotten_after_a_while_and_when_there_are_too_many() -> None:
    now = [0.0]
    sticky = Stickiness(10.0, lambda: now[0])
    await sticky.had("a", "large")
    now[0] = 9.9
    assert await sticky.model("a") == "large"
    now[0] = 10.0
    assert await sticky.model("a") is None
    for n in range(MOST + 1):
        await sticky.had(str(n), "m")
    assert (await sticky.model("0"), await sticky.model("1")) == (None, "m")
    off = Stickiness(0.0)
    await off.had("a", "large")
    assert await off.model("a") is None


def loaded(path: Path, **more: object) -> Table:
    here = "http://127.0.0.1:1/v1"
    models = {"small": (1, "api", here), "large": (3, "api", here), "home": (2, "self-hosted", here)}
    return load_table(table(path / "routes.toml", models, **more), FRONT_DOOR)  # type: ignore[arg-type]


def test_candidates_are_those_that_may_have_the_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_ENV, "a-key-for-tests")

    def names(of: Table, label: str | None, before: str | None = None) -> list[str]:
        return [target.name for target in of.targets(label, before)]

    bound, free = loaded(tmp_path), loaded(tmp_path, constrained=False, default="small")
    assert names(bound, "code/simple") == ["small", "home", "large"]
    assert names(bound, "code/complex") == ["large"]
    assert names(bound, "CoT/simple") == ["home"]
    assert names(bound, None) == ["home"]  # the default is none of those that may have any prompt
    assert names(free, None) == ["small", "large", "home"]
    assert (bound.note or "").endswith("those whose label is not known go to home")
    assert free.note is None
    assert names(free, "code/complex") == ["large", "small"]
    assert names(bound, "code/simple", "home") == ["home", "large", "small"]
    assert names(bound, "CoT/simple", "large") == ["home"]
    assert names(free, None, "large") == ["large", "small", "home"]
    assert names(bound, "no such label") == names(bound, None)


def test_a_table_that_cannot_be_used_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_ENV, raising=False)
    with pytest.raises(LabError, match=f"{KEY_ENV} is not set"):
        loaded(tmp_path)
    monkeypatch.setenv(KEY_ENV, "a-key-for-tests")
    path = table(tmp_path / "far.toml", {"large": (1, "api", "http://far.example/v1")})
    with pytest.raises(LabError, match="without TLS"):
        load_table(path, FRONT_DOOR)
    path.write_text(path.read_text().replace("[model.endpoint]", "[model.end]"))
    with pytest.raises(LabError, match="end: no key of this name"):
        load_table(path, FRONT_DOOR)
    lines = [line for line in path.read_text().splitlines() if not line.startswith(("[model.", "base_url"))]
    kept = [line for line in lines if not line.startswith(('model = "large-', "timeout_s", "key_env"))]
    path.write_text("\n".join(kept))
    with pytest.raises(LabError, match=r"add a table \[model.endpoint\]"):
        load_table(path, FRONT_DOOR)
