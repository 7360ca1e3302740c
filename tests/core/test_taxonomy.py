"""Taxonomies: what is accepted, and what a mistake is told as."""

from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.taxonomy import MAX_LABELS, load_taxonomy, short_labels
from routerlab.resources import TAXONOMY

SOUND = """\
schema_version = 1
name = "two"
version = "1"

[[label]]
name = "yes"
family = "answer"
cue = "is so"

[[label]]
name = "no"
family = "answer"
cue = "is not so"
"""


def test_the_taxonomy_that_ships() -> None:
    taxonomy = load_taxonomy(TAXONOMY)
    assert set(taxonomy.labels) == {
        "code/simple", "code/complex", "CoT/simple", "CoT/complex", "hybrid/agentic", "hybrid/generative"
    }  # fmt: skip
    assert {label.split("/")[0]: family for label, family in taxonomy.families.items()} == {
        "code": "code", "CoT": "CoT", "hybrid": "hybrid"
    }  # fmt: skip
    assert taxonomy.tie_rule


def test_any_other_taxonomy_works_as_well(tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    path.write_text(SOUND)
    taxonomy = load_taxonomy(path)
    assert taxonomy.labels == ("yes", "no")
    assert taxonomy.families == {"yes": "answer", "no": "answer"}


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    one, two, other = (tmp_path / name for name in ("1.toml", "2.toml", "3.toml"))
    one.write_text(SOUND)
    two.write_text("# a comment\n" + SOUND.replace(" = ", "  =  "))
    other.write_text(SOUND.replace("is so", "is so!"))
    assert load_taxonomy(one).sha256 == load_taxonomy(two).sha256 != load_taxonomy(other).sha256


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schema_version = 1", "schema_version = 2", "{path}:1: schema_version: "),
        ('version = "1"', "", "version: missing"),
        ('cue = "is not so"', "", "{path}:10: label[1].cue: missing"),
        ('cue = "is not so"', 'cue = "is not so"\nhint = 1', "{path}:14: label[1].hint: no key of this name"),
        ('name = "no"', 'name = "yes"', "label 'yes' appears twice"),
        ('name = "no"', 'name = "n o"', "{path}:11: label[1].name: "),
        ('name = "no"', 'name = "n\\"o"', "{path}:11: label[1].name: "),
        ('name = "no"', 'name = ""', "{path}:11: label[1].name: "),
        (SOUND[SOUND.rindex("[[label]]") :], "", "label: Tuple should have at least 2"),
        ('version = "1"', "version = ", "not valid TOML"),
    ],
)
def test_mistakes_name_file_key_and_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "t.toml"
    path.write_text(SOUND.replace(old, new))
    with pytest.raises(LabError) as fault:
        load_taxonomy(path)
    assert message.format(path=path) in str(fault.value)
    assert str(path) in str(fault.value)


def test_at_most_64_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    label = '[[label]]\nname = "l{}"\nfamily = "f"\ncue = "c"\n'
    path.write_text(SOUND + "".join(label.format(i) for i in range(MAX_LABELS - 2)))
    assert len(load_taxonomy(path).labels) == MAX_LABELS
    path.write_text(path.read_text() + label.format("x"))
    with pytest.raises(LabError, match="at most 64"):
        load_taxonomy(path)


def test_short_names_are_the_files_own_and_no_part_of_the_hash(tmp_path: Path) -> None:
    of = load_taxonomy(TAXONOMY)
    assert list(of.short) == list(of.labels)
    assert list(of.short.values()) == ["code·s", "code·c", "CoT·s", "CoT·c", "hyb·a", "hyb·g"]
    path = tmp_path / "t.toml"
    path.write_text(TAXONOMY.read_text().replace('short = "code·s"\n', ""))
    assert load_taxonomy(path).short["code/simple"] == "code·s"
    assert load_taxonomy(path).sha256 == of.sha256
    path.write_text(TAXONOMY.read_text().replace('"code·c"', '"code·s"'))
    with pytest.raises(LabError, match=r"the short name 'code·s' appears twice"):
        load_taxonomy(path)


def test_short_names_are_made_where_there_are_none() -> None:
    made = short_labels(load_taxonomy(TAXONOMY).labels)
    assert list(made.values())[3:] == [
        "CoT·c",
        "agentic",
        "generative",
    ]
    assert list(short_labels(["x/abc", "x/abd", "y/abc", "y/b", "z"]).values()) == [
        "x·abc",
        "abd",
        "y·a",
        "b",
        "z",
    ]
    assert short_labels(["b", "a/b"]) == {"b": "b", "a/b": "a·b"}
