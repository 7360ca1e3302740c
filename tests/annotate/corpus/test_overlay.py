"""`routerlab corpus overlay` and `fill`: labels without texts, and the texts found again in others' files."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from routerlab.annotate.corpus import file
from routerlab.annotate.corpus.file import write_corpora
from routerlab.annotate.corpus.overlay import Overlay
from routerlab.cli.main import app
from routerlab.core.corpus import Annotated, Case, Corpus, prompt_sha256
from routerlab.core.errors import Exit, LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.files.toml import load_toml

CODE, COT = "code/simple", "CoT/simple"
SAID = Annotated(
    annotators=("ada", "ben"),
    at=datetime(2026, 11, 28, 9, 30, tzinfo=UTC),
    sessions=("s1", "s2"),
    agreement="1 of 2",
    seen="reveal",
    adjudicator="cyd",
    reason="rule 3",
)


def case(n: int, label: str | None = CODE, **more: Any) -> Case:
    facts = {"id": f"r{n}", "prompt": f"Secret text {n}", "source": "mt-bench", "source_id": str(80 + n)}
    return Case.model_validate(facts | {"label": label} | more)


DEV = case(1, annotated=SAID), case(2, COT, fit="none", language="de")
TEST = case(3, source="arena", source_id="abc"), case(4)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parts as `corpus split` leaves them."""
    monkeypatch.chdir(tmp_path)
    write_corpora(
        {Path(f"mine-{part}.toml"): corpus(*cases) for part, cases in (("dev", DEV), ("test", TEST))}
    )


def corpus(*cases: Case, **more: Any) -> Corpus:
    return Corpus(schema_version=1, name="any", taxonomy="front-door", case=cases, **more)


def run(*args: object, code: Exit = Exit.OK) -> Any:
    """What the command left, which may have ended with one line for people."""
    result = CliRunner().invoke(app, ["corpus", *map(str, args)])
    if isinstance(result.exception, LabError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def made(out: str = "real.toml", *more: object) -> Overlay:
    run("overlay", "mine-dev.toml", "mine-test.toml", "--out", out, *more)
    return load_toml(Path(out), Overlay)


def jsonl(name: str, *rows: object) -> Path:
    path = Path(name)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def everything(name: str = "all.jsonl") -> Path:
    return jsonl(name, *({"prompt": c.prompt} for c in (*reversed(TEST), *reversed(DEV))))


# --- without texts ---------------------------------------------------------------------------------------


def test_an_overlay_has_everything_but_the_texts() -> None:
    overlay = made()
    assert "Secret" not in Path("real.toml").read_text()
    assert (overlay.name, overlay.taxonomy) == ("real", "front-door")
    first, second, third, fourth = overlay.case
    assert (first.id, first.source, first.source_id, first.label) == ("r1", "mt-bench", "81", CODE)
    assert first.prompt_sha256 == prompt_sha256("  SECRET text\n1 ")
    assert first.annotated == SAID
    assert (first.raters, first.agreement) == (("ada", "ben"), "1 of 2")
    assert (second.fit, second.language, second.annotated) == ("none", "de", None)
    assert [e.part for e in overlay.case] == ["dev", "dev", "test", "test"]
    assert (third.source, fourth.id) == ("arena", "r4")


def test_the_part_may_be_said_and_what_is_in_none_too() -> None:
    assert {e.part for e in made("a.toml", "--part", "test").case} == {"test"}
    write_corpora({Path("whole.toml"): corpus(*DEV)})
    run("overlay", "whole.toml", "--out", "b.toml")
    assert {e.part for e in load_toml(Path("b.toml"), Overlay).case} == {None}


@pytest.mark.parametrize(
    ("cases", "words"),
    [
        ((case(9, None),), "more.toml: case r9: has no label"),
        ((case(9, source=None),), "more.toml: case r9: has no source"),
        ((case(9, source=""),), "more.toml: case r9: has no source"),
        ((case(1, prompt="other"),), "more.toml: case r1: its id or its prompt is in mine-dev.toml already"),
        ((case(9, prompt="SECRET text 1"),), "more.toml: case r9: its id or its prompt is in mine-dev.toml"),
    ],
)
def test_what_makes_no_overlay(cases: tuple[Case, ...], words: str) -> None:
    write_corpora({Path("more.toml"): corpus(*cases)})
    with pytest.raises(LabError) as e:
        run("overlay", "mine-dev.toml", "more.toml", "--out", "real.toml")
    assert words in str(e.value)
    assert not Path("real.toml").exists()


def test_the_source_may_be_that_of_the_corpus() -> None:
    bare = Case(id="x", prompt="p", label=CODE)
    write_corpora({Path("more.toml"): corpus(bare, source="vicuna-bench", description="Read me.")})
    run("overlay", "more.toml", "--out", "real.toml")
    overlay = load_toml(Path("real.toml"), Overlay)
    (entry,) = overlay.case
    assert overlay.description == "Read me."
    assert (entry.source, entry.source_id) == ("vicuna-bench", "x")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('id = "r2"', 'id = "r1"', "id 'r1' stands there before already"),
        ('agreement = "1 of 2"\n', "", "raters, agreement, at and sessions go together"),
        ('part = "dev"', 'part = "train"', "part: should be 'dev' or 'test'"),
        (f'"{prompt_sha256("secret text 2")}"', '"no hash"', "prompt_sha256"),
    ],
)
def test_a_faulty_overlay_is_one_line(old: str, new: str, words: str) -> None:
    made()
    text = Path("real.toml").read_text()
    assert old in text
    Path("real.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(LabError, match=r"real\.toml:") as e:
        run("fill", "real.toml", "--from", everything())
    assert words in str(e.value)
    assert not Path("real-dev.toml").exists()


# --- with their texts again ------------------------------------------------------------------------------


def test_filled_it_is_what_it_was_made_of() -> None:
    made()
    done = run("fill", "real.toml", "--from", everything(), "--out", "new/folder")
    assert done.stdout.split("\n")[:2] == [
        "new/folder/real-dev.toml: 2 cases",
        "new/folder/real-test.toml: 2 cases",
    ]
    for part, cases in (("dev", DEV), ("test", TEST)):
        found = load_toml(Path(f"new/folder/real-{part}.toml"), Corpus)
        assert found.case == cases  # in the overlay's order, whatever that of the file
        assert found.name == f"real-{part}"


def test_what_was_made_is_told_with_its_parts() -> None:
    done = run("overlay", "mine-dev.toml", "mine-test.toml", "--out", "real.toml")
    assert done.stdout == "real.toml: 4 cases (dev 2, test 2), no texts\n"


def test_a_whole_without_parts_is_one_corpus() -> None:
    write_corpora({Path("whole.toml"): corpus(*DEV)})
    assert run("overlay", "whole.toml", "--out", "real.toml").stdout == "real.toml: 2 cases, no texts\n"
    run("fill", "real.toml", "--from", everything(), "--out", "new")
    assert load_toml(Path("new/real.toml"), Corpus).case == DEV


def test_known_formats_are_read_together() -> None:
    made()
    one, two, three, four = (c.prompt for c in (*DEV, *TEST))
    said = [
        {"from": "system", "value": two},
        {"from": "human", "value": three},
        {"from": "gpt", "value": "y"},
    ]
    files = [
        jsonl("arena.jsonl", {"question_id": "a", "turns": [{"content": one}]}),
        jsonl("mt.jsonl", {"question_id": 81, "turns": [two.upper(), "and then?"]}, {"turns": []}),
        jsonl("chat.jsonl", {"conversations": said}, {"messages": [1]}, {"messages": [{"role": "user"}]}),
        jsonl("own.jsonl", {"prompt": one, "label": "any"}, {"prompt": 5}),
        jsonl("other.jsonl", {"text": four, "prompt": "not this"}),
    ]
    named = [word for file in files for word in ("--from", file)]
    run("fill", "real.toml", *named, "--map", "prompt=text")
    prompts = [
        c.prompt for part in ("dev", "test") for c in load_toml(Path(f"real-{part}.toml"), Corpus).case
    ]
    assert prompts == [one, two.upper(), three, four]


def test_a_prompt_may_stand_under_a_dotted_path() -> None:
    made()
    rows = jsonl("deep.jsonl", *({"data": {"q": c.prompt}} for c in (*DEV, *TEST)))
    run("fill", "real.toml", "--from", rows, "--map", "prompt=data.q")
    assert len(load_toml(Path("real-dev.toml"), Corpus).case) == 2


def test_a_name_leads_out_of_no_folder() -> None:
    made()
    text = Path("real.toml").read_text()
    Path("real.toml").write_text(text.replace('name = "real"', 'name = "../real"'))
    with pytest.raises(LabError, match=r"real\.toml: name: '\.\./real' is no name of a file"):
        run("fill", "real.toml", "--from", everything(), "--out", "new")
    assert not Path("real-dev.toml").exists()


def test_what_is_missing_is_told_and_the_rest_written() -> None:
    made()
    rows = jsonl("some.jsonl", {"prompt": DEV[1].prompt}, {"prompt": f"{DEV[0].prompt}!"})
    done = run("fill", "real.toml", "--from", rows, code=Exit.CHECK_FAILED)
    assert done.stdout == "real-dev.toml: 1 case\n"
    assert done.stderr == (
        "3 of 4 prompts are in none of these files:\n  mt-bench 81\n  arena abc\n  mt-bench 84\n"
    )
    assert load_toml(Path("real-dev.toml"), Corpus).case == DEV[1:]
    assert not Path("real-test.toml").exists()


def test_of_many_missing_twenty_are_listed() -> None:
    write_corpora({Path("many.toml"): corpus(*(case(n) for n in range(30)))})
    run("overlay", "many.toml", "--out", "real.toml")
    done = run("fill", "real.toml", "--from", jsonl("x.jsonl", {"prompt": "x"}), code=Exit.CHECK_FAILED)
    lines = done.stderr.splitlines()
    assert lines[0].startswith("30 of 30 prompts")
    assert lines[-2:] == ["  mt-bench 99", "  and 10 more"]
    assert len(lines) == 22


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_of_several_files_all_are_written_or_none(
    fault: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in Path().iterdir()}

    def fails(path: Path, data: bytes) -> None:
        write_new(path, data)
        if "second" in path.name:
            raise fault

    monkeypatch.setattr(file, "write_new", fails)
    new = {Path(name): corpus(case(9)) for name in ("mine-dev.toml", "first.toml", "second.toml")}
    with pytest.raises((KeyboardInterrupt, LabError)):
        write_corpora(new, force=True)
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_nothing_is_overwritten_without_force() -> None:
    made()
    with pytest.raises(LabError, match=r"real\.toml: exists already"):
        made()
    Path("real-test.toml").write_text("mine")
    with pytest.raises(LabError, match=r"real-test\.toml: exists already"):
        run("fill", "real.toml", "--from", everything())
    assert not Path("real-dev.toml").exists()
    assert Path("real-test.toml").read_text() == "mine"
    run("fill", "real.toml", "--from", everything(), "--force")
    assert load_toml(Path("real-test.toml"), Corpus).case == TEST
    made("real.toml", "--force")


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("mine-test.toml", "is read, and what is read is not overwritten"),
        ("ada.toml", "is a session, and sessions are not overwritten"),
    ],
)
def test_neither_what_is_read_nor_a_session_is_overwritten_with_force(out: str, words: str) -> None:
    Path("ada.toml").write_text('lab_version = "0.1.0"\n')
    before = Path(out).read_bytes()
    with pytest.raises(LabError, match=f"^{out}: {words}"):
        made(out, "--force")
    assert Path(out).read_bytes() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"question": "q"}\n', "or in a conversation, the keys are question; "),
        ('[{"prompt": "a"}, 1]', "the array holds what is no object"),
        ('[{"prompt": "a"}', "begins as a JSON array, but is none"),
        ('{"prompt": "a"}\nnope\n', "x.jsonl:2: not valid JSON"),
        ("", "no line has a prompt"),
    ],
)
def test_files_that_cannot_be_read(text: str, words: str) -> None:
    made()
    Path("x.jsonl").write_text(text)
    with pytest.raises(LabError, match=r"x\.jsonl") as e:
        run("fill", "real.toml", "--from", "x.jsonl")
    assert words in str(e.value)


def test_other_fields_are_not_mapped() -> None:
    made()
    with pytest.raises(LabError, match="only the prompt is read"):
        run("fill", "real.toml", "--from", everything(), "--map", "id=key")


def test_one_that_ships_is_known_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ships").mkdir()
    made("ships/real.toml")
    monkeypatch.setattr("routerlab.resources.OVERLAYS", {tmp_path / "ships" / "real.toml": ""})
    run("fill", "real", "--from", everything())
    with pytest.raises(LabError, match="unreal: no such file"):
        run("fill", "unreal", "--from", everything())


def test_imported_sources_make_it_one_chain() -> None:
    """From a file of public prompts to an overlay, and back with the same file."""
    rows = [{"prompt": f"P{n}", "source": "mt-bench", "source_id": n, "label": CODE} for n in range(4)]
    public = jsonl("public.jsonl", *rows)
    run("import", public, "--out", "p.toml")
    run("split", "p.toml", "--seed", 1)
    run("overlay", "p-dev.toml", "p-test.toml", "--out", "o.toml")
    overlay = load_toml(Path("o.toml"), Overlay)
    assert sorted((e.source, e.source_id) for e in overlay.case) == [("mt-bench", str(n)) for n in range(4)]
    assert [e.part for e in overlay.case] == ["dev", "dev", "test", "test"]
    run("fill", "o.toml", "--from", public, "--out", "new")
