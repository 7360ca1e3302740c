"""Remotes as settings say them: what is no good is told with its line, and never repeated."""

from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.prediction import Tokens
from routerlab.core.remote import Prices, Remote, api_key, cost
from routerlab.settings import load_settings

PRICES = Prices.model_validate({"input": 0.27, "output": 1.1, "currency": "USD", "date": "2026-11-24"})
GOOD = """[[remote]]
name = "deepseek"
base_url = "https://api.example.com/v1/"
model = "deepseek-chat"
hosting = "api"
key_env = "DEEPSEEK_API_KEY"
prices = { input = 0.27, cached = 0.07, output = 1.10, currency = "USD", date = 2026-11-24 }
"""
SECRET = "sk-0123456789abcdef"


def settings(folder: Path, text: str) -> tuple[Remote, ...]:
    path = folder / "settings.toml"
    path.write_text(text)
    return load_settings(path).remote


def test_a_remote_is_read_from_the_settings(tmp_path: Path) -> None:
    (remote,) = settings(tmp_path, GOOD)
    assert remote.base_url == "https://api.example.com/v1"
    assert remote.host == "api.example.com"
    assert remote.prices is not None
    assert str(remote.prices.date) == "2026-11-24"
    assert (remote.retries, remote.concurrency, remote.timeout_s) == (2, 4, None)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("https://api", f"https://me:{SECRET}@api", ":3: remote[0].base_url: an address without user"),
        ("/v1/", f"/v1?key={SECRET}", ":3: remote[0].base_url: an address without user"),
        ("/v1/", f"/v1#{SECRET}", ":3: remote[0].base_url: an address without user"),
        ("https://api.example.com", f"https://h:{SECRET}", ":3: remote[0].base_url: not an address"),
        ("https:", "ftp:", ":3: remote[0].base_url: not an address"),
        ("https://api.example.com/v1/", SECRET, ":3: remote[0].base_url: not an address"),
        ("https://", "https://[", ":3: remote[0].base_url: not an address"),
        ("api.ex", "api ex", ":3: remote[0].base_url: not an address"),
        ("DEEPSEEK_API_KEY", SECRET, ":6: remote[0].key_env: String should match"),
        ("DEEPSEEK_API_KEY", "0123456789abcdef", ":6: remote[0].key_env: String should match"),
        ("key_env", "key", ":6: remote[0].key: no key of this name"),
        ('name = "deepseek"', 'name = "a@b"', ":2: remote[0].name: String should match"),
        ('hosting = "api"', "", ":1: remote[0].hosting: missing"),
        ("0.27", "-1", ":7: remote[0].prices.input: should be greater than or equal to 0"),
        ("0.27", "nan", ":7: remote[0].prices.input: should be"),
        (", date = 2026-11-24", "", ":7: remote[0].prices.date: missing"),
        ("prices", "body.temperature = 0.7\nprices", "remote[0].body: temperature is the contract's"),
        ("prices", "body.at = 2026-11-24\nprices", "remote[0].body"),
        ("prices", "retries = 99\nprices", ":7: remote[0].retries: should be less than"),
    ],
)
def test_what_is_no_remote_is_told_and_not_repeated(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(LabError) as e:
        settings(tmp_path, GOOD.replace(old, new))
    assert words in str(e.value)
    assert SECRET not in str(e.value)
    assert "0123456789" not in str(e.value)


def test_two_remotes_have_two_names(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="two remotes are called 'deepseek'"):
        settings(tmp_path, GOOD + GOOD)


@pytest.mark.parametrize(
    ("url", "local", "shown"),
    [
        ("http://localhost:8080/v1", True, False),
        ("http://127.0.0.53/v1", True, False),
        ("http://[::1]:8000", True, False),
        ("http://10.0.0.7/v1", False, True),
        ("https://10.0.0.7/v1", False, False),
        ("https://localhost.example.com", False, False),
        ("http://127.example.com/v1", False, True),
    ],
)
def test_where_a_remote_is(url: str, local: bool, shown: bool) -> None:
    told = {"name": "x", "base_url": url, "model": "m", "hosting": "api"}
    remote = Remote.model_validate(told | {"key_env": "KEY"})
    assert (remote.is_local, remote.shows_the_key) == (local, shown)
    assert not Remote.model_validate(told).shows_the_key


def test_a_key_that_stands_in_the_settings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"name": "x", "base_url": "http://h", "model": "m", "hosting": "api", "key_env": "KEY"}
    monkeypatch.setenv("KEY", SECRET)
    for more in ({"base_url": f"http://h/{SECRET}"}, {"body": {"api_key": SECRET}}, {"model": SECRET}):
        with pytest.raises(LabError, match="in clear: take it out there") as e:
            api_key(Remote.model_validate({**told, **more}))
        assert SECRET not in str(e.value)
    assert api_key(Remote.model_validate(told)) == SECRET
    monkeypatch.setenv("KEY", "ollama")
    assert api_key(Remote.model_validate(told | {"base_url": "http://ollama:11434/v1"})) == "ollama"


def test_an_answer_costs_what_its_tokens_cost() -> None:
    tokens = Tokens(cached=500_000, evaluated=1_000_000, generated=100_000)
    assert cost(tokens, PRICES) == pytest.approx(0.27 + 0.135 + 0.11)
    cheap = PRICES.model_copy(update={"cached": 0.07})
    assert cost(tokens, cheap) == pytest.approx(0.27 + 0.035 + 0.11)
    assert cost(Tokens(), PRICES) is None
