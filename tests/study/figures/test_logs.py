"""Anybody's log as rows: columns, statuses, repeats, and errors that say where."""

import json
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY
from routerlab.study.figures.columns import Columns
from routerlab.study.figures.logs import read_log
from routerlab.study.figures.rows import Row
from routerlab.study.load import load

HEAD = "arm,case,gold,label,total_ms\n"
MINE = Columns(gold="truth", predicted="answer", arm="model", case="id", latency="ms")


def write(folder: Path, text: str, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def rows(folder: Path, text: str, columns: Columns | None = None, name: str = "log.csv") -> tuple[Row, ...]:
    return read_log(write(folder, text, name), columns or Columns()).rows


def test_familiarity_and_what_was_abstained_from(tmp_path: Path) -> None:
    head = "arm,case,gold,label,familiarity,abstained\n"
    found = rows(tmp_path, head + "a,c1,x,x,0.01,True\na,c2,x,x,0.5,\na,c3,x,x,,False\n")
    assert [(one.familiarity, one.abstained, one.routed) for one in found] == [
        (0.01, True, None),
        (0.5, False, "x"),
        (None, False, "x"),
    ]
    mine = Columns(familiarity="known", abstained="away")
    (other,) = rows(tmp_path, "arm,case,gold,label,known,away\na,c1,x,x,0.25,yes\n", mine)
    assert (other.familiarity, other.abstained) == (0.25, True)
    with pytest.raises(LabError, match=r"log.csv:2: .*'familiarity' holds '2'.* from 0 to 1"):
        rows(tmp_path, head + "a,c1,x,x,2,\n")


def test_our_names_need_no_options(tmp_path: Path) -> None:
    (one,) = rows(tmp_path, HEAD + "a,c1,code/simple,CoT/simple,12.5\n")
    assert (one.arm, one.case, one.gold, one.label, one.latency_ms) == (
        "a",
        "c1",
        "code/simple",
        "CoT/simple",
        12.5,
    )
    assert (one.status, one.repeat, one.right) == ("ok", 1, False)


def test_columns_of_others(tmp_path: Path) -> None:
    found = rows(tmp_path, "model,id,truth,answer,ms\nm,1,x,x,3\nm,2,x,,4\n", MINE)
    assert [(r.arm, r.case, r.label, r.status, r.right) for r in found] == [
        ("m", "1", "x", "ok", True),
        ("m", "2", None, "unparsed", False),
    ]


def test_a_column_is_not_taken_for_two_things(tmp_path: Path) -> None:
    """`answer` is by default the generated text; here it was named for the label."""
    (one,) = rows(tmp_path, "model,id,truth,answer,ms\nm,1,x,code,3\n", MINE)
    assert one.chars is None
    assert one.label == "code"


def test_json_lines(tmp_path: Path) -> None:
    record = {
        "arm": "a",
        "case": 17,
        "gold": "x",
        "label": None,
        "total_ms": 3,
        "status": False,
        "answer": "{\n}",
        "tokens_generated": 5,
        "tokens_in": 50,
        "p:x": 0.25,
        "p:y": None,
        "confidence": 0.5,
        "cost": 0.001,
        "contended": True,
        "queue_ms": 0.5,
    }
    (one,) = rows(tmp_path, f"\ufeff\n{json.dumps(record)}\n\n", name="log.jsonl")
    assert (one.case, one.status, one.chars, one.tokens_out, one.tokens_in) == ("17", "unparsed", 3, 5, 50)
    assert (one.probabilities, one.confidence, one.cost) == ({"x": 0.25}, 0.5, 0.001)
    assert (one.contended, one.parts_ms) == (True, {"queue": 0.5})


def test_tabs_quotes_and_line_breaks(tmp_path: Path) -> None:
    text = HEAD.replace(",", "\t") + '"a, b"\tc1\tx\t"x"\t1\r\n\r\n'
    (one,) = rows(tmp_path, text, name="log.tsv")
    assert one.arm == "a, b"
    with pytest.raises(LabError, match=r"log.csv:4: column 'total_ms' holds 'soon'"):
        rows(tmp_path, HEAD + 'a,c1,x,"x\ny",1\na,c2,x,x,soon\n')


@pytest.mark.parametrize(
    ("status", "label", "expected"),
    [
        ("ok", "x", ("ok", "x", 5.0)),
        ("TRUE", "x", ("ok", "x", 5.0)),
        ("1", "", ("unparsed", None, 5.0)),
        ("false", "x", ("unparsed", None, 5.0)),
        ("", "x", ("ok", "x", 5.0)),
        ("timeout", "x", ("timeout", None, 5.0)),
        ("crashed", "", ("crashed", None, None)),
        ("unrouted", "", ("unrouted", None, 5.0)),
    ],
)
def test_how_it_ended(tmp_path: Path, status: str, label: str, expected: tuple[object, ...]) -> None:
    text = f"arm,case,gold,label,total_ms,status\na,c,x,{label},5,{status}\n"
    (one,) = rows(tmp_path, text)
    assert (one.status, one.label, one.latency_ms) == expected


def test_seconds(tmp_path: Path) -> None:
    found = read_log(write(tmp_path, HEAD + "a,c1,x,x,0.25\n"), Columns(), unit="s").rows
    assert found[0].latency_ms == 250.0


def test_repeats_by_number_by_name_and_in_order(tmp_path: Path) -> None:
    head = "arm,case,gold,label,total_ms,repeat\n"
    numbered = rows(tmp_path, head + "a,c1,x,x,1,7\na,c1,x,x,1,3\n")
    assert [r.repeat for r in numbered] == [7, 3]
    named = rows(tmp_path, head + "a,c1,x,x,1,req-9\na,c2,x,x,1,req-8\na,c1,x,x,1,req-7\n")
    assert [r.repeat for r in named] == [1, 1, 2]
    path = write(tmp_path, HEAD + "a,c1,x,x,1\na,c2,x,x,1\na,c1,x,x,1\nb,c1,x,x,1\n")
    in_order = read_log(path, Columns(), repeats_in_order=True).rows
    assert [r.repeat for r in in_order] == [1, 1, 2, 1]


def test_contracts_make_arms(tmp_path: Path) -> None:
    head = "arm,case,gold,label,total_ms,contract\n"
    found = rows(tmp_path, head + "a,c1,x,x,1,json\na,c1,x,x,1,score\nb,c1,x,x,1,json\n")
    assert [(r.arm, r.contract) for r in found] == [("a:json", "json"), ("a:score", "score"), ("b", "json")]


def test_a_log_without_latencies_says_so(tmp_path: Path) -> None:
    found = read_log(write(tmp_path, "arm,case,gold,label\na,c1,x,x\n"), Columns())
    assert found.rows[0].latency_ms is None
    assert found.notes == ("the log has no column of latencies; name it with --latency",)


def test_where_it_is_from(tmp_path: Path) -> None:
    source = read_log(write(tmp_path, HEAD + "a,c1,x,x,1\n"), Columns()).source
    assert source.format == "csv"
    assert source.sha256 is not None
    assert len(source.sha256) == 64
    assert source.columns == {
        "gold": "gold",
        "predicted": "label",
        "arm": "arm",
        "case": "case",
        "latency": "total_ms",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "log.csv: is empty; there is nothing to analyse"),
        (HEAD, r"log.csv: has a header \(arm, case, gold, label, total_ms\) and no row below it; there"),
        ("model,id\nm,1\n", r"no column for --gold, --predicted, --arm, --case; .* There are: model, id"),
        (HEAD + "a,c1,x,x\n", "log.csv:2: 4 cells, and the header has 5"),
        (HEAD + "a,c1,x,x,1,2\n", "log.csv:2: 6 cells, and the header has 5; quote"),
        ("arm,arm\n", "log.csv:1: two columns are named 'arm'"),
        (HEAD + 'a,c1,x,"x"y,1\n', "log.csv:2: not a record of a table"),
        (
            HEAD + "a,c1,x,x,1\na,c2,x,x,12 ms\n",
            "log.csv:3: column 'total_ms' holds '12 ms'; it must be a num",
        ),
        (HEAD + "a,c1,x,x,nan\n", "log.csv:2: column 'total_ms' holds 'nan'"),
        (HEAD + "a,c1,x,x,inf\n", "log.csv:2: column 'total_ms' holds 'inf'"),
        (HEAD + "a,c1,x,x,-1\n", "log.csv:2: column 'total_ms' holds '-1'; it must be a number, 0 or more"),
        (HEAD + ",c1,x,x,1\n", "log.csv:2: column 'arm' is empty; every row needs its arm"),
        (HEAD + "a,,x,x,1\n", "log.csv:2: column 'case' is empty"),
        (
            HEAD + "a,c1,x,x,1\na,c2,x,x,1\na,c1,x,x,1\n",
            r"log.csv:4: arm 'a' has case 'c1' twice \(first in line 2\); name the column .* --repeat",
        ),
        (
            "arm,case,gold,label,repeat\na,c1,x,x,1\na,c1,x,x,1\n",
            r"log.csv:3: arm 'a' has case 'c1', repeat '1' twice \(first in line 2\); remove one",
        ),
        (
            "arm,case,gold,label,status\na,c1,x,x,fine\n",
            "log.csv:2: status 'fine' is not known; there are ok,",
        ),
        (
            "arm,case,gold,label,confidence\na,c1,x,x,95\n",
            "log.csv:2: column 'confidence' holds '95'; it must be a number, from 0 to 1",
        ),
    ],
)
def test_bad_csv_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LabError, match=message):
        rows(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"arm": 1}\n{"arm": \n', "log.jsonl:2: not valid JSON"),
        ("[1]\n", "log.jsonl: the array holds what is no object"),
        ("[" * 100_000, "log.jsonl: begins as a JSON array, but is none"),
        (
            '{"arm": "a", "case": "c", "gold": "x", "label": "x", "total_ms": true}',
            "log.jsonl:1: column 'total_ms' holds True",
        ),
        (
            '{"arm": "a", "case": "c", "gold": "x", "label": "x", "total_ms": {"a": 1}}',
            "log.jsonl:1: column 'total_ms' holds {'a': 1}",
        ),
        (
            '{"arm": "a", "case": "c", "gold": "x", "label": "x", "total_ms": NaN}',
            "log.jsonl:1: column 'total_ms' holds nan",
        ),
    ],
)
def test_bad_json_lines_are_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LabError, match=message):
        rows(tmp_path, text, name="log.jsonl")


def test_a_column_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(
        LabError, match=r"no column for --latency 'ms', --tokens-out 'n'; .* There are: arm, c"
    ):
        rows(tmp_path, HEAD + "a,c1,x,x,1\n", Columns(latency="ms", tokens_out="n"))


def test_files_that_are_no_logs(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no such file"):
        load(tmp_path / "none.csv")
    with pytest.raises(LabError, match=r"a log ends in .csv, .tsv, .jsonl or .json, a session in .toml"):
        load(write(tmp_path, "model,truth\na,b\n", "log.txt"))
    with pytest.raises(LabError, match=r"log.json: begins as a JSON object, but is none"):
        load(write(tmp_path, '{\n"arm": 1,\n', "log.json"))
    path = tmp_path / "latin.jsonl"
    path.write_bytes(HEAD.encode() + b"a,c1,x,\xe9,1\n")
    with pytest.raises(LabError, match="not UTF-8 text"):
        load(path)
    with pytest.raises(LabError, match="a session has no columns to name"):
        load(tmp_path / "s.toml", Columns(gold="x"))


def test_families_are_those_of_the_taxonomy_that_fits(tmp_path: Path) -> None:
    ours = load(write(tmp_path, HEAD + "a,c1,code/simple,x,1\n"))
    assert ours.families["code/simple"] == "code"
    theirs = write(tmp_path, HEAD + "a,c1,spam,spam,1\n")
    assert load(theirs).families == {}
    with pytest.raises(
        LabError, match="gold label 'spam' is not in taxonomy 'front-door', which has code/si"
    ):
        load(theirs, taxonomy=load_taxonomy(TAXONOMY))


def test_an_answer_that_is_json_with_a_label_counts_as_that(tmp_path: Path) -> None:
    text = HEAD + 'a,c1,x,"{""label"": ""x"", ""confidence"": 1}",1\n'
    assert [one.label for one in rows(tmp_path, text)] == ["x"]
    lines = json.dumps({"arm": "a", "case": "c1", "gold": "x", "label": {"label": "x"}, "total_ms": 1})
    assert [one.label for one in rows(tmp_path, lines, name="log.jsonl")] == ["x"]


def test_what_is_no_number_is_no_label_and_half_a_character_is_replaced(tmp_path: Path) -> None:
    lines = '{"arm": "a", "case": "c1", "gold": NaN, "label": "x\\ud83d", "total_ms": 1}\n'
    (one,) = rows(tmp_path, lines, name="log.jsonl")
    assert (one.gold, one.label) == (None, "x\ufffd")
    huge = lines.replace('"total_ms": 1}', f'"total_ms": {"9" * 400}}}')
    with pytest.raises(LabError, match=r"log\.jsonl:1: .*must be a number, 0 or more"):
        rows(tmp_path, huge, name="log.jsonl")
