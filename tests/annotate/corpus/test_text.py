"""A corpus as text: cases that read back exactly, and a person's file that keeps what it has."""

import random
import tomllib
from datetime import UTC, date, datetime

import pytest

from routerlab.annotate.corpus.text import add_cases, case_text, cut, renamed
from routerlab.core.corpus import Annotated, Case
from routerlab.core.errors import LabError
from routerlab.resources import EXEMPLARS, POOL, ROUTING60

HEAD = 'schema_version = 1\nname = "mine"\ntaxonomy = "t"\n'
TRICKY = (
    "plain",
    "two\nlines",
    " space around \n and tabs\there \n",
    "\nbegins and ends with a break\n",
    "it's 'quoted' and \"quoted\"\nC:\\path\\n",
    "'''\nliteral quotes",
    '"""\nbasic quotes """" and more """',
    "ends with a quote\n'",
    'ends with a quote\n"',
    "ends with a backslash\n\\",
    "[[case]]\nid = \"no\"\n# no comment\n'''",
    "carriage\r\nreturn\rand \x1b[31m escape \x00 \x7f",
    "bidi \u202e and\nline \u2028 separators \x85 \ufeff",
    "emoji \U0001f469\u200d\U0001f4bb\nno-break\xa0space",
)


def read(text: str) -> list[Case]:
    return [Case.model_validate(case) for case in tomllib.loads(text)["case"]]


@pytest.mark.parametrize("prompt", TRICKY)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_case_reads_back_exactly(prompt: str, end: str) -> None:
    case = Case(id="1", prompt=prompt, notes=prompt)
    text = case_text(case).replace("\n", end)
    assert read(text) == [case]
    assert cut(text, 1)[1][0].replace("\r", "").startswith("[[case]]\n")
    assert not any(ch in text for ch in "\x1b\x00\x7f\u202e\u2028\x85\ufeff")


def test_any_text_reads_back_exactly() -> None:
    rng = random.Random(5)
    signs = ["'", '"', "\\", "\n", "\r", "#", "[", "=", " ", "a", "\t", "\u2028", "é", "\x01"]
    for _ in range(2000):
        prompt = "".join(rng.choices(signs, k=rng.randrange(1, 12)))
        text = case_text(Case(id="1", prompt=prompt))
        assert read(text)[0].prompt == prompt
        cut(text, 1)


def test_a_whole_case_is_written_for_people() -> None:
    case = Case(
        id="M-001",
        prompt="Sort this:\n  b\n  a",
        label="code/simple",
        also=("CoT/simple",),
        language="de",
        difficulty="hard",
        notes='a "note"',
        author="ada",
        created=date(2026, 11, 24),
        source="mail",
        group="g",
        annotated=Annotated(
            annotators=("ada",),
            at=datetime(2026, 11, 24, 8, 15, 0, 120000, UTC),
            sessions=("s1",),
            agreement="1 of 1",
        ),
    )
    assert (
        case_text(case)
        == """
[[case]]
id = "M-001"
label = "code/simple"
difficulty = "hard"
language = "de"
notes = "a \\"note\\""
also = ["CoT/simple"]
group = "g"
author = "ada"
created = 2026-11-24
source = "mail"
annotated = { annotators = ["ada"], at = 2026-11-24T08:15:00.120Z, sessions = ["s1"], agreement = "1 of 1" }
prompt = '''
Sort this:
  b
  a'''
"""
    )
    assert read(case_text(case)) == [case]


@pytest.mark.parametrize("path", [POOL, ROUTING60, EXEMPLARS], ids=lambda path: path.stem)
def test_shipped_files_are_cut_into_their_cases(path: object) -> None:
    text = path.read_text()  # type: ignore[attr-defined]
    cases = read(text)
    preface, parts = cut(text, len(cases))
    assert preface + "".join(parts) == text
    assert [read(part) for part in parts] == [[case] for case in cases]
    assert "case" not in tomllib.loads(preface)


def test_comments_right_above_a_case_are_its_own() -> None:
    text = (
        f"# of the file\n{HEAD}\n# still the file's\n\n"
        "# one\n#  and more\n[[case]] # x\nid = '1' # [[case]]\n"
        'prompt = """\n# no comment\n[[case]]\n""" # end\n  [[ case ]]\nid = "2"\nprompt = "#"\n# of 2\n\n'
        "# three\n\t[[\"case\"]]\nid = \"3\"\nprompt = '''\n'''''\n"
    )
    preface, parts = cut(text, 3)
    assert preface + "".join(parts) == text
    assert preface.endswith("# still the file's\n\n")
    assert parts[0].startswith("# one\n#  and more\n[[case]] # x\n")
    assert parts[1].startswith("  [[ case ]]\n")
    assert parts[1].endswith("# of 2\n\n")
    assert parts[2].startswith('# three\n\t[["case"]]\n')
    assert [case.prompt for case in read(text)] == ["# no comment\n[[case]]\n", "#", "''"]


def test_cases_in_another_form_cannot_be_cut() -> None:
    with pytest.raises(LabError, match="write every case as a"):
        cut(HEAD + 'case = [{ id = "1", prompt = "p" }]\n', 1)


def test_cases_are_added_at_the_end() -> None:
    old = HEAD + '\n[[case]]\nid = "1"\nprompt = "p"'
    new = Case(id="2", prompt="a\nb", label="x")
    for text in (old, old + "\n", old + "\n\n# the end\n", old.replace("\n", "\r\n")):
        out = add_cases(text, 1, {}, [new])
        assert out.startswith(text)
        assert [case.id for case in read(out)] == ["1", "2"]
        assert read(out)[1] == new
        assert ("\r" in out) == ("\r" in text)
        assert out.count("\r\n") == ("\r" in text) * out.count("\n")


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ('[[case]]\nid = "1"\nprompt = "p"\n', '[[case]]\nid = "1"\n+prompt = "p"\n'),
        ("[[case]]\nprompt = 'p'\n  id = '1' # c\n", "[[case]]\nprompt = 'p'\n  id = '1' # c\n+"),
        ('[[case]]\nprompt = "p"\n\tid = "1"', '[[case]]\nprompt = "p"\n\tid = "1"\n+'),
        ('[[case]] # c\n"id" = "1"\nprompt = "p"', '[[case]] # c\n+"id" = "1"\nprompt = "p"'),
        ("[[case]]\nid = '''\n1'''\nprompt = 'p'\n", "[[case]]\nid = '''\n1'''\n+prompt = 'p'\n"),
        ("[[case]]\r\nid='1'\r\nprompt='p'\r\n", "[[case]]\r\nid='1'\r\n+prompt='p'\r\n"),
        (
            '[[case]]\nprompt = """\nid = "no"\n"""\nid = "1"\n',
            '[[case]]\nprompt = """\nid = "no"\n"""\nid = "1"\n+',
        ),
    ],
)
def test_keys_are_put_after_the_id(case: str, expected: str) -> None:
    """The + stands for the lines that are new."""
    after = "\n# next\n[[case]]\nid = '2'\nprompt = 'q'\n"
    out = add_cases(HEAD + case + after, 2, {0: {"label": "x", "also": ("y",)}}, [])
    start = len(HEAD)
    indent = {"  id": "  ", "\tid": "\t"}.get(next((s for s in ("  id", "\tid") if s in case), ""), "")
    end = "\r\n" if "\r\n" in case else "\n"
    new = f'{indent}label = "x"{end}{indent}also = ["y"]{end}'
    wanted = expected.replace("+", new)
    assert out[start:].startswith(wanted)
    assert out[start + len(wanted) :].lstrip("\n") == after.lstrip("\n")
    assert (read(out)[0].label, read(out)[0].also, read(out)[1].label) == ("x", ("y",), None)


def test_keys_are_put_at_the_end_of_a_file_without_a_last_line_break() -> None:
    text = HEAD + "[[case]]\nprompt = 'p'\nid = '1'"
    assert add_cases(text, 1, {0: {"label": "x"}}, []) == f'{text}\nlabel = "x"\n'


def test_the_name_is_changed_and_nothing_else() -> None:
    preface = '# name = "a"\ndescription = """\nname = "b"\n"""\nname = \'c\' # name\n'
    assert renamed(preface, 'd "e"') == preface.replace("'c'", '"d \\"e\\""')
    for wrong in ("", '"name" = "x"\n', 'x = 1 # name = "y"\n'):
        with pytest.raises(LabError, match="name"):
            renamed(wrong, "x")
