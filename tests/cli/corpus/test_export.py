"""`routerlab corpus export`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from routerlab.cli.main import app
from routerlab.core.errors import LabError
from routerlab.resources import ROUTING60


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*args: str) -> Result:
    result = CliRunner().invoke(app, ["corpus", *args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_out_and_in_again() -> None:
    result = run("export", str(ROUTING60), "--format", "csv", "--out", "r.csv")
    assert result.stderr == "r.csv: 60 cases for csv\n"
    assert run("export", str(ROUTING60), "--format", "csv").stdout_bytes == Path("r.csv").read_bytes()
    assert "r.toml: 60 cases, 60 of them labelled\n" in run("import", "r.csv", "--out", "r.toml").stdout
    with pytest.raises(LabError, match=r"^r\.csv: exists already, and nothing is overwritten"):
        run("export", str(ROUTING60), "--format", "csv", "--out", "r.csv")
    run("export", str(ROUTING60), "--format", "jsonl", "--out", "r.csv", "--force")
    assert Path("r.csv").read_text().startswith('{"id": "R60-001", ')


def test_what_is_no_text_needs_a_file() -> None:
    with pytest.raises(LabError, match=r"^parquet is no text: name a file with --out"):
        run("export", str(ROUTING60), "--format", "parquet")


def test_what_is_read_is_not_overwritten_even_with_force() -> None:
    mine = Path("mine.toml")
    mine.write_bytes(ROUTING60.read_bytes())
    for more in ((), ("--force",)):
        with pytest.raises(LabError, match=r"^mine\.toml: is read, and what is read is not overwritten"):
            run("export", "mine.toml", "--format", "jsonl", "--out", "mine.toml", *more)
    assert mine.read_bytes() == ROUTING60.read_bytes()
