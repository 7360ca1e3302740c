"""No command writes over what it reads, over a session, or over a file of another kind, before all work."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routerlab.cli.main import app
from routerlab.core.errors import LabError
from routerlab.core.session.file import SessionFile
from routerlab.resources import TAXONOMY
from tests.cli.tune.harness import pool_text
from tests.conftest import REPO
from tests.core.session.harness import HEADER

READ = "is read, and what is read is not overwritten"
SESSION = "is a session, and sessions are not overwritten"
OTHER = "is no router, and a router replaces nothing else"
LEARN = ("tune", "learn", "own.toml", "--session", "ada.toml", "--corpus", "pool.toml", "--out")
TUNE = ("tune", "MODEL", "--corpus", "pool.toml", "--out")
CASCADE = ("tune", "cascade", "own.toml", "other.toml", "--out")
TAXONOMIES = ("tune", "taxonomy", "MODEL", "--corpus", "pool.toml", "--write")
BENCH = ("--arm", "MODEL", "--out")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus, another one, a session, two routers and a taxonomy."""
    monkeypatch.chdir(tmp_path)
    Path("pool.toml").write_text(pool_text())
    Path("mine.toml").write_text(pool_text())
    SessionFile.create(Path("ada.toml"), HEADER).close()
    for name in ("own", "other"):
        shutil.copy(REPO / "routers" / "smollm2-135m.toml", f"{name}.toml")
    shutil.copy(TAXONOMY, "labels.toml")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "out", "says"),
    [
        (LEARN, "ada.toml", READ),
        (LEARN, "pool.toml", READ),
        (LEARN, "mine.toml", OTHER),
        (TUNE, "pool.toml", READ),
        (TUNE, "ada.toml", SESSION),
        (TUNE, "labels.toml", OTHER),
        (("tune", "scores", *TUNE[1:]), "mine.toml", OTHER),
        (CASCADE, "ada.toml", SESSION),
        (CASCADE, "mine.toml", OTHER),
        (TAXONOMIES, "pool.toml", READ),
        (TAXONOMIES, "ada.toml", SESSION),
        (TAXONOMIES, "mine.toml", "is no taxonomy, and a taxonomy replaces nothing else"),
        (("bench", "throughput", "--corpus", "pool.toml", *BENCH), "pool.toml", READ),
        (("bench", "engine", "--corpus", "pool.toml", *BENCH), "pool.toml", READ),
        (("bench", "memory", "--corpus", "pool.toml", *BENCH), "ada.toml", SESSION),
        (("bench", "length", *BENCH), "ada.toml", SESSION),
        (("corpus", "overlay", "pool.toml", "--force", "--out"), "pool.toml", READ),
        (("corpus", "export", "pool.toml", "--format", "csv", "--force", "--out"), "pool.toml", READ),
    ],
)
def test_what_is_there_stays(words: tuple[str, ...], out: str, says: str, smollm2: Path) -> None:
    before = {path: path.read_bytes() for path in Path().glob("*.toml")}
    said = [str(smollm2) if word == "MODEL" else word for word in words]
    with pytest.raises(LabError, match=f"{out}: {says}"):
        CliRunner().invoke(app, [*said, out], catch_exceptions=False)
    assert {path: path.read_bytes() for path in Path().glob("*.toml")} == before


@pytest.mark.parametrize("seed", ["-1", str(2**32)])
def test_a_seed_that_nothing_draws_from_is_refused_before_all(seed: str) -> None:
    for words in (("tune", "cascade", "own.toml", "other.toml"), ("outcome", "analyze", "ada.toml")):
        assert CliRunner().invoke(app, [*words, "--seed", seed]).exit_code == 2
