"""From somebody's table to a verdict, a page and a routing table, by commands; and what goes wrong."""

import json
from pathlib import Path

import numpy as np
import pytest

from routerlab.cli.main import app
from routerlab.core.corpus import prompt_sha256
from routerlab.core.errors import LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY
from routerlab.study.outcome.tables.prompts import (
    Read,
    features_bytes,
    labels_text,
    load_features,
    read_prompts,
)
from routerlab.study.routing_table import load_routes

LABELS = load_taxonomy(TAXONOMY).labels
ROUTES = """schema_version = 1
name = "two"
taxonomy = "front-door"
currency = "USD"
date = 2026-11-28
default = "large"
[[model]]
name = "small"
tier = 1
hosting = "self-hosted"
[[model]]
name = "large"
tier = 2
hosting = "api"
"""
for _label in LABELS:
    _model = "small" if "simple" in _label else "large"
    ROUTES += f'[[route]]\nlabel = "{_label}"\nmodel = "{_model}"\noutput_tokens = 9\n'


def run(*arguments: object) -> None:
    app([*map(str, arguments)], standalone_mode=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """120 tasks: small answers the simple ones, large the others; a router that is right on four of five."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    rng = np.random.default_rng(0)
    rows, said = ["task,model,score,cost,prompt,label,difficulty"], ["task,arm,label"]
    for i in range(120):
        label = LABELS[i % len(LABELS)]
        small = "simple" in label
        rows.append(f"{i},small,{int(small)},0.001,prompt {i},{label},easy")
        rows.append(f"{i},large,{int(not small)},0.001,prompt {i},{label},easy")
        said.append(f"{i},tiny,{label if rng.random() < 0.8 else LABELS[(i + 2) % len(LABELS)]}")
    (tmp_path / "table.csv").write_text("\n".join(rows))
    (tmp_path / "labels.csv").write_text("\n".join(said))
    (tmp_path / "routes.toml").write_text(ROUTES)
    return tmp_path


def test_from_a_table_to_a_verdict(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("outcome", "import", "table.csv", "--format", "csv", "--out", "outcomes.toml")
    assert "outcomes.toml: 120 tasks, 2 models, 240 outcomes" in capsys.readouterr().err
    assert "prompt 7" not in (folder / "outcomes.toml").read_text()
    judge = ("outcome", "analyze", "outcomes.toml", "--labels", "labels.csv", "--routes", "routes.toml")
    run(*judge, "--resamples", 300, "--out", "result.json")
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("Verdict")
    said = [line for line in out[1:] if line.strip()][:3]
    assert said[0].startswith("Supported: right routing gives better answers")
    assert "A right label gives a better answer than a wrong one, beyond what it costs: +" in said[1]
    assert said[2].startswith("The labels (gold labels) explain 100.0%")
    saved = json.loads((folder / "result.json").read_text())
    assert saved["verdict"]["finding"] == "supported"
    assert saved["effects"][0]["router"] == "tiny"
    run("outcome", "report", "result.json", "--html", "report.html")
    assert "<svg" in (folder / "report.html").read_text()
    run("outcome", "report", "result.json", "--markdown")
    assert "## Verdict" in capsys.readouterr().out


def test_a_table_is_learned_and_can_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("outcome", "import", "table.csv", "--format", "csv", "--out", "outcomes.toml")
    learn = ("outcome", "table", "outcomes.toml", "--routes", "routes.toml", "--quality", "0.9")
    run(*learn, "--out", "mine.toml")
    table = load_routes(folder / "mine.toml", load_taxonomy(TAXONOMY))
    assert table.name == "mine"
    assert {r.label: r.model for r in table.route} == {
        label: "small" if "simple" in label else "large" for label in LABELS
    }
    assert "on other tasks" in capsys.readouterr().out
    with pytest.raises(LabError, match="fitted for one of them"):
        run(*learn, "--cost", "1", "--out", "other.toml")


def test_a_table_that_a_part_of_the_tasks_does_not_suffice_for_is_written_all_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nine of ten answers are right in all; without the wrong ones' own tenth more, without others fewer."""
    rows = ["task,model,score,cost,prompt,label,difficulty"]
    for i in range(60):
        rows += (f"{i},{m},{int(i % 10 > 0)},0.001,prompt {i},{LABELS[0]},easy" for m in ("small", "large"))
    (folder / "table.csv").write_text("\n".join(rows))
    run("outcome", "import", "table.csv", "--format", "csv", "--out", "outcomes.toml")
    learn = ("outcome", "table", "outcomes.toml", "--routes", "routes.toml", "--quality", "0.9")
    run(*learn, "--out", "mine.toml")
    said = capsys.readouterr()
    assert load_routes(folder / "mine.toml", load_taxonomy(TAXONOMY)).name == "mine"
    assert "what a table gets on other tasks is not known" in said.err
    assert "this table" in said.out
    assert "on other tasks" not in said.out


def test_what_cannot_be_done_is_said(folder: Path) -> None:
    imported = ("outcome", "import", "table.csv", "--format", "csv", "--out")
    run(*imported, "outcomes.toml")
    with pytest.raises(LabError, match="exists already"):
        run(*imported, "outcomes.toml")
    (folder / "table.csv").write_text("task,model,score,label\n1,a,1,nonsense\n")
    with pytest.raises(LabError, match="unknown label 'nonsense'"):
        run(*imported, "other.toml")
    with pytest.raises(LabError, match="not an analysis of outcomes"):
        run("outcome", "report", "routes.toml")
    with pytest.raises(LabError, match="not a session"):
        run("outcome", "analyze", "routes.toml")
    with pytest.raises(LabError, match="no file of features"):
        run("outcome", "analyze", "outcomes.toml", "--direct", "routes.toml")


def test_labels_and_features_are_kept_by_hash(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "a secret"}\n{"prompt": "another"}\n')
    prompts = read_prompts(path)
    read = Read("tiny", ("CoT/simple", None), np.array([[1.0, 2.0], [3.0, 4.0]]))
    data = labels_text(prompts, [read])
    assert data.decode().splitlines()[1:] == [
        f"{prompt_sha256('a secret')},tiny,CoT/simple",
        f"{prompt_sha256('another')},tiny,",
    ]
    (tmp_path / "f.npz").write_bytes(features_bytes(prompts, read))
    found = load_features(tmp_path / "f.npz")
    assert found.name == "tiny"
    assert found.by_sha256[prompt_sha256("another")].tolist() == [3.0, 4.0]
    (tmp_path / "half.npz").write_bytes((tmp_path / "f.npz").read_bytes()[:200])
    with pytest.raises(LabError, match=r"half\.npz: no file of features"):
        load_features(tmp_path / "half.npz")
    with pytest.raises(LabError, match="has no features to read"):
        features_bytes(prompts, Read("json", (None, None), None))
