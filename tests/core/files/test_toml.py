"""The one reader of TOML files: every error names file, key and line."""

import hashlib
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from routerlab.core.errors import Exit, LabError
from routerlab.core.files.toml import canonical_sha256, line_of, load_toml, read_text

TEXT = """\
name = "x"

[[item]]
size = 1

[[ item ]]
# size = 2
"size" = 3
"""


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int


class Sheet(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    item: list[Row] = []


def load(path: Path, text: str | bytes) -> Sheet:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_toml(path, Sheet)


def fault(path: Path, text: str | bytes) -> str:
    with pytest.raises(LabError) as e:
        load(path, text)
    assert e.value.code == Exit.USAGE
    assert "\n" not in str(e.value)
    return str(e.value)


def test_a_sound_file(tmp_path: Path) -> None:
    assert load(tmp_path / "f.toml", TEXT) == Sheet(name="x", item=[Row(size=1), Row(size=3)])


def test_faults_name_file_key_and_line(tmp_path: Path) -> None:
    path = tmp_path / "f.toml"
    assert fault(path, TEXT.replace("= 3", '= "three"')).startswith(f"{path}:8: item[1].size: should be")
    assert fault(path, TEXT.replace("size = 1", "")) == f"{path}:3: item[0].size: missing"
    assert fault(path, TEXT.replace("size = 1", "size = 1\nsise = 2")).startswith(f"{path}:5: item[0].sise: ")
    assert fault(path, TEXT.replace('name = "x"', "name = 1")).startswith(f"{path}:1: name: ")
    assert fault(path, TEXT.replace('name = "x"', "nome = 1")).endswith("(and 1 more)")
    bad = fault(path, TEXT.replace('"x"', '"x'))
    assert bad.startswith(str(path))
    assert "line 1" in bad


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "f.toml"
    assert "not UTF-8 text (byte 8)" in fault(path, b'name = "\xff"')
    with pytest.raises(LabError, match="no such file"):
        load_toml(tmp_path / "none.toml", Sheet)
    with pytest.raises(LabError, match="cannot be read"):
        read_text(tmp_path)


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("name",), 1),
        (("item", 0), 3),
        (("item", 0, "size"), 4),
        (("item", 1), 6),
        (("item", 1, "size"), 8),
        (("item", 1, "missing"), 6),
        (("item", 2, "size"), None),
        (("missing",), None),
        ((), None),
    ],
)
def test_lines_of_keys(loc: tuple[int | str, ...], line: int | None) -> None:
    assert line_of(TEXT, loc) == line


def test_the_canonical_hash_is_of_sorted_compact_json() -> None:
    expected = hashlib.sha256('{"a":"é","b":[1,2]}'.encode()).hexdigest()
    assert canonical_sha256({"b": [1, 2], "a": "é"}) == expected
    assert canonical_sha256(Row(size=1)) == canonical_sha256({"size": 1})
