"""Corpora: sound ones load, and every mistake is told with file and line."""

from pathlib import Path

import pytest

from routerlab.core.corpus import check_corpus, fold, load_corpus
from routerlab.core.errors import LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import EXEMPLARS, ROUTING60, TAXONOMY

TAX = load_taxonomy(TAXONOMY)
SOUND = '''\
schema_version = 1
name = "mine"
taxonomy = "front-door"

[[case]]
id = "A-1"
prompt = "Sort a list in Go."
label = "code/simple"

[[case]]
id = "A-2"
prompt = """
Why is the
sky blue?"""
label = "CoT/simple"
also = ["CoT/complex"]
'''


def test_a_sound_corpus(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(SOUND)
    corpus, faults = check_corpus(path, TAX)
    assert faults == []
    assert load_corpus(path, TAX) == corpus
    assert list(corpus.by_id) == ["A-1", "A-2"]
    item = corpus.by_id["A-2"].item
    assert (item.case, item.gold, item.prompt) == ("A-2", "CoT/simple", "Why is the\nsky blue?")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('id = "A-2"', 'id = "A-1"', 11, "duplicate id 'A-1' (first used by case 1)"),
        ('"""\nWhy is the\nsky blue?"""', '"  SORT a\tlist in Go."', 12, "case A-2: same prompt as case A-1"),
        ('label = "CoT/simple"', 'label = "CoT/easy"', 15, "case A-2: unknown label 'CoT/easy'"),
        ('also = ["CoT/complex"]', 'also = ["other"]', 16, "case A-2: unknown label 'other'"),
        ('label = "CoT/simple"', 'fit = "none"', 15, "case A-2: fit = 'none' without a label"),
        ('"Sort a list in Go."', '" \\t "', 7, "case A-1: the prompt is empty"),
    ],
)
def test_faults_of_cases(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(SOUND.replace(old, new))
    _, faults = check_corpus(path, TAX)
    assert len(faults) == 1
    assert faults[0].startswith(f"{path}:{line}: {message}")
    with pytest.raises(LabError) as e:
        load_corpus(path, TAX)
    assert str(e.value) == faults[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('prompt = "Sort a list in Go."\n', "", "{path}:5: case[0].prompt: missing"),
        ('id = "A-1"', 'id = ""', "{path}:6: case[0].id: "),
        ('id = "A-1"', 'id = "A 1"', "{path}:6: case[0].id: "),
        ('id = "A-1"', 'id = "A-1"\nlable = "x"', "{path}:7: case[0].lable: no key of this name"),
        ("schema_version = 1", "schema_version = 9", "{path}:1: schema_version: "),
    ],
)
def test_faults_of_the_form(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(SOUND.replace(old, new))
    with pytest.raises(LabError) as e:
        check_corpus(path, TAX)
    assert str(e.value).startswith(message.format(path=path))


def test_bad_toml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(SOUND.replace('label = "code/simple"', 'label = "code/simple'))
    with pytest.raises(LabError) as e:
        check_corpus(path, TAX)
    assert str(e.value).startswith(str(path))
    assert "line 8" in str(e.value)


def test_every_fault_is_told(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(SOUND.replace('"A-2"', '"A-1"').replace("code/simple", "x").replace("CoT/complex", "y"))
    _, faults = check_corpus(path, TAX)
    assert [int(f.removeprefix(f"{path}:").split(":")[0]) for f in faults] == [8, 11, 16]
    with pytest.raises(LabError, match=r":8: .* \(and 2 more\)") as e:
        load_corpus(path, TAX)
    assert e.value.lines[0] == f"{path}: 3 faults"
    assert [line[:10] for line in e.value.lines[1:]] == ["  line 8: ", "  line 11:", "  line 16:"]


def test_folding() -> None:
    assert fold(" Straße\n\tFINE  ﬁn ") == fold("STRASSE fine fin")
    assert fold("a b") != fold("ab")


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    one, two = tmp_path / "1.toml", tmp_path / "2.toml"
    one.write_text(SOUND)
    two.write_text("# note\n" + SOUND.replace('"Sort a list in Go."', "'Sort a list in Go.'"))
    assert load_corpus(one, TAX).sha256 == load_corpus(two, TAX).sha256
    two.write_text(SOUND.replace("Go", "Rust"))
    assert load_corpus(one, TAX).sha256 != load_corpus(two, TAX).sha256


def test_a_copy_with_other_cases_has_its_own_hash_and_index(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(SOUND)
    whole = load_corpus(path, TAX)
    assert len({whole.sha256, *whole.by_id}) == 3  # worked out, and kept by the original
    half = whole.model_copy(update={"case": whole.case[1:]})
    assert half.sha256 != whole.sha256
    assert list(half.by_id) == ["A-2"]


def test_the_corpora_that_ship() -> None:
    cases, exemplars = load_corpus(ROUTING60, TAX), load_corpus(EXEMPLARS, TAX)
    assert [sum(c.label == label for c in cases.case) for label in TAX.labels] == [10] * 6
    assert all(sum(c.label == label for c in exemplars.case) >= 2 for label in TAX.labels)
    assert all(
        sum(c.label == label and c.difficulty == "hard" for c in cases.case) >= 3 for label in TAX.labels
    )
    assert all(c.notes for c in cases.case)
    assert not {fold(c.prompt) for c in cases.case} & {fold(c.prompt) for c in exemplars.case}
    assert not cases.by_id.keys() & exemplars.by_id.keys()
