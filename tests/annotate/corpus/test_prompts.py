"""Prompts from files: what is kept, what is left out and told, what is refused."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from routerlab.annotate.corpus.prompts import Imported, column_map, prompt_id, read_prompts
from routerlab.core.errors import Exit, LabError
from routerlab.core.similar import NEAR_REPORT
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY

TAX = load_taxonomy(TAXONOMY)


def text(path: Path, data: str | bytes, name: str = "p.txt", **more: Any) -> Imported:
    file = path / name
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_prompts(file, TAX, **more)


def jsonl(path: Path, *rows: object, **more: Any) -> Imported:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    return text(path, "\n".join(lines) + "\n", "p.jsonl", **more)


def refusal(path: Path, *rows: object, **more: Any) -> str:
    with pytest.raises(LabError) as caught:
        jsonl(path, *rows, **more)
    assert caught.value.code == Exit.USAGE
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(path / "p.jsonl"))


def test_a_text_file_has_a_prompt_a_line_with_its_white_space(tmp_path: Path) -> None:
    read = text(tmp_path, "  one\ttwo  \n\nthree\u2028four\x0bfive\r\n \t \nlast")
    assert [case.prompt for case in read.cases] == ["  one\ttwo  ", "three\u2028four\x0bfive", "last"]
    assert read.sources == ("line 1", "line 3", "line 5")
    assert read.empty == (2, 4)
    assert read.notes == ("empty lines left out: 2 (line 2, line 4)",)
    assert [case.label for case in read.cases] == [None] * 3


def test_the_id_depends_on_the_prompt_alone(tmp_path: Path) -> None:
    a = text(tmp_path, "one\ntwo\n", "a.txt").cases
    b = text(tmp_path, "zero\n\ntwo\n", "b.md").cases
    c = jsonl(tmp_path, {"prompt": "two"}).cases
    assert a[1].id == b[1].id == c[0].id == prompt_id("two") == "p-3fc4ccfe7458"
    assert a[0].id != a[1].id


def test_a_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    read = text(tmp_path, b"\xef\xbb\xbfone\r\n\r\ntwo\r\n")
    assert [case.prompt for case in read.cases] == ["one", "two"]
    assert jsonl(tmp_path, '\ufeff{"prompt": "one"}\r').cases[0].prompt == "one"


def test_duplicates_are_left_out_and_told(tmp_path: Path) -> None:
    read = text(tmp_path, "Sort  it\nother\nSORT IT\nother\n")
    assert [case.prompt for case in read.cases] == ["Sort  it", "other"]
    assert read.duplicates == ((3, 1), (4, 2))
    assert read.notes == ("duplicates left out (after folding): 2 (line 3 as line 1, line 4 as line 2)",)


def test_of_duplicates_the_labelled_one_is_kept(tmp_path: Path) -> None:
    a, b = {"prompt": "a"}, {"prompt": "b"}
    read = jsonl(tmp_path, a, b, {**a, "label": "CoT/simple", "id": "x"}, a)
    assert [(case.prompt, case.label) for case in read.cases] == [("b", None), ("a", "CoT/simple")]
    assert read.sources == ("line 2", "line 3")
    assert read.duplicates == ((1, 3), (4, 3))


def test_near_duplicates_are_kept_and_told(tmp_path: Path) -> None:
    ten = "one two three four five six seven eight nine ten"
    lines = f"{ten}\n\n{ten.replace('ten', 'x')}\nfar away\n"
    assert text(tmp_path, lines).near == ()
    read = text(tmp_path, lines, near=NEAR_REPORT)
    assert len(read.cases) == 3
    assert read.near == ((1, 3, 9 / 11),)
    assert read.notes[1] == "near duplicates, kept: 1 (line 1 and line 3 (0.82))"
    assert text(tmp_path, lines, near=0.9).near == ()


def test_every_field_of_a_line(tmp_path: Path) -> None:
    row = {
        "prompt": "p\n q ",
        "id": 7,
        "label": "code/simple",
        "also": ["CoT/simple"],
        "notes": "n",
        "group": "g",
        "language": "de",
        "difficulty": "hard",
    }
    (case,) = jsonl(tmp_path, row).cases
    assert case.model_dump(exclude_none=True) == {**row, "id": "7", "also": ("CoT/simple",)}
    (case,) = jsonl(tmp_path, {"prompt": "p", "label": None, "also": "CoT/simple", "notes": ""}).cases
    assert (case.label, case.also, case.notes, case.language) == (None, ("CoT/simple",), None, "en")
    (case,) = jsonl(tmp_path, {"prompt": "p", "label": ["", "CoT/simple"]}).cases
    assert (case.label, case.also) == ("CoT/simple", ())
    assert jsonl(tmp_path, {"prompt": "p", "label": [""]}).cases[0].label is None


def test_keys_are_mapped_and_what_is_not_read_is_told(tmp_path: Path) -> None:
    row = {"text": "p", "key": "k1", "category": "code/simple", "prompt": "other", "score": 0.5}
    read = jsonl(tmp_path, row, {"text": "q"}, columns={"prompt": "text", "id": "key", "label": "category"})
    assert [(c.id, c.prompt, c.label) for c in read.cases] == [
        ("k1", "p", "code/simple"),
        (prompt_id("q"), "q", None),
    ]
    assert read.unread == (("prompt", 1), ("score", 1))
    assert read.notes == ("keys not read: 2 ('prompt' of 1 line, 'score' of 1 line)",)


def test_the_option_that_maps_keys() -> None:
    assert column_map(["prompt=text", "notes=a=b"]) == {"prompt": "text", "notes": "a=b"}
    for wrong in ("promt=a", "prompt", "prompt=", "=a", ""):
        with pytest.raises(LabError, match=f"^--map {wrong}: write FIELD=KEY; the fields are prompt, id, "):
            column_map([wrong])


def test_notes_are_short_and_the_findings_are_whole(tmp_path: Path) -> None:
    read = text(tmp_path, "x\ny\n" * 15)
    assert read.notes[0].endswith("line 12 as line 2 and 18 more)")
    ((what, n, places),) = read.findings
    assert (what, n, len(places)) == ("duplicates left out (after folding)", 28, 28)


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        ([{"text": "a", "x": 1}], None, ": no line has the key 'prompt', the keys are text, x; say which is"),
        ([{"prompt": "a"}], {"label": "cat"}, ": no line has the key 'cat', the keys are prompt; say which"),
        ([{"prompt": "a"}, "", {"prompt": " "}], None, ":3: no prompt under 'prompt'"),
        ([{"prompt": "a"}, {"x": "b"}], None, ":2: no prompt under 'prompt'"),
        ([{"prompt": 5}], None, ":1: prompt: should be a valid string"),
        ([{"prompt": ["a"]}], None, ":1: prompt: should be a valid string"),
        ([{"prompt": "a", "id": True}], None, ":1: id: should be a valid string"),
        ([{"prompt": "a", "id": "a b"}], None, ":1: id: String should match"),
        ([{"prompt": "a", "also": ["CoT/simple", 5]}], None, ":1: also[1]: should be a valid string"),
        ([{"prompt": "a\0b"}], None, ":1: a NUL character in the prompt"),
        (['{"prompt": "a\\ud800"}'], None, ":1: prompt: should be a valid string"),
        ([{"prompt": "a"}, '{"prompt": '], None, ":2: not valid JSON ("),
        ([{"prompt": "a"}, "[" * 100_000], None, ":2: not valid JSON ("),
        ([{"prompt": "a"}, "7"], None, ":2: not a JSON object"),
        (
            [{"prompt": "a"}, {"prompt": "b", "label": "poem"}],
            None,
            ":2: unknown label 'poem'; taxonomy 'front-door' has code/simple, ",
        ),
        ([{"prompt": "a", "also": ["poem"]}], None, ":1: unknown label 'poem'"),
        (
            [
                {"prompt": "a", "label": "CoT/simple"},
                {"prompt": "x"},
                {"prompt": "A ", "label": "code/simple"},
            ],
            None,
            ":3: the prompt of line 1 with another label ('code/simple', there 'CoT/simple'); decide",
        ),
        ([{"prompt": "a", "id": "1"}, {"prompt": "b", "id": 1}], None, ":2: the id '1' is that of line 1"),
        ([], None, ": is empty"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, rows: list[object], columns: dict[str, str] | None, expected: str
) -> None:
    assert refusal(tmp_path, *rows, columns=columns).startswith(expected)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("p.txt", b"one\ntw\xffo\n", ":2: not UTF-8 text; save it as UTF-8"),
        ("p.jsonl", b'{"prompt": "a"}\n{"prompt": "\xff"}\n', ":2: not UTF-8 text"),
        ("p.txt", b"one\ntwo\0\n", ":2: a NUL byte, so this is not UTF-8 text"),
        ("p.txt", b"", ": is empty"),
        ("p.txt", b" \n\n", ": is empty"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, name: str, data: bytes, expected: str) -> None:
    with pytest.raises(LabError) as caught:
        text(tmp_path, data, name)
    assert str(caught.value).startswith(f"{tmp_path / name}{expected}")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"none\.txt: no such file"):
        read_prompts(tmp_path / "none.txt", TAX)
    with pytest.raises(LabError, match="cannot be read"):
        read_prompts(tmp_path, TAX)


def test_columns_of_a_text_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"--map is for rows with keys"):
        text(tmp_path, "a\n", columns={"prompt": "text"})


def test_a_line_of_a_megabyte(tmp_path: Path) -> None:
    long = "word " * 200_000
    assert text(tmp_path, f"a\n{long}\n").cases[1].prompt == long
    assert jsonl(tmp_path, {"prompt": long}).cases[0].prompt == long


def test_ten_thousand_lines_take_well_under_a_second(tmp_path: Path) -> None:
    rows = "".join(
        json.dumps({"prompt": f"Please sort list number {i} of mine"}) + "\n" for i in range(10_000)
    )
    file = tmp_path / "p.jsonl"
    file.write_text(rows)
    start = time.process_time()
    read = read_prompts(file, TAX)
    assert time.process_time() - start < 1.0
    assert len(read.cases) == 10_000
