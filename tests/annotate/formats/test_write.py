"""Corpora as other tools have them, and back."""

import csv
import json
from datetime import date
from io import StringIO
from pathlib import Path

import pytest

from routerlab.annotate.corpus.prompts import read_prompts
from routerlab.annotate.formats.table import FORMULA
from routerlab.annotate.formats.write import written
from routerlab.core.corpus import Case, load_corpus
from routerlab.core.names import CorpusFormat
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import ROUTING60, TAXONOMY

TAX = load_taxonomy(TAXONOMY)
FULL = (
    Case(
        id="x-1",
        prompt="  =1+1; \"quoted\", 'single'\r\n\tcode {{ raw }} {% if %} ü \x1b[2J # end ",
        label="code/simple",
        also=("CoT/simple", "code/complex"),
        fit="none",
        difficulty="hard",
        language="de",
        notes="n; m",
        group="g",
        author="ada",
        created=date(2026, 1, 2),
        source="s",
        source_id="7",
    ),
    Case(id="x-2", prompt="file:///etc/passwd", label="CoT/simple"),
    Case(id="x-3", prompt="'=already", notes="unlabelled"),
    *(Case(id=f"f-{i}", prompt=f"{sign}x{i}", label="CoT/complex") for i, sign in enumerate(FORMULA)),
)
ALL: list[CorpusFormat] = [
    "csv", "jsonl", "prodigy", "doccano", "label-studio", "argilla", "promptfoo", "inspect", "parquet",
]  # fmt: skip


@pytest.mark.parametrize("shape", ALL)
@pytest.mark.parametrize("which", ["full", "routing60"])
def test_what_is_written_is_read_again(tmp_path: Path, shape: CorpusFormat, which: str) -> None:
    if shape == "parquet":
        pytest.importorskip("pyarrow")
    cases = FULL if which == "full" else load_corpus(ROUTING60, TAX).case
    file = tmp_path / "out"
    file.write_bytes(written(cases, TAX.labels, shape, file))
    assert read_prompts(file, TAX).cases == tuple(cases)


def test_chats_have_a_place_for_prompt_and_label_only(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_bytes(written(FULL, TAX.labels, "openai", file))
    assert [(c.prompt, c.label) for c in read_prompts(file, TAX).cases] == [(c.prompt, c.label) for c in FULL]
    assert {tuple(json.loads(line)) for line in file.read_text().splitlines()} == {("messages",)}


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    rows = list(csv.reader(StringIO(written(FULL, TAX.labels, "csv", tmp_path).decode(), newline="")))
    assert len(rows) == len(FULL) + 1
    assert not [cell for row in rows for cell in row if cell.startswith(FORMULA)]
    assert rows[2][1] == "file:///etc/passwd"


def test_nothing_written_is_rendered_or_opened_by_promptfoo(tmp_path: Path) -> None:
    tests = json.loads(written(FULL, TAX.labels, "promptfoo", tmp_path))
    prompts = [test["vars"]["prompt"] for test in tests]
    assert prompts[0].startswith("{% raw %}")
    assert not [prompt for prompt in prompts if prompt.startswith("file://")]
