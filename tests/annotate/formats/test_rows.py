"""Files told by their content: encodings, dialects, kinds of JSON, workbooks, Parquet; hostile ones."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from routerlab.annotate.corpus.prompts import Imported, read_prompts
from routerlab.annotate.formats import binary
from routerlab.core.errors import Exit, LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY

TAX = load_taxonomy(TAXONOMY)
TABLE = 'prompt,label\n"Sort, then\nprint ""it""",code/simple\nWhy? Ähm € so,CoT/simple\n'
CASES = [('Sort, then\nprint "it"', "code/simple"), ("Why? Ähm € so", "CoT/simple")]


def between(sign: str) -> str:
    return TABLE.replace("t,l", f"t{sign}l").replace(",co", f"{sign}co").replace(",CoT", f"{sign}CoT")


def read(folder: Path, data: str | bytes, name: str = "p.csv", **more: Any) -> Imported:
    file = folder / name
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_prompts(file, TAX, **more)


def refusal(folder: Path, data: str | bytes, name: str = "p.csv", **more: Any) -> str:
    with pytest.raises(LabError) as caught:
        read(folder, data, name, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(folder / name))


def cases(read: Imported) -> list[tuple[str, str | None]]:
    return [(case.prompt, case.label) for case in read.cases]


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (TABLE.encode(), "p.csv", "CSV"),
        (TABLE.encode(), "p.txt", "CSV"),
        (TABLE.encode("utf-8-sig"), "p.csv", "CSV"),
        (TABLE.encode("utf-16"), "p.csv", "CSV, UTF-16"),
        (TABLE.encode("utf-16-be"), "p.csv", "CSV, UTF-16"),
        (TABLE.encode("utf-16-le"), "p", "CSV, UTF-16"),
        (TABLE.encode("cp1252"), "p.csv", "CSV, Windows-1252"),
        (TABLE.replace("\n", "\r\n").replace("then\r", "then").encode(), "p.csv", "CSV"),
        (b"sep=;\r\n" + between(";").encode(), "p.csv", "CSV with ;"),
        (between(";").encode(), "p.csv", "CSV with ;"),
        (between("\t").encode(), "p.tsv", "TSV"),
        (TABLE.replace('""', '\\"').replace('it\\""', 'it\\""').encode(), "p.csv", "CSV"),
        (TABLE.replace("prompt,label", '" Prompt ",Label').encode(), "p.csv", "CSV"),
    ],
)  # fmt: skip
def test_tables_as_programs_write_them(tmp_path: Path, data: bytes, name: str, kind: str) -> None:
    found = read(tmp_path, data, name)
    assert cases(found) == CASES
    assert found.sources[0] == ("line 3" if data.startswith(b"sep") else "line 2")
    assert found.read_as.startswith(f"{kind}: prompt = ")


def test_a_header_with_several_of_the_signs_is_decided_by_the_records(tmp_path: Path) -> None:
    found = read(tmp_path, 'prompt;"notes, and more";label\na, b; c, d;code/simple\ne;"f; g";CoT/simple\n')
    assert cases(found) == [("a, b", "code/simple"), ("e", "CoT/simple")]


def test_prose_is_no_table(tmp_path: Path) -> None:
    prose = "Prompt, he said, and left\n[INST] do it\n{not json}\n"
    assert [p for p, _ in cases(read(tmp_path, prose, "p.txt"))] == prose.splitlines()
    for first in ("[1, 2] is a list", "{x} is a set"):
        assert cases(read(tmp_path, f"{first}\nwhy\n", "p.md"))[0] == (first, None)


def test_cells_of_a_table(tmp_path: Path) -> None:
    found = read(
        tmp_path, "prompt,also,label,,n\n'=1+1,CoT/simple; code/complex,code/simple,x,\n'a',,,,\n,,,,\n"
    )
    assert [c.prompt for c in found.cases] == ["=1+1", "'a'"]
    assert found.cases[0].also == ("CoT/simple", "code/complex")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("question,kind\nwhy,x\n", ": no line has the key 'prompt', the keys are question, kind; say "
         "which is the prompt with --map prompt=KEY"),
        ("prompt,label\na,b,c\n", ":2: 3 cells, and the header has 2; quote texts with ',' in them"),
        ("prompt,prompt\na,b\n", ":1: two columns are named 'prompt'"),
        ('prompt,label\n"a,b\n', ":2: not a record of a table (unexpected end of data); see to its quotes"),
        ("prompt\n", ": has a header (prompt) and no row below it"),
        ("", ": is empty"),
        ("prompt,label\n,code/simple\n", ":2: no prompt under 'prompt'"),
        (b"prompt,label\n\x81\xff,a\n", ":2: not UTF-8 text; save it as UTF-8"),
        ("prompt,label\n" + "x" * (1 << 24) + "y,z\n", ":2: not a record of a table (field larger than"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table(tmp_path: Path, data: str | bytes, expected: str) -> None:
    assert refusal(tmp_path, data).startswith(expected)


ROWS = [{"prompt": "a", "label": "code/simple"}, {"prompt": "b"}]


@pytest.mark.parametrize("name", ["p.json", "p.jsonl", "p.txt", "p"])
@pytest.mark.parametrize(
    ("data", "unit"),
    [
        ("".join(json.dumps(row) + "\n" for row in ROWS), "line 2"),
        (json.dumps(ROWS), "item 2"),
        ("\n" + json.dumps(ROWS, indent=2), "item 2"),
        (json.dumps({"version": 1, "data": ROWS}), "item 2"),
        (json.dumps({"rows": ROWS}, indent=1), "item 2"),
        (json.dumps({"model_name": "x", "prompts": ROWS}), "item 2"),
    ],
)
def test_json_of_every_kind(tmp_path: Path, data: str, unit: str, name: str) -> None:
    found = read(tmp_path, data, name)
    assert cases(found) == [("a", "code/simple"), ("b", None)]
    assert found.sources[1] == unit


def test_dotted_paths(tmp_path: Path) -> None:
    row = {"x": {"q": ["a", "b"], "k": ["code/simple", "CoT/simple"]}, "y.z": "n", "left": 1}
    columns = {"prompt": "x.q.1", "label": "x.k", "notes": "y.z"}
    found = read(tmp_path, json.dumps(row), "p.jsonl", columns=columns)
    (case,) = found.cases
    assert (case.prompt, case.label, case.also, case.notes) == ("b", "code/simple", ("CoT/simple",), "n")
    assert found.unread == (("left", 1),)
    said = refusal(tmp_path, json.dumps(row), "p.jsonl", columns={"prompt": "x.r"})
    assert said.startswith(": no line has the key 'x.r', the keys are x, y.z, left; say which is the prompt")


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("p.json", "[" * 100_000, ": begins as a JSON array, but is none: "),
        ("p.json", "[1]", ": the array holds what is no object"),
        ("p.jsonl", '{"a":' * 100_000, ":1: not valid JSON ("),
        ("p.yaml", "a: [", ": not valid YAML: "),
        ("p.yaml", "[" * 20_000, ": not valid YAML: "),
        (
            "p.yaml",
            "tests: file://t.csv\n",
            ": holds no list of tests (keys: tests); name the file",
        ),
        ("p.xls", b"\xd0\xcf\x11\xe0rest", ": is an old Excel workbook (.xls); save it as .xlsx or CSV"),
        ("p.jsonl.gz", b"\x1f\x8brest", ": is packed with gzip; unpack it first"),
        ("p.parquet", b"PAR1rest", ": not sound Parquet ("),
        ("p.xlsx", b"PK\x03\x04rest", ": cannot be unpacked: "),
    ],
)
def test_files_that_are_not_sound(tmp_path: Path, name: str, data: str | bytes, expected: str) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    assert refusal(tmp_path, data, name).startswith(expected)


def test_a_library_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(
        LabError, match=r"p: the library pyarrow is needed for it.*routerlab\[formats\]"
    ) as caught:
        read(tmp_path, b"PAR1", "p")
    assert caught.value.code == Exit.MISSING


def workbook(*sheets: list[list[Any]]) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        [],
        ["Prompt", "label", None],
        ["a\nb", "code/simple", 1],
        [],
        [1984, None, None],
    ]
    found = read(tmp_path, workbook([], rows), "p.bin")
    assert cases(found) == [("a\nb", "code/simple"), ("1984", None)]
    assert (found.sources, found.read_as) == (("row 3", "row 5"), "Excel: prompt = Prompt, label = label")


def test_workbooks_that_would_fill_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = workbook([["prompt"], ["a"]])
    monkeypatch.setattr(binary, "MOST_CELLS", 3)
    assert refusal(tmp_path, data, "p.xlsx").startswith(": has more than 3 cells; save what is wanted as CSV")
    monkeypatch.setattr(binary, "MOST_BYTES", 1 << 20)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("xl/workbook.xml", " " * (1 << 21))
    assert refusal(tmp_path, bomb.getvalue(), "p.xlsx").startswith(": unpacks to more than 1 MiB")


def test_a_cell_far_out_is_counted_and_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD60"] = "prompt", "far"
    out = io.BytesIO()
    book.save(out)
    monkeypatch.setattr(binary, "MOST_CELLS", 10_000)
    assert refusal(tmp_path, out.getvalue(), "p.xlsx").startswith(": has more than 10,000 cells")


def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    out = io.BytesIO()
    table = {
        "conversation_id": ["x"],
        "conversation": [[{"role": "user", "content": "why"}]],
        "language": ["German"],
    }
    parquet.write_table(arrow.table(table), out)
    (case,) = read(tmp_path, out.getvalue(), "p").cases
    assert (case.prompt, case.language, case.source_id) == ("why", "de", "x")
    monkeypatch.setattr(binary, "MOST_CELLS", 2)
    assert refusal(tmp_path, out.getvalue(), "p").startswith(": holds more than 512 MiB or 2 cells")


def test_entities_in_a_workbook_are_not_unfolded(tmp_path: Path) -> None:
    data = workbook([["prompt"], ["a"]])
    bomb = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "x" * 1000}">' for i in range(9))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as z, zipfile.ZipFile(out, "w") as new:
        for name in z.namelist():
            text = z.read(name).decode()
            if name.endswith("sheet1.xml"):
                text = f"<!DOCTYPE x [{bomb}]>" + text.replace("<t>a<", "<t>&e8;<")
            new.writestr(name, text)
    assert refusal(tmp_path, out.getvalue(), "p.xlsx").startswith(": not a sound workbook (")
