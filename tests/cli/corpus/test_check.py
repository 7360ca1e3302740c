"""`routerlab corpus check`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from routerlab.cli.corpus.group import app
from routerlab.core.errors import Exit, LabError
from routerlab.resources import ROUTING60

TAXONOMY = """\
schema_version = 1
name = "two"
version = "1"
label = [{ name = "yes", family = "f", cue = "c" }, { name = "no", family = "f", cue = "c" }]
"""
CORPUS = """\
schema_version = 1
name = "mine"
taxonomy = "two"

[[case]]
id = "1"
prompt = "Is it so?"
label = "yes"
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    corpus, taxonomy = tmp_path / "c.toml", tmp_path / "t.toml"
    corpus.write_text(CORPUS)
    taxonomy.write_text(TAXONOMY)
    return corpus, taxonomy


def test_the_shipped_corpus_is_summed_up_in_one_line() -> None:
    result = CliRunner().invoke(app, ["check", str(ROUTING60)])
    assert result.exit_code == 0
    assert result.stdout.startswith("routing60: 60 cases (code/simple 10, code/complex 10, ")
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


def test_another_taxonomy(files: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(app, ["check", str(files[0]), "--taxonomy", str(files[1])])
    assert result.stdout.startswith("mine: 1 case (yes 1, no 0), sha256 ")
    assert CliRunner().invoke(app, ["check", str(files[0])]).exit_code == Exit.USAGE


def test_cases_without_a_label_are_counted(files: tuple[Path, Path]) -> None:
    corpus, taxonomy = files
    corpus.write_text(CORPUS + '\n[[case]]\nid = "2"\nprompt = "And so?"\n')
    result = CliRunner().invoke(app, ["check", str(corpus), "--taxonomy", str(taxonomy)])
    assert result.stdout.startswith("mine: 2 cases (yes 1, no 0, without a label 1), sha256 ")


def test_every_fault_is_a_line_on_stderr(files: tuple[Path, Path]) -> None:
    corpus, taxonomy = files
    corpus.write_text(CORPUS + '\n[[case]]\nid = "1"\nprompt = "is it  so?"\nlabel = "\\u001b[31mmaybe"\n')
    result = CliRunner().invoke(app, ["check", str(corpus), "--taxonomy", str(taxonomy)])
    assert result.exit_code == Exit.USAGE
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{corpus}:{n}" for n in (11, 12, 13)]
    assert "\x1b" not in result.stderr


def test_a_file_that_is_no_corpus(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(tmp_path / "none.toml")])
    assert isinstance(result.exception, LabError)
    assert result.exception.code == Exit.USAGE


def test_help_shows_examples() -> None:
    assert "routerlab corpus check corpus/routing60.toml" in " ".join(
        CliRunner().invoke(app, ["check", "--help"]).stdout.split()
    )
