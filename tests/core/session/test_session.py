"""Sessions: what is written, and what events add up to."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from routerlab.core.corpus import load_corpus
from routerlab.core.prediction import Latency, Tokens
from routerlab.core.session.file import SessionFile, peek_session, read_session
from routerlab.core.session.fragment import fragment
from routerlab.core.session.session import Event, Session, State, pin_corpus, pin_taxonomy
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import ROUTING60, TAXONOMY
from tests.core.session.harness import ARM, HEADER, events_of, note, trial, written

# --- what is written -------------------------------------------------------------------------------------


def test_a_trial_is_one_block_of_toml() -> None:
    event = trial(
        17,
        probabilities={"code/simple": 0.8333333333, "CoT/simple": 0.1666666667},
        mass=0.00000049,
        latency_ms=Latency(queue=0.4, prefill=702.12345, total=703.9),
        tokens=Tokens(cached=672, evaluated=49),
        gold="code/simple",
    )
    assert (
        fragment(event).decode()
        == """
[[trial]]
id = "t000017"
at = 2026-11-23T19:40:03.120Z
case = "c17"
arm = "a"
repeat = 1
gold = "code/simple"
status = "ok"
label = "code/simple"
probabilities = { "code/simple" = 0.833333, "CoT/simple" = 0.166667 }
mass = 0.0
latency_ms = { queue = 0.4, tokenize = 0.0, prefill = 702.123, generate = 0.0, total = 703.9 }
tokens = { cached = 672, evaluated = 49, generated = 0 }
contended = false
"""
    )


@pytest.mark.parametrize(
    ("event", "mark"), [(ARM, "name"), (trial(1), "contended"), (note(1, label="x", note="y"), "annotator")]
)
def test_the_last_key_of_a_record_is_required(event: Event, mark: str) -> None:
    assert fragment(event).decode().rstrip().splitlines()[-1].startswith(f"{mark} = ")
    assert type(event).model_fields[mark].is_required()


def test_a_session_comes_back_as_it_was_written(tmp_path: Path) -> None:
    header = HEADER.model_copy(update={"title": 'say "hi"', "seed": 7})
    events: list[Event] = [
        ARM,
        trial(1),
        trial(2, status="crashed", label=None, error="killed"),
        note(1, label="x"),
    ]
    with SessionFile.create(tmp_path / "deep" / "s.toml", header) as file:
        for event in events:
            file.append(event)
    opened = read_session(tmp_path / "deep" / "s.toml")
    assert opened.torn == 0
    assert opened.session.header == header
    assert events_of(opened.session) == [ARM.model_copy(update={"load_ms": 812.346}), *events[1:]]
    assert peek_session(tmp_path / "deep" / "s.toml") == (header, {"arm": 1, "trial": 2, "annotation": 1})
    assert tomllib.loads((tmp_path / "deep" / "s.toml").read_text())["schema_version"] == 1
    assert not [p for p in (tmp_path / "deep").iterdir() if p.name.endswith(".new")]


def test_the_header_pins_corpus_and_taxonomy(tmp_path: Path) -> None:
    taxonomy = load_taxonomy(TAXONOMY)
    corpus = load_corpus(ROUTING60, taxonomy)
    pins = {"corpus": pin_corpus(corpus, ROUTING60), "taxonomy": pin_taxonomy(taxonomy, TAXONOMY)}
    header = HEADER.model_copy(update=pins)
    SessionFile.create(tmp_path / "s.toml", header).close()
    again = read_session(tmp_path / "s.toml").session.header
    assert again == header
    assert again.taxonomy.labels == taxonomy.labels
    assert again.corpus is not None
    assert again.corpus.sha256 == corpus.sha256


HOSTILE = [
    "two\nlines",
    'quotes " \'\'\' """ and \\ back\\slashes \\u0041',
    '\n[[trial]]\nid = "t9"\n',
    '"\n\n[[annotation]]\nannotator = "eve"\n',
    "[[trial]]",
    "NUL \0 ESC \x1b[2J BEL \x07 DEL \x7f C1 \x9b31m CR \r TAB \t FF \f VT \v",
    "bidi \u202e\u2066 mark \u200f line \u2028 paragraph \u2029 next \x85 bom \ufeff",
    "emoji 👩‍👩‍👧 astral \U0001d518 combining e\u0301 عربى 漢字",
    "[red]markup[/red] {jinja} # comment",
    "   spaces   ",
    "x" * 1_000_000,
]


@pytest.mark.parametrize("prompt", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_comes_back_exactly(tmp_path: Path, prompt: str) -> None:
    hostile = trial(1, case=None, prompt=prompt, answer=prompt, probabilities={prompt[:100]: 1.0})
    path = written(tmp_path / "s.toml", hostile, note(1, note=prompt), trial(2))
    session = read_session(path).session
    assert events_of(session) == [hostile, trial(2), note(1, note=prompt)]
    shown = set(path.read_bytes().decode()) - {"\n"}
    assert min(shown) == " "
    assert not shown & set("\x7f\x85\x9b\u202e\u2066\u200f\u2028\u2029\ufeff")


def test_a_lone_surrogate_is_replaced_not_lost(tmp_path: Path) -> None:
    path = written(tmp_path / "s.toml", trial(1, case=None, prompt="caf\udce9 \ud83d"))
    assert read_session(path).session.trials[0].prompt == "caf\ufffd \ufffd"


# --- what it adds up to ----------------------------------------------------------------------------------


def folded(*events: Event) -> Session:
    session = Session(HEADER)
    for event in events:
        session.add(event)
    return session


def test_the_last_annotation_counts() -> None:
    events = [
        note(1, label="code/simple", note="why"),
        note(2, label="not/in-taxonomy"),
        note(3, action="flag"),
    ]
    assert folded(*events).current("t000001") == State("not/in-taxonomy", False, True, "why")
    assert folded(*events, note(4, action="skip")).current("t000001") == State(None, True, True, "why")
    assert folded(note(1, action="skip"), note(2, label="x")).current("t000001") == State("x")
    assert folded(note(1, note="a"), note(2, note="")).current("t000001") == State()
    assert folded(*events).current("t000002") == State()


def test_trials_and_cases_are_different_targets() -> None:
    session = folded(note(1, trial=None, case="t000001", label="x"))
    assert session.current("t000001") == State()
    assert session.current("t000001", "case") == State("x")
    assert session.last_annotated() == ("case", "t000001")


def test_undo_walks_back_to_the_beginning_across_targets() -> None:
    session = folded(
        note(1, "t1", "A"),
        note(2, "t2", "B"),
        note(3, "t1", "C"),
        note(4, "t1", action="flag"),
        note(5, "t2", "D"),
    )
    seen: list[tuple[str, State, State]] = []
    while (target := session.last_annotated()) is not None:
        session.add(note(10 + len(seen), target[1], action="undo"))
        seen.append((target[1], session.current("t1"), session.current("t2")))
    assert seen == [
        ("t2", State("C", flagged=True), State("B")),
        ("t1", State("C"), State("B")),
        ("t1", State("A"), State("B")),
        ("t2", State("A"), State()),
        ("t1", State(), State()),
    ]
    session.add(note(20, "t1", action="undo"))
    assert session.current("t1") == State()
    session.add(note(21, "t1", "E"))
    assert session.current("t1") == State("E")
    assert len(session.annotations) == 12


def test_undo_of_an_older_target_leaves_the_newer_one() -> None:
    session = folded(note(1, "t1", "A"), note(2, "t2", "B"), note(3, "t1", action="undo"))
    assert (session.current("t1"), session.current("t2")) == (State(), State("B"))
    assert session.last_annotated() == ("trial", "t2")


def test_a_reloaded_arm_replaces_its_record() -> None:
    again = ARM.model_copy(update={"threads": 1})
    assert folded(ARM, again).arms == {ARM.name: again}


def test_a_replay_resumes_by_finished_trials() -> None:
    session = folded(
        trial(1),
        trial(2, status="cancelled", label=None),
        trial(3, status="crashed", label=None, repeat=2),
        trial(4, case=None, prompt="typed", status="timeout", label=None),
    )
    assert session.keys() == {("c1", "a", 1), ("c3", "a", 2), ("typed", "a", 1)}


def test_ids_go_on_after_the_highest(tmp_path: Path) -> None:
    session = read_session(written(tmp_path / "s.toml", trial(41), trial(7), note(3, label="x"))).session
    assert [session.next_trial_id() for _ in range(2)] == ["t000042", "t000043"]
    assert session.next_annotation_id() == "a000004"
    assert folded(trial(1).model_copy(update={"id": "t٣"})).next_trial_id() == "t000001"


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"trial": None}, "exactly one"),
        ({"case": "c1"}, "exactly one"),
        ({"action": "skip"}, "not both"),
        ({"label": None}, "needs a label, an action or a note"),
        ({"label": None, "action": "skip", "fit": "none"}, "only a label"),
    ],
)
def test_an_annotation_says_one_thing_of_one_target(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        note(1, **{"label": "x", **facts})
