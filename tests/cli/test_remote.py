"""`routerlab remote`: known servers put into the settings, and one question asked."""

import json
from pathlib import Path
from typing import get_args

import pytest
from typer.exceptions import TyperException
from typer.testing import CliRunner, Result

from routerlab.cli.remote import app
from routerlab.core.errors import Exit, LabError
from routerlab.core.names import Server as Known
from routerlab.engine.remote.preset import presets, server_of
from routerlab.paths import config_file
from routerlab.settings import load_settings
from tests.engine.remote.habits import HABITS
from tests.engine.remote.harness import settings_text
from tests.engine.remote.server import KEY, KEY_ENV, Act, error, says, serving_beside

MINE = '# mine\nthreads = 2   # as measured\n[keys]\nannotate_skip = "x"'


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv(KEY_ENV, KEY)
    config_file().parent.mkdir(parents=True)


def run(*args: str) -> Result:
    done = CliRunner().invoke(app, args, standalone_mode=False)
    if isinstance(done.return_value, int):
        done.exit_code = done.return_value
    return done


@pytest.mark.parametrize("name", get_args(Known))
def test_every_known_server_can_be_added(name: Known) -> None:
    config_file().write_text(MINE)
    done = run("add", "here", "--preset", name)
    assert (done.exit_code, done.stdout.strip()) == (0, str(config_file()))
    assert "routerlab remote check here" in done.stderr
    text = config_file().read_text()
    assert text.startswith(MINE + "\n\n# ")
    settings = load_settings()
    assert (settings.threads, settings.keys) == (2, {"annotate_skip": "x"})
    (remote,) = settings.remote
    preset = presets().server[name]
    assert (remote.name, remote.base_url, remote.server) == ("here", preset.base_url, name)
    assert (remote.reasoning, remote.parse, remote.prices) == (None, None, None)
    assert preset.key_env is None or preset.key_env in done.stderr
    assert server_of(remote.model_copy(update={"server": None})) == (name if preset.key_env else None)
    uncommented = (
        text.replace("# prices", "prices").replace("# reasoning", "reasoning").replace("# parse", "parse")
    )
    config_file().write_text(uncommented)
    assert (load_settings().remote[0].reasoning, load_settings().remote[0].reasoning_tokens) == ("off", 1024)


def test_a_second_one_goes_behind_the_first_and_no_name_is_there_twice() -> None:
    assert (
        run("add", "one", "--preset", "vllm", "--model", 'a"b', "--base-url", "http://gpu:1/v1").exit_code
        == 0
    )
    assert run("add", "two", "--preset", "vllm").exit_code == 0
    one, two = load_settings().remote
    assert (one.model, one.base_url, two.name) == ('a"b', "http://gpu:1/v1", "two")
    before = config_file().read_bytes()
    for args, words in (
        (("one", "--preset", "ollama"), "two remotes are called 'one'"),
        (("a b", "--preset", "ollama"), "name: String should match"),
        (("x", "--preset", "ollama", "--base-url", "gpu"), "base_url: not an address"),
    ):
        done = run("add", *args)
        assert isinstance(done.exception, LabError)
        assert words in str(done.exception)
    assert config_file().read_bytes() == before
    assert isinstance(run("add", "x", "--preset", "other").exception, TyperException)


def test_settings_that_are_not_valid_are_left_alone() -> None:
    config_file().write_text("threads = x\n")
    assert isinstance(run("add", "one", "--preset", "vllm").exception, LabError)
    config_file().write_text("remote = []\n")
    assert "no table can be added" in str(run("add", "one", "--preset", "vllm").exception)
    assert config_file().read_text() == "remote = []\n"


def checked(act: Act, *args: str, **more: object) -> tuple[Result, int]:
    """`remote check` of a server that always does that, and how many questions it was asked."""
    with serving_beside() as server:
        server.first = act
        config_file().write_text(settings_text(server, **more))
        return run("check", "test", *args), len(server.began) + len(server.asked)


def test_a_check_asks_once_and_tells_everything() -> None:
    done, asked = checked(says(), "--format", "json")
    assert (done.exit_code, asked) == (0, 1)
    told = json.loads(done.stdout)
    assert told["good"] is True
    assert told["read"] == "strictly"
    assert told["model"] == "m, which calls itself m-2026-11"
    assert told["tokens"] == "200 in (64 cached), 15 out"
    assert told["sent"] == "temperature = 0.0, max_tokens = 128"
    assert told["notes"] == []


@pytest.mark.parametrize(
    ("habit", "more", "code", "words"),
    [
        ("trailing-comma", {}, 1, 'leniently only: set parse = "lenient" to have that count'),
        ("trailing-comma", {"parse": "lenient"}, 0, "leniently only"),
        (
            "beside-only",
            {},
            1,
            "it reasoned through its 128 tokens and gave no answer: raise reasoning_tokens",
        ),
        ("both", {}, 0, "not greedy: the server allows no temperature"),
        ("prose", {}, 1, "no JSON object"),
    ],
)
def test_what_it_says_of_habits(habit: str, more: dict[str, object], code: int, words: str) -> None:
    done, _ = checked(HABITS[habit].act, **more)
    assert done.exit_code == code
    assert words in " ".join(done.stdout.split())
    assert KEY not in done.output


def test_a_server_that_gives_no_answer_is_missing() -> None:
    done, _ = checked(error(401, f"bad key {KEY}"))
    assert isinstance(done.exception, LabError)
    assert done.exception.code == Exit.MISSING
    assert str(done.exception).startswith("remote test: 127.0.0.1:")
    assert str(done.exception).endswith("bad key ***; see the key in ROUTERLAB_TEST_KEY")
    assert "no remote 'other'" in str(run("check", "other").exception)
