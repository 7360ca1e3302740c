"""What there is to annotate, whatever kind of file it is in."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from routerlab.annotate.desk.desk import Desk
from routerlab.annotate.desk.item import Opinion
from routerlab.annotate.desk.open import Wanted, open_desk
from routerlab.annotate.desk.source import Source, is_session, load_source, queue_cache
from routerlab.core.corpus import load_corpus
from routerlab.core.errors import LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.file import SessionFile
from routerlab.core.session.session import Annotation, Header, pin_corpus, pin_taxonomy
from routerlab.resources import TAXONOMY
from tests.annotate.desk.harness import SIX, A, B, C

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CORPUS = f'''schema_version = 1
name = "mine"
taxonomy = "front-door"
[[case]]
id = "M-1"
prompt = "Sort a list in Go."
label = "{A}"
[[case]]
id = "M-2"
prompt = """Why is the
sky blue?"""
'''


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(path: Path, annotator: str = "ada", answers: tuple[Path, ...] = ()) -> Source:
    return load_source(path, SIX, annotator, answers=answers)


def lab_session(path: Path, corpus: Path | None = None) -> Path:
    """A session of two models over a case of the corpus and a typed prompt, annotated by ben."""
    pin = pin_corpus(load_corpus(corpus, SIX), corpus) if corpus else None
    header = Header(
        id="S1",
        created=NOW,
        lab_version="0",
        machine="m",
        schedule="exclusive",
        repeats=1,
        corpus=pin,
        taxonomy=pin_taxonomy(SIX, TAXONOMY),
    )
    with SessionFile.create(path, header) as file:
        for i, (arm, label, p) in enumerate([("small", B, 0.6), ("large", A, None)]):
            probabilities = {label: p, C: 1 - p} if p else None
            asked = {"case": "M-1", "gold": A} if corpus else {"prompt": "Sort a list in Go."}
            common = {"at": NOW, "arm": arm, "status": "ok", "label": label, "probabilities": probabilities}
            common |= {"familiarity": 0.01} if p else {}
            for j, question in enumerate([asked, {"prompt": "typed, \u202eby hand"}]):
                row = {"id": f"t{2 * i + j}", "contended": False, **common, **question}
                file.append(Trial.model_validate(row))
        file.append(Annotation(id="a1", at=NOW, trial="t1", label=C, note="words", annotator="ben"))
        file.append(Annotation(id="a2", at=NOW, trial="t0", label=B, annotator="ada"))
    return path


def test_a_corpus(here: Path) -> None:
    path = here / "mine.toml"
    path.write_text(CORPUS)
    source = load(path)
    assert [(i.id, i.prompt, i.source, i.gold) for i in source.items] == [
        ("M-1", "Sort a list in Go.", "case M-1", A),
        ("M-2", "Why is the\nsky blue?", "case M-2", None),
    ]
    assert (source.pin.name, source.pin.path) == ("mine", "mine.toml")
    assert source.notes == ()


def test_a_text_file_keeps_its_white_space_and_says_what_it_left_out(here: Path) -> None:
    path = here / "p.txt"
    path.write_text("  one  \n\ntwo\t\nONE\n")
    source = load(path)
    assert [i.prompt for i in source.items] == ["  one  ", "two\t"]
    assert [i.source for i in source.items] == ["line 1", "line 3"]
    assert len(source.notes) == 2


def test_jsonl_with_mapped_columns(here: Path) -> None:
    path = here / "p.jsonl"
    path.write_text(
        "".join(json.dumps({"key": f"k{i}", "text": f"prompt {i}", "l": A}) + "\n" for i in range(3))
    )
    source = load_source(path, SIX, "ada", columns={"prompt": "text", "id": "key", "label": "l"})
    assert [(i.id, i.prompt, i.gold) for i in source.items] == [(f"k{n}", f"prompt {n}", A) for n in range(3)]


def test_a_session_with_its_pinned_corpus(here: Path) -> None:
    (here / "mine.toml").write_text(CORPUS)
    path = lab_session(here / "s.toml", Path("mine.toml"))
    assert is_session(path)
    assert not is_session(here / "mine.toml")
    case, typed = load(path).items
    assert (case.id, case.prompt, case.gold) == ("M-1", "Sort a list in Go.", A)
    assert case.models == {"small": (B, 0.6), "large": (A, None)}
    assert case.people == {}  # ada's own label is no other's
    assert typed.prompt == "typed, \u202eby hand"
    assert typed.id.startswith("p-")
    assert typed.people == {"ben": Opinion(C, (), "words")}


def test_a_session_whose_corpus_is_gone_says_so(here: Path) -> None:
    (here / "mine.toml").write_text(CORPUS)
    path = lab_session(here / "s.toml", Path("mine.toml"))
    (here / "mine.toml").unlink()
    source = load(path)
    assert [i.prompt for i in source.items] == ["typed, \u202eby hand"]
    assert any("1 case left out: their prompts are in mine.toml" in note for note in source.notes)


def test_answers_of_a_session_meet_a_corpus_by_prompt(here: Path) -> None:
    (here / "mine.toml").write_text(CORPUS)
    answers = lab_session(here / "s.toml")
    source = load(here / "mine.toml", answers=(answers,))
    assert source.items[0].models == {"small": (B, 0.6), "large": (A, None)}
    assert source.items[0].familiar == {"small": 0.01}
    assert load(here / "mine.toml", answers=(answers,)) == source
    assert source.items[1].models == {}
    assert [pin.name for pin in source.answers] == ["s"]
    assert load(here / "mine.toml", "ben", (answers,)).items[0].people == {"ada": Opinion(B)}


def test_a_session_of_annotations_can_be_annotated_again(here: Path) -> None:
    (here / "p.txt").write_text("one\ntwo\nthree\n")
    desk, _ = open_desk(load(here / "p.txt"), Wanted("ada", here / "p.ada.toml", SIX, TAXONOMY))
    desk.submit(0, A)
    desk.submit(1, B)
    desk.file.close()
    again = load(here / "p.ada.toml", "ben")
    assert [i.prompt for i in again.items] == ["one", "two"]
    assert again.items[0].people == {"ada": Opinion(A)}
    assert [i.id for i in again.items] == [i.id for i in desk.items[:2]]


def test_the_index_answers_the_second_time_and_never_for_another_file(here: Path) -> None:
    path = here / "p.txt"
    path.write_text("one\n")
    first = load(path)
    (index,) = queue_cache().glob("*.json")
    data = json.loads(index.read_text())
    data["items"][0]["prompt"] = "from the index"
    index.write_text(json.dumps(data))
    assert load(path).items[0].prompt == "from the index"
    path.write_text("two\n")
    assert load(path).items[0].prompt == "two"
    index.write_text("damaged")
    path.write_text("one\n")
    assert load(path) == first


def test_a_changed_session_is_read_again(here: Path) -> None:
    (here / "p.txt").write_text("Sort a list in Go.\n")
    answers = lab_session(here / "s.toml")
    assert load(here / "p.txt", answers=(answers,)).items[0].models["small"] == (B, 0.6)
    with SessionFile.open(answers) as file:
        later = file.session.trials[0].model_copy(update={"id": "t9", "label": C, "at": datetime.now(UTC)})
        file.append(later)
    assert load(here / "p.txt", answers=(answers,)).items[0].models["small"][0] == C


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.txt", None, "no such file"),
        ("empty.txt", b"\n \n", "is empty"),
        ("bad.txt", b"a\xff\xfe", "UTF-8"),
        ("bad.jsonl", b'{"prompt": "x"}\n{"prompt"\n', "bad.jsonl:2:"),
        ("bad.toml", b"= nonsense", "bad.toml:1"),
        ("t.csv", b"a,b\nc,d\n", "--map prompt=KEY"),
        ("two.toml", CORPUS.replace("M-2", "M-1").encode(), "duplicate id 'M-1'"),
    ],
)
def test_bad_files(here: Path, name: str, content: bytes | None, message: str) -> None:
    path = here / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LabError) as e:
        load(path)
    assert message in str(e.value)
    assert name in str(e.value)


def test_hostile_prompts_survive_labelling(here: Path) -> None:
    hostile = [
        "\x1b[2J\x1b]0;owned\x07",
        "[red]markup[/red]",
        "\u202egnp.exe",
        '"""\n[[case]]\nid = "x"',
        "x" * 10**6,
    ]
    path = here / "p.jsonl"
    path.write_text("".join(json.dumps({"prompt": p}) + "\n" for p in hostile))

    def opened() -> Desk:
        return open_desk(load(path), Wanted("ada", here / "p.ada.toml", SIX, TAXONOMY))[0]

    desk = opened()
    for i in range(len(hostile)):
        desk.submit(i, A, note=hostile[i][:50])
    desk.file.close()
    desk = opened()
    assert [desk.session.cases[i.id].prompt for i in desk.items] == hostile
    assert desk.count("submitted") == len(hostile)
    desk.file.close()


def test_what_another_tools_export_was_read_as_is_said(here: Path) -> None:
    path = here / "p.jsonl"
    path.write_text(
        '{"text": "a", "label": "code/simple", "answer": "accept"}\n{"text": "b", "answer": "ignore"}\n'
    )
    source = load(path)
    assert [(i.prompt, i.gold) for i in source.items] == [("a", "code/simple")]
    assert source.notes[0].startswith("read as JSONL of Prodigy: prompt = text")
    assert source.notes[1:] == ("left out, answer ignore: 1 (line 2)",)
