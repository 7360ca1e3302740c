"""What `tune` may write over, told before anything is tuned: a router of that name, and nothing else."""

import re
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from routerlab.cli.main import app
from routerlab.cli.tune.options import check_out
from routerlab.core.errors import Exit, LabError
from routerlab.resources import TAXONOMY
from routerlab.tune.write import save_toml
from tests.cli.results.test_check import session
from tests.cli.tune.harness import pool_text
from tests.engine import tiny
from tests.tune.cascade.test_cascade import router

READ = "is read, and what is read is not overwritten; choose another name"
SESSION = "is a session, and sessions are not overwritten; choose another name"
OTHER = "is no router, and a router replaces nothing else; choose another name"
POOL = ("--corpus", "pool.toml", "--exemplars", "none")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus, another one, labels, a session, a model and two routers of it; nothing may be begun."""
    monkeypatch.chdir(tmp_path)
    Path("pool.toml").write_text(pool_text())
    Path("other.toml").write_text(pool_text().replace('"mini"', '"other"'))
    Path("labels.toml").write_bytes(TAXONOMY.read_bytes())
    session(Path("ada.toml"), 3, 0, 0)
    tiny.build(Path("m.gguf"))
    for name in ("m", "large"):
        save_toml(Path(f"{name}.toml"), router(name))

    def begun(work: Coroutine[Any, Any, None]) -> None:
        work.close()
        raise AssertionError("begun")

    monkeypatch.setattr("asyncio.run", begun)


def refused(file: str, says: str, *words: str) -> None:
    """The command is refused, and leaves the file as it was."""
    before = Path(file).read_bytes()
    with pytest.raises(LabError, match=f"^{re.escape(f'{file}: {says}')}"):
        CliRunner().invoke(app, ["tune", *words], catch_exceptions=False)
    assert Path(file).read_bytes() == before


@pytest.mark.parametrize(
    ("out", "says"),
    [("pool.toml", READ), ("labels.toml", READ), ("ada.toml", SESSION), ("other.toml", OTHER)],
)
@pytest.mark.parametrize("command", ["model", "scores"])
def test_no_router_replaces_what_is_no_router(command: str, out: str, says: str) -> None:
    refused(out, says, command, "m.gguf", *POOL, "--taxonomy", "labels.toml", "--out", out)


def test_a_cascade_with_a_larger_router_replaces_neither_that_nor_anything_else() -> None:
    refused("large.toml", READ, "model", "m.gguf", *POOL, "--larger", "large.toml", "--out", "large.toml")
    Path("x-then-large.toml").write_text(pool_text())
    refused("x-then-large.toml", OTHER, "model", "m.gguf", *POOL, "--larger", "large.toml", "--out", "x.toml")


def test_the_default_name_is_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerlab.paths.routers_dir", Path)
    for command, name in (("model", "m.toml"), ("scores", "m-scores.toml"), ("learn", "m-learned.toml")):
        Path(name).write_text(pool_text())
        words = ("large.toml", "--session", "ada.toml") if command == "learn" else ("m.gguf", *POOL[2:])
        if command == "learn":
            save_toml(Path("large.toml"), router("m"))
        refused(name, OTHER, command, *words, "--corpus", "other.toml")


@pytest.mark.parametrize("out", ["m.toml", "new.toml"])
def test_a_router_is_tuned_again(out: str) -> None:
    check_out(Path(out), Path("pool.toml"), None)
    with pytest.raises(AssertionError, match="begun"):
        CliRunner().invoke(app, ["tune", "m.gguf", *POOL, "--out", out], catch_exceptions=False)


def test_a_router_of_an_earlier_version_is_made_anew() -> None:
    text = Path("m.toml").read_text()
    Path("m.toml").write_text(text.replace("schema_version = 2", "schema_version = 1"))
    check_out(Path("m.toml"))


@pytest.mark.parametrize(
    ("out", "says"),
    [("ada.toml", READ), ("pool.toml", READ), ("other.toml", OTHER)],
)
def test_learning_replaces_nothing_that_people_made(out: str, says: str) -> None:
    refused(out, says, "learn", "m.toml", "--session", "ada.toml", "--corpus", "pool.toml", "--out", out)


@pytest.mark.parametrize(("out", "says"), [("ada.toml", SESSION), ("pool.toml", OTHER)])
def test_a_cascade_replaces_no_session_and_no_corpus(out: str, says: str) -> None:
    refused(out, says, "cascade", "m.toml", "large.toml", "--out", out)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        ("pool.toml", READ),
        ("labels.toml", READ),
        ("ada.toml", SESSION),
        ("other.toml", "is no taxonomy, and a taxonomy replaces nothing else; choose another name"),
        ("m.toml", "is no taxonomy, and a taxonomy replaces nothing else; choose another name"),
    ],
)
def test_a_taxonomy_replaces_a_taxonomy_that_is_not_read(write: str, says: str) -> None:
    words = ("taxonomy", "m.gguf", *POOL, "--taxonomy", "labels.toml", "--write")
    refused(write, says, *words, write)
    Path("merged.toml").write_bytes(TAXONOMY.read_bytes())
    with pytest.raises(AssertionError, match="begun"):
        CliRunner().invoke(app, ["tune", *words, "merged.toml"], catch_exceptions=False)


@pytest.mark.parametrize("seed", ["-1", str(2**32)])
@pytest.mark.parametrize(
    "words",
    [
        ("tune", "model", "m.gguf"),
        ("tune", "adapter", "m.gguf"),
        ("tune", "scores", "m.gguf"),
        ("tune", "taxonomy", "m.gguf"),
        ("tune", "time", "m.toml"),
        ("tune", "cascade", "m.toml", "large.toml"),
        ("tune", "learn", "m.toml", "--session", "ada.toml"),
        ("outcome", "analyze", "ada.toml"),
        ("outcome", "table", "ada.toml", "--routes", "r.toml", "--out", "o.toml"),
    ],
)
def test_a_seed_that_nothing_can_draw_from_is_refused_at_once(words: tuple[str, ...], seed: str) -> None:
    ended = CliRunner().invoke(app, [*words, "--seed", seed])
    assert ended.exit_code == Exit.USAGE
    assert "--seed" in ended.stderr
