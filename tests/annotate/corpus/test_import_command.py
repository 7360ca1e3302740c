"""`routerlab corpus import`."""

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from routerlab.cli.main import app
from routerlab.core.corpus import load_corpus
from routerlab.core.errors import LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY

TAX = load_taxonomy(TAXONOMY)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*args: str) -> str:
    result = CliRunner().invoke(app, ["corpus", "import", *args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_text_file_becomes_a_corpus_that_waits_for_labels() -> None:
    Path("p.txt").write_text("  Sort it\nwhy?\n\nSORT  IT\nwhy\n")
    out = run("p.txt", "--out", "new/mine.toml")
    assert out.splitlines() == [
        "new/mine.toml: 3 cases, 0 of them labelled",
        "empty lines left out: 1",
        "  line 3",
        "duplicates left out (after folding): 1",
        "  line 4 as line 1",
        "near duplicates, kept: 1",
        "  line 2 and line 5 (1.00)",
    ]
    corpus = load_corpus(Path("new/mine.toml"), TAX)
    sha256 = hashlib.sha256(Path("p.txt").read_bytes()).hexdigest()
    assert (corpus.name, corpus.source) == ("mine", f"imported from p.txt, sha256 {sha256[:12]}")
    assert [(case.prompt, case.label) for case in corpus.case] == [
        ("  Sort it", None),
        ("why?", None),
        ("why", None),
    ]
    assert "label" not in Path("new/mine.toml").read_text()


def test_jsonl_with_mapped_keys() -> None:
    rows: list[dict[str, Any]] = [
        {"text": "Sort:\n b\n a\t\r\n", "category": "code/simple", "n": 1},
        {"text": "why \x1b[2J\u202e?", "category": None, "n": 2},
    ]
    Path("p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = run(
        "p.jsonl", "--out", "mine.toml", "--map", "prompt=text", "--map", "label=category", "--name", "N"
    )
    assert out.splitlines() == [
        "mine.toml: 2 cases, 1 of them labelled",
        "keys not read: 1",
        "  'n' of 2 lines",
    ]
    corpus = load_corpus(Path("mine.toml"), TAX)
    assert corpus.name == "N"
    assert [case.prompt for case in corpus.case] == [row["text"] for row in rows]
    assert [case.label for case in corpus.case] == ["code/simple", None]
    assert not {"\x1b", "\u202e", "\r"} & set(Path("mine.toml").read_bytes().decode())


def test_any_prompts_come_back_exactly() -> None:
    rng = random.Random(3)
    signs = "'\"\\\n\r\t#[]= ab{}é\u2028\x7f"
    prompts = {"".join(rng.choices(signs, k=rng.randrange(3, 40))) + f"x{i}" for i in range(300)}
    Path("p.jsonl").write_text("".join(json.dumps({"prompt": p}) + "\n" for p in prompts))
    run("p.jsonl", "--out", "mine.toml", "--near", "0")
    assert {case.prompt for case in load_corpus(Path("mine.toml"), TAX).case} == prompts


def test_a_file_that_is_there_is_not_overwritten() -> None:
    Path("p.txt").write_text("a\n")
    Path("mine.toml").write_text("mine")
    with pytest.raises(LabError, match=r"^mine\.toml: exists already, and nothing is overwritten"):
        run("p.txt", "--out", "mine.toml")
    assert Path("mine.toml").read_text() == "mine"


def test_bad_input_makes_no_file() -> None:
    Path("p.jsonl").write_text('{"prompt": "a", "label": "poem"}\n')
    with pytest.raises(LabError, match=r"^p\.jsonl:1: unknown label 'poem'"):
        run("p.jsonl", "--out", "mine.toml")
    with pytest.raises(LabError, match=r"^--map text: write FIELD=KEY"):
        run("p.jsonl", "--out", "mine.toml", "--map", "text")
    Path("p.txt").write_text("a\n")
    with pytest.raises(LabError, match=r"^p\.txt/mine\.toml: cannot be written"):
        run("p.txt", "--out", "p.txt/mine.toml")
    assert not Path("mine.toml").exists()


def test_the_threshold_of_near_duplicates() -> None:
    Path("p.txt").write_text("one two three\none two four\n")
    assert "near" not in run("p.txt", "--out", "a.toml")
    assert "line 1 and line 2 (0.50)" in run("p.txt", "--out", "b.toml", "--near", "0.5")


def test_a_preview_comes_first_and_may_be_all() -> None:
    rows = [{"text": f"prompt {i}\n\x1b[2J", "accept": ["code/simple"], "answer": "accept"} for i in range(5)]
    rows.append({"text": "x", "accept": [], "answer": "ignore"})
    Path("p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = run("p.jsonl", "--dry-run", "--near", "0").splitlines()
    assert said[0] == (
        "read as JSONL of Prodigy: prompt = text, label = accept or label, of answers accepted"
    )
    assert said[1] == "  line 1: code/simple | prompt 0 \\x1b[2J"
    assert said[4:] == ["left out, answer ignore: 1", "  line 6"]
    assert [path.name for path in Path().iterdir()] == ["p.jsonl"]
    result = CliRunner().invoke(app, ["corpus", "import", "p.jsonl", "--out", "mine.toml", "--near", "0"])
    assert result.stderr.splitlines() == said[:4]
    assert result.stdout.splitlines()[0] == "mine.toml: 5 cases, 5 of them labelled"
    with pytest.raises(LabError, match=r"^name the corpus to make with --out, or say --dry-run"):
        run("p.jsonl")


def test_the_option_for_turns() -> None:
    turns = [{"from": "human", "value": text} for text in ("one", "two")]
    Path("p.json").write_text(json.dumps([{"id": "c", "conversations": turns}]))
    run("p.json", "--out", "mine.toml", "--turn", "all-user")
    assert [(c.prompt, c.group) for c in load_corpus(Path("mine.toml"), TAX).case] == [
        ("one", "c"),
        ("two", "c"),
    ]
