"""`routerlab cache`: what is kept, and how to be rid of it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routerlab.cli.cache import app
from routerlab.engine.worker.prefixes import Prefixes, prefix_dir
from routerlab.paths import cache_dir


@pytest.fixture(autouse=True)
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    Prefixes(prefix_dir(), 10_000, "a-model.gguf", {}).save([1, 2, 3], bytes(500))
    (prefix_dir() / "stray").write_bytes(b"half a file")
    (cache_dir() / "answers.sqlite").write_bytes(bytes(2000))
    (cache_dir() / "answers.sqlite-wal").write_bytes(bytes(1000))
    (cache_dir() / "adapters" / "abc").mkdir(parents=True)
    (cache_dir() / "adapters" / "abc" / "fold-1.npy").write_bytes(bytes(70))
    (cache_dir() / "queues").mkdir()
    (cache_dir() / "queues" / "a.json").write_bytes(bytes(300))


def shown() -> dict[str, object]:
    result = CliRunner().invoke(app, ["show", "--format", "json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_show_lists_prefixes_and_sizes() -> None:
    found = shown()
    prefixes = found["prefixes"]
    assert isinstance(prefixes, list)
    assert sorted((p["model"], p["tokens"]) for p in prefixes) == [
        ("a-model.gguf", 3),
        ("damaged or unfinished", 0),
    ]
    assert (found["answers"], found["hashes"], found["queues"], found["sessions"]) == (3000, 0, 300, 0)
    assert found["adapters"] == 70
    table = CliRunner().invoke(app, ["show"]).output
    assert "a-model.gguf, 3 tokens" in table
    assert "2.1 GB for prefixes are used" in table


def test_clear_deletes_what_is_named_and_nothing_else() -> None:
    assert "prefixes: 2 deleted" in CliRunner().invoke(app, ["clear"]).output
    assert (shown()["prefixes"], shown()["answers"]) == ([], 3000)
    assert "hashes: there were none" in CliRunner().invoke(app, ["clear", "hashes"]).output
    assert shown()["answers"] == 3000
    assert "answers: deleted" in CliRunner().invoke(app, ["clear", "all"]).output
    assert list(cache_dir().glob("answers*")) == []
    assert (shown()["queues"], shown()["adapters"]) == (0, 0)
    assert CliRunner().invoke(app, ["clear", "models"]).exit_code == 2
