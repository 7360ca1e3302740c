"""`routerlab sessions list | show | export`."""

import csv
import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from routerlab.cli.sessions import app
from routerlab.core.corpus import load_corpus
from routerlab.core.errors import LabError
from routerlab.core.prediction import Latency, Trial
from routerlab.core.session.file import SessionFile
from routerlab.core.session.session import Annotation, Header, Pin, pin_corpus, pin_taxonomy
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import ROUTING60, TAXONOMY
from routerlab.study.load import analysis_of, load
from tests.conftest import REPO

AT = datetime(2026, 11, 23, 19, 40, 3, 120000, UTC)
TAX = load_taxonomy(TAXONOMY)
CASES = load_corpus(ROUTING60, TAX)
FIRST = CASES.case[0]
NASTY = '=HYPERLINK("http://x")\n[red]\x1b[2J[/red] \u202e'


def trial(n: int, arm: str, **more: Any) -> Trial:
    facts: dict[str, Any] = {
        "case": FIRST.id,
        "gold": FIRST.label,
        "label": FIRST.label,
        "status": "ok",
        "contended": False,
        "latency_ms": Latency(total=100.0 * n),
    }
    return Trial(id=f"t{n:06d}", at=AT, arm=arm, **{**facts, **more})


def session(path: Path, corpus: Pin | None = None, **more: Any) -> Path:
    header = Header(
        id=path.stem,
        created=AT,
        lab_version="0.1.0",
        machine="test",
        schedule="exclusive",
        repeats=1,
        corpus=corpus or pin_corpus(CASES, ROUTING60),
        taxonomy=pin_taxonomy(TAX, TAXONOMY),
        **more,
    )
    with SessionFile.create(path, header) as file:
        shares = {"code/simple": 0.25, "gone/label": 0.75}
        file.append(trial(1, "a[bold]", probabilities=shares, member="small:probe"))
        file.append(trial(2, "b", label=None, status="unparsed", answer="-1 [/x]"))
        file.append(trial(3, "b", case=None, prompt=NASTY, gold=None, label="code/simple"))
        file.append(Annotation(id="a000001", at=AT, trial="t000001", label="CoT/simple", annotator="ada"))
        file.append(
            Annotation(id="a000002", at=AT, trial="t000001", action="flag", note="@note", annotator="ada")
        )
    return path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


def run(*args: object) -> Any:
    result = CliRunner().invoke(app, [str(a) for a in args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_list(tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()
    session(tmp_path / "sessions" / "s1.toml", title="[b]mine\x1b")
    (tmp_path / "sessions" / "other.toml").write_text("a = 1")
    result = run("list")
    for part in ("sessions/s1.toml", "[b]mine\\x1b", "routing60", "2026-11-23 19:40"):
        assert part in result.stdout
    assert "other.toml" in result.stderr
    (row,) = json.loads(run("list", tmp_path / "sessions", "--format", "json").stdout)
    assert (row["trials"], row["annotations"], row["title"]) == (3, 2, "[b]mine\x1b")


def test_list_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no sessions in empty" in run("list", "empty").stderr
    assert run("list", "empty", "--format", "json").stdout == "[]\n"
    with pytest.raises(LabError, match="no such folder"):
        run("list", "none")


def test_show(tmp_path: Path) -> None:
    path = session(tmp_path / "s1.toml")
    result = run("show", path)
    for part in ("routing60", "a[bold]", "3 trials, 2 annotation events", "P95 ms", "a[bold] & b"):
        assert part in result.stdout
    assert result.stderr == ""
    assert "\x1b" not in result.stdout


def test_tables_fit_a_narrow_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = session(tmp_path / "s1.toml")
    with SessionFile.open(path) as file:
        file.append(trial(4, "qwen2.5-coder-1.5b", contended=True, latency_ms=Latency(total=21933)))
    monkeypatch.setenv("COLUMNS", "80")
    table = run("show", path).stdout
    for part in ("a[bold]", "qwen2.5-coder", "0.21-1.00", "hybrid", "21933*", "* measured while other"):
        assert part in table
    assert max(map(len, table[table.index(" arm ") :].splitlines())) <= 80


def test_a_table_tells_what_was_unfamiliar_and_abstained_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = session(tmp_path / "s1.toml")
    monkeypatch.setenv("COLUMNS", "80")
    assert "unfam." not in run("show", path).stdout
    with SessionFile.open(path) as file:
        for n, (known, away) in enumerate([(0.5, None), (0.3, None), (0.001, True)], 4):
            file.append(trial(n, "c", repeat=n, familiarity=known, abstained=away))
    table = run("show", path).stdout
    lines = table[table.index(" arm ") :].splitlines()
    (row,) = [line for line in lines if line.startswith(" c ")]
    assert row.split()[-4:-2] == ["0.33", "1"]
    assert max(map(len, lines)) <= 80
    rows = [json.loads(line) for line in run("export", path, "--format", "jsonl").stdout.splitlines()]
    assert [(r["familiarity"], r["abstained"]) for r in rows[-3:]] == [
        (0.5, None),
        (0.3, None),
        (0.001, True),
    ]


def test_show_json(tmp_path: Path) -> None:
    path = session(tmp_path / "s1.toml")
    with path.open("ab") as f:
        f.write(b"\n[[trial]]\nid")
    before = path.read_bytes()
    result = run("show", path, "--format", "json")
    facts = json.loads(result.stdout)
    assert [(s["arm"], s["n"], s["accuracy"]) for s in facts["summary"]] == [
        ("a[bold]", 1, 1.0),
        ("b", 2, 0.0),
    ]
    assert (facts["trials"], facts["annotations"], facts["torn_bytes"]) == (3, 2, 12)
    assert facts["pairs"] == [{"a": "a[bold]", "b": "b", "n": 0, "agreed": 0, "scored": 0, "right": 0}]
    assert "12 bytes" in result.stderr
    assert path.read_bytes() == before


def test_export_jsonl_is_exact(tmp_path: Path) -> None:
    result = run("export", session(tmp_path / "s1.toml"), "--format", "jsonl")
    assert result.stdout.isascii()
    one, two, three = (json.loads(line) for line in result.stdout.splitlines())
    assert list(one) == list(two) == list(three)
    assert one["prompt"] == FIRST.prompt
    assert (one["p:code/simple"], one["p:gone/label"], one["p:CoT/simple"]) == (0.25, 0.75, None)
    assert (one["annotation_label"], one["annotation_flagged"], one["annotation_note"]) == (
        "CoT/simple", True, "@note"
    )  # fmt: skip
    assert (one["correct"], two["correct"], three["correct"]) == (True, False, None)
    assert (two["status"], two["label"], two["answer"], two["total_ms"]) == (
        "unparsed",
        None,
        "-1 [/x]",
        200.0,
    )
    assert three["prompt"] == NASTY
    assert [row["member"] for row in (one, two, three)] == ["small:probe", None, None]


def test_export_csv_is_safe_for_spreadsheets(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    result = run("export", session(tmp_path / "s1.toml"), "--format", "csv", "--out", out)
    assert result.stdout == ""
    assert "3 trials" in result.stderr
    rows = list(csv.DictReader(io.StringIO(out.read_bytes().decode(), newline="")))
    assert len(rows) == 3
    assert rows[0]["annotation_note"] == "'@note"
    assert rows[1]["answer"] == "'-1 [/x]"
    assert rows[2]["prompt"] == "'" + NASTY
    assert (rows[1]["label"], rows[0]["total_ms"], rows[0]["correct"]) == ("", "100.0", "True")


def test_an_export_replaces_no_session(tmp_path: Path) -> None:
    path, other = session(tmp_path / "s1.toml"), session(tmp_path / "s2.toml")
    before = path.read_bytes()
    for read, says in ((path, "is read, and what is read is not overwritten"), (other, "is a session, and")):
        with pytest.raises(LabError, match=says):
            run("export", read, "--format", "csv", "--out", path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("shape", ["csv", "jsonl"])
@pytest.mark.parametrize("made", [False, True])
def test_an_export_is_analysed_as_its_session_is(tmp_path: Path, shape: str, made: bool) -> None:
    """Every figure of every arm, also of answers that timed out, came in a batch or twice, were cut short."""
    path = hard_session(tmp_path / "s.toml") if made else REPO / "sessions" / "example.toml"
    export = tmp_path / f"out.{shape}"
    assert run("export", path, "--format", shape, "--out", export).exit_code == 0
    of_session, of_export = analysis_of(load(path)), analysis_of(load(export))
    arms = {arm.arm: arm for arm in of_export.arms}
    assert set(of_export.warnings) == set(of_session.warnings)
    assert of_export.pairs == of_session.pairs
    for arm in of_session.arms:
        assert arm.accuracy is not None
        unknown = {
            "contract": arm.contract,
            "record": arm.record,
            "kinds": arm.kinds,
        }  # what rows do not have
        assert arms[arm.arm].model_copy(update=unknown) == arm


def hard_session(path: Path) -> Path:
    """Two arms and what a sitting may hold beside answers."""
    cases = CASES.case[:12]
    with SessionFile.open(session(path)) as file:
        for n, case in enumerate(cases, 10):
            asked: dict[str, Any] = {"case": case.id, "gold": case.label}
            file.append(trial(n, "=1+1", **asked, label=case.label, strict=n % 2 == 0, answer="=x"))
            other = {"label": None, "status": "timeout"} if n % 5 == 0 else {"label": cases[0].label}
            file.append(trial(100 + n, "c", **asked, **other))
        file.append(trial(200, "c", **asked, label=case.label, batched=True))
        file.append(trial(201, "c", **asked, label=None, status="cancelled"))
        file.append(trial(202, "c", **asked, label=None, status="crashed", error="gone"))
        for n in (300, 301):
            file.append(trial(n, "c", case=None, prompt="twice", gold=None, label="code/simple"))
    return path


def test_export_says_when_the_corpus_is_not_there(tmp_path: Path) -> None:
    changed = tmp_path / "changed.toml"
    changed.write_text(ROUTING60.read_text().replace("a jacket costs", "a coat costs"))
    other = pin_corpus(load_corpus(changed, TAX), Path("changed.toml"))
    path = session(tmp_path / "in" / "s1.toml", other)
    found = run("export", path, "--format", "jsonl")
    assert json.loads(found.stdout.splitlines()[0])["prompt"]
    assert found.stderr == ""
    changed.rename(tmp_path / "moved.toml")
    lost = run("export", path, "--format", "jsonl")
    assert json.loads(lost.stdout.splitlines()[0])["prompt"] is None
    assert "no corpus 'routing60' with the hash" in lost.stderr
    given = run("export", path, "--format", "jsonl", "--corpus", tmp_path / "moved.toml")
    assert json.loads(given.stdout.splitlines()[0])["prompt"]


@pytest.mark.parametrize(
    "lure", ["/dev/zero", "../../outside.toml", "a\0b", pytest.param("x" * 5000, id="long"), "."]
)
def test_export_reads_no_file_that_a_session_points_out_of_the_folder(tmp_path: Path, lure: str) -> None:
    outside = tmp_path / "outside.toml"
    outside.write_text(ROUTING60.read_text().replace("a jacket costs", "a coat costs"))
    pin = Pin(name="x", path=lure, sha256=load_corpus(outside, TAX).sha256)
    path = session(tmp_path / "a" / "b" / "s1.toml", pin)
    os.chdir(path.parent)
    result = run("export", path, "--format", "jsonl")
    assert json.loads(result.stdout.splitlines()[0])["prompt"] is None
    assert "no corpus 'x'" in result.stderr


def test_help_tells_about_formulas_and_shows_examples() -> None:
    text = " ".join(run("export", "--help").stdout.replace("│", " ").split())
    assert "= + - @" in text
    assert "routerlab sessions export s.toml --format jsonl" in text
