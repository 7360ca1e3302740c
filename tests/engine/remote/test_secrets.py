"""The key of a remote goes to its server, and nowhere else: no file, no output, no error, no repr."""

import asyncio
import base64
import json
import logging
from pathlib import Path
from urllib.parse import quote

import pytest

from routerlab.core.prediction import Trial
from routerlab.engine.lab.materials import arm_record
from routerlab.engine.remote.redact import redactor
from tests.conftest import PATIENCE_S
from tests.engine.remote.harness import files, runner, settings_text
from tests.engine.remote.server import (
    KEY,
    SIMPLE,
    Act,
    Request,
    asked_once,
    asking,
    completion,
    error,
    http,
    says,
    serving,
    serving_beside,
)

ESCAPED = "".join(f"\\u{ord(c):04x}" for c in KEY)


def echo(status: int, where: str = "error", text: str = "{}") -> Act:
    """Gives the Authorization header back, in an error's text or elsewhere."""

    async def act(writer: asyncio.StreamWriter, request: Request) -> None:
        told = text.format(request.headers["authorization"])
        headers = {"Location": f"http://{quote(KEY, safe='')}.example/{told}"} if where == "location" else {}
        answers: dict[str, object] = {
            "error": {"error": {"message": f"you sent {told}", "code": told, "type": told}},
            "detail": {"detail": told},
            "content": completion(f'{{"label": "{told}", "confidence": 0.5}}'),
            "beside": completion(f'{{"label": "code/simple", "confidence": 0.5}} {told}'),
            "itself": completion(model=told, system_fingerprint=told),
            "type": completion(usage={"prompt_tokens": told}),
        }
        body = json.dumps(answers.get(where, told)).encode()
        await http(status, body, headers)(writer, request)

    return act


ECHOES = {
    "401": echo(401),
    "400-long": echo(400, text="x" * 260 + "{}"),
    "404-detail": echo(404, "detail"),
    "500": echo(500),
    "429": echo(429),
    "307": echo(307, "location"),
    "content": echo(200, "content"),
    "content-long": echo(200, "content", text="x" * 50 + "{}"),
    "beside": echo(200, "beside"),
    "itself": echo(200, "itself"),
    "type": echo(200, "type"),
    "garbage": echo(200, "text"),
    "escaped": http(403, b'{"error": {"message": "' + ESCAPED.encode() + b'"}}'),
    "part": error(401, f"Incorrect API key provided: {KEY[:8]}*******{KEY[-4:]}."),
    "part-content": says(f"your key is {KEY[:6]}...{KEY[-5:]}"),
    "part-200": http(200, json.dumps({"error": {"message": f"****{KEY[-4:]} is invalid"}}).encode()),
    "part-type": says(model=f"m-{KEY[:12]}"),
    "quoted": error(403, f"GET /?key={quote(KEY, safe='')}"),
}


KEYS = (KEY, "sk-proj-abcDEF1234567890ghiJKL", "0f3a9b7c2d8e41f6a5b4c3d2e1f00918")
PARTIAL = [
    ("Incorrect API key provided: {0:.8}***************{1}. You can find", 4),
    ("Your api key: ****{1} is invalid", 4),
    ("key {0:.4}...{1} has no credit", 4),
    ("key starting with {0:.8}", 0),
    ("key ending in {1}", 4),
    ("invalid x-api-key: {2}", 0),
    ("Authorization: Bearer {2}", 0),
    ("Authorization%3A%20Bearer%20{2}", 0),
    ("GET /v1/chat?key={2}&x=1", 0),
    ("see https://user:{2}@h.example/v1", 0),
    ('{{"api_key": "{2}"}}', 0),
    ("got the wrong half: {0:.16}", 0),
    ("shown as {0:.3}•••••{1}", 3),
    ("{0:.6}<redacted>{1}", 4),
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("text", "last"), PARTIAL)
def test_no_part_of_a_key_is_left(key: str, text: str, last: int) -> None:
    end = key[-last:] if last else ""
    shown = redactor(key)(text.format(key, end, key))
    assert "***" in shown
    assert not [key[i : i + 5] for i in range(len(key) - 4) if key[i : i + 5] in shown]
    assert not end or end not in shown


@pytest.mark.parametrize("form", [KEY[::-1], KEY.encode().hex(), base64.b64encode(KEY.encode()).decode()])
def test_no_other_writing_of_the_key_is_left(form: str) -> None:
    assert redactor(KEY)(f"you sent {form}.") == "you sent ***."


@pytest.mark.parametrize(
    "text",
    ["sk-ant-api03-abcdefghijkl", "gsk_abcdefghijklmnop", "hf_abcdefghijklmnop", "Bearer abc.def-ghi",
     "AIza" + "x" * 35, "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
     "jwt=eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "api_key=abcd1234"],
)  # fmt: skip
def test_other_peoples_keys_are_hidden_too(text: str) -> None:
    for clean in (redactor(None), redactor(KEY)):
        assert text.split("=")[-1].split()[-1] not in clean(f"upstream said {text} is bad")


@pytest.mark.parametrize(
    "text",
    [
        SIMPLE,
        "the key of a map is unique...",
        "a token limit of 128; task-oriented",
        "risk-assessment: ...",
        "x" * 50,
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redactor(KEY)(text) == text


def leaks(text: str | bytes) -> bool:
    """Whether the key is in the text, as it is, in part, or in one of the forms that requests give it."""
    data = text.encode() if isinstance(text, str) else text
    forms = (
        KEY,
        KEY[:8],
        KEY[-6:],
        quote(KEY, safe=""),
        ESCAPED,
        base64.b64encode(KEY.encode()).decode(),
        json.dumps(KEY)[1:-1],
    )
    parts = (KEY[:20], KEY[-20:])
    return any(form.encode() in data for form in (*forms, *parts))


@pytest.mark.usefixtures("remote_key")
@pytest.mark.parametrize("act", ECHOES.values(), ids=ECHOES)
async def test_a_server_that_repeats_the_key_is_not_repeated(act: Act) -> None:
    answer, server = await asked_once(act, act, act)
    assert KEY in server.asked[0].headers["authorization"]
    assert not leaks(repr(answer))
    assert not leaks(answer.model_dump_json())


@pytest.mark.usefixtures("remote_key")
async def test_a_key_that_is_part_of_a_label_spoils_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTERLAB_TEST_KEY", "code")
    answer, _ = await asked_once()
    assert answer.label == "code/simple"


@pytest.mark.usefixtures("remote_key")
async def test_nothing_that_an_arm_shows_has_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(echo(200, "itself"), echo(401), echo(500)) as server, asking(server) as arm:
        for _ in range(3):
            await arm.ask("x", PATIENCE_S)
            assert not leaks(repr((arm, vars(arm), arm.state, arm.spec, vars(arm._endpoint))))
            assert not leaks(repr(arm_record(arm)))
    assert caplog.records
    assert not leaks(caplog.text)


def test_no_file_and_no_output_of_the_commands_has_the_key(tmp_path: Path) -> None:
    with serving_beside(*ECHOES.values()) as server:
        run = runner(tmp_path, settings_text(server, retries=0))
        arm = ("--arm", "remote:test", "--session", "s.toml")
        told = [
            run("replay", "two.toml", *arm, "--repeats", len(ECHOES) // 2 + 1, OPENAI_LOG="debug"),
            run("sessions", "show", "s.toml", "--format", "json"),
            run("sessions", "export", "s.toml", "--format", "jsonl"),
            run("sessions", "export", "s.toml", "--format", "csv"),
        ]
        server.models = server.first = echo(401)
        told.append(run("route", "x", "--arm", "remote:test"))
    assert [done.returncode for done in told] == [0, 0, 0, 0, 3]
    assert len(server.asked) > len(ECHOES)
    outputs = [done.stdout + done.stderr for done in told]
    assert all("***" in text for text in outputs[2:])
    assert not [text for text in outputs if leaks(text)]
    written = files(tmp_path)
    assert tmp_path / "s.toml" in written
    assert not [path for path, data in written.items() if leaks(data)]


def test_the_check_for_leaks_finds_them(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"Authorization: Bearer {KEY}")
    assert [path for path, data in files(tmp_path).items() if leaks(data)]
    assert leaks(f'"{ESCAPED}"')
    assert not leaks(Trial.model_json_schema().__repr__())


@pytest.mark.parametrize("key", [None, "", "  ", "two words", "tab\there", "schlüssel"])
def test_a_key_that_is_missing_or_none_is_an_error(tmp_path: Path, key: str | None) -> None:
    with serving_beside(says()) as server:
        done = runner(tmp_path, settings_text(server))("route", "x", "--arm", "remote:test", key=key)
    assert done.returncode == 3
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: remote test: the environment variable ROUTERLAB_TEST_KEY ")
    assert not key or key.strip() == "" or key not in line
    assert server.asked == []


def test_a_remote_without_a_key_needs_none(tmp_path: Path) -> None:
    with serving_beside(says()) as server:
        settings = settings_text(server).replace('key_env = "ROUTERLAB_TEST_KEY"\n', "")
        done = runner(tmp_path, settings)("route", "x", "--arm", "remote:test", key=None)
    assert (done.returncode, done.stdout.split("\t")[0]) == (0, "code/simple")
