"""`routerlab corpus stats`."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from routerlab.cli.main import app
from routerlab.core.corpus import Corpus
from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.core.similar import nearest
from routerlab.resources import POOL

CORPUS = """\
schema_version = 1
name = "mine"
taxonomy = "front-door"
author = "cyd"

[[case]]
id = "1"
label = "code/simple"
prompt = "please sort this list of names for me"

[[case]]
id = "2"
label = "code/complex"
prompt = "please sort this list of things for me"
difficulty = "hard"
language = "de"
author = "\\u001b[31mdan"
annotated = { annotators = ["ada", "ben"], at = 2026-11-24T08:15:00Z, sessions = ["s"], agreement = "2 of 2" }

[[case]]
id = "3"
label = "code/simple"
prompt = "夕食の献立を考えて"

[[case]]
id = "4"
prompt = "please sort this list of things for us"

[[case]]
id = "5"
label = "code/simple"
prompt = "why"
difficulty = "hard"

[case.annotated]
annotators = ["ada", "ben"]
at = 2026-11-24T08:15:00Z
sessions = ["s"]
agreement = "1 of 2"
seen = "suggestion"
adjudicator = "cyd"
reason = "one question"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(CORPUS)
    return path


def run(*args: object) -> str:
    result = CliRunner().invoke(app, ["corpus", "stats", *map(str, args)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def facts(*args: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*args, "--format", "json"))
    return found


def test_everything_is_counted(file: Path) -> None:
    found = facts(file)
    expected: dict[str, Any] = {
        "name": "mine",
        "cases": 5,
        "unlabelled": 1,
        "difficulty": {"not said": 3, "hard": 2},
        "languages": {"en": 4, "de": 1},
        "authors": {"cyd": 4, "\x1b[31mdan": 1},
        "promoted": 2,
        "agreement": {"2 of 2": 1, "1 of 2": 1},
        "adjudicated": 1,
        "seen": 1,
        "annotators": {"ada": 2, "ben": 2},
    }
    assert {key: found[key] for key in expected} == expected


def test_labels_are_counted_with_their_lengths(file: Path) -> None:
    rows = {row["label"]: row for row in facts(file)["labels"]}
    assert list(rows)[-1] is None
    assert len(rows) == 7
    assert rows["code/simple"] == {
        "label": "code/simple",
        "cases": 3,
        "hard": 1,
        "shortest": 1,
        "median": 8,
        "p90": 9,
        "longest": 9,
    }
    assert rows["CoT/simple"]["cases"] == 0
    assert rows[None]["cases"] == 1


def test_what_is_alike(file: Path) -> None:
    found = facts(file)
    assert found["near_pairs"] == 3
    assert [(row["a"], row["b"], round(row["similarity"], 3)) for row in found["nearest"]] == [
        ("1", "2", 0.778),
        ("2", "4", 0.778),
        ("1", "4", 0.6),
    ]
    (across,) = found["across"]
    assert (across["a"], across["b"], across["label_a"], across["label_b"]) == (
        "1",
        "2",
        "code/simple",
        "code/complex",
    )


def test_the_nearest_of_the_pool() -> None:
    found = facts(POOL)
    cases = load_toml(POOL, Corpus).case
    assert found["near_pairs"] == 0
    assert [(row["a"], row["b"], row["similarity"]) for row in found["nearest"]] == [
        (cases[i].id, cases[j].id, s) for i, j, s in nearest([case.prompt for case in cases], 5)
    ]


def test_the_tables_fit_a_terminal_and_are_harmless(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = run(file)
    assert "mine: 5 cases, 1 without a label" in out
    assert "languages: en 4, de 1\n" in out
    assert "promoted from sessions: 2 (2 of 2 annotators agree: 1; 1 of 2 annotators agree: 1; adj" in out
    assert "near duplicates: 3 pairs, 1 with different labels" in out
    assert "\x1b" not in out
    assert "\\x1b[31mdan 1" in out
    assert all(len(line) <= 80 for line in out.splitlines() if "─" in line)


def test_a_corpus_with_faults_is_refused(file: Path) -> None:
    file.write_text(CORPUS.replace('"code/complex"', '"poem"'))
    with pytest.raises(LabError, match=r"mine\.toml:13: case 2: unknown label 'poem'"):
        run(file)


def test_cases_that_no_label_fits_are_counted_by_their_label(file: Path) -> None:
    assert facts(file)["no_fit"] == {}
    assert "no label fits" not in run(file)
    file.write_text(CORPUS.replace('label = "code/simple"', 'label = "code/simple"\nfit = "none"', 2))
    assert facts(file)["no_fit"] == {"code/simple": 2}
    assert "no label fits: 2 (code/simple 2)" in run(file)
