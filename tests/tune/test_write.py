"""What is written is whole, and comes back the same: a changed exemplar would make a router useless."""

from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.core.taxonomy import Taxonomy, load_taxonomy
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.router import Router, load_router
from routerlab.tune.write import save, save_toml
from tests.tune.cascade.test_cascade import router
from tests.tune.harness import taxonomy

PROMPTS = {
    "lines": "one\n two\n\n  three\n",
    "begins with a newline": "\n\nfirst",
    "quotes": 'say """hi""" and \'\'\'ho\'\'\' and "',
    "lines and quotes": 'a\n"""\nb"',
    "backslashes": "C:\\new\\table \\u0041 and a last one\\",
    "line ends with a backslash": "a \\\n   b",
    "controls": "tab\tbell\x07 del\x7f nul\x00 nel\x85\n\x1b[31mred",
    "other scripts": "मुझे किताब 日本語 👩‍💻 \u202egnihtemos\n\ufeff",
    "looks like a table": "[[case]]\nid = 1\n",
    "trailing space": "a \n b \t\n",
    "carriage return": "a\rb",
    "Windows lines": "one\r\ntwo\r\n",
}


@pytest.mark.parametrize(
    "prompt",
    [pytest.param(p, id=k) for k, p in PROMPTS.items()],
)
def test_exemplars_come_back_as_they_were(tmp_path: Path, prompt: str) -> None:
    made = router("r").model_copy(update={"exemplar": (Exemplar(prompt=prompt, label="a"),)})
    save_toml(tmp_path / "r.toml", made)
    found = load_router(tmp_path / "r.toml")
    assert isinstance(found, Router)
    assert found.exemplar[0].prompt == prompt
    assert found == made
    assert canonical_sha256(found) == canonical_sha256(made)


def test_a_taxonomy_comes_back(tmp_path: Path) -> None:
    made: Taxonomy = taxonomy()
    save_toml(tmp_path / "t.toml", made)
    assert load_taxonomy(tmp_path / "t.toml").sha256 == made.sha256


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "r.npz"
    save(path, b"old")
    save(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["r.npz"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.mkdir()
    with pytest.raises(LabError, match="cannot be written") as e:
        save(path, b"x")
    assert str(e.value).startswith(f"{path}: ")
    assert [p.name for p in tmp_path.iterdir()] == ["r.toml"]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LabError, match="cannot be written"):
        save(tmp_path / "file" / "r.toml", b"x")
