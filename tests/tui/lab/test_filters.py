"""What is listed and in which order, as pure functions, beside the plain way to say the same."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.content import Content

from routerlab.annotate.formats.rows import read_rows
from routerlab.core.corpus import Case, Corpus, load_corpus
from routerlab.core.errors import Faults, LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.session import State
from routerlab.core.statistics.agreement import Vote
from routerlab.core.taxonomy import load_taxonomy, short_labels
from routerlab.resources import TAXONOMY
from routerlab.tui.lab.chips import CHIPS, chip_lines, found_text, letters
from routerlab.tui.lab.filters import NO_FILTERS, Facts, Filters, Sign, Sort, fits, sort_key
from routerlab.tui.lab.history import columns, head_parts, row_parts
from routerlab.tui.lab.listing import Listing
from routerlab.tui.lab.selection import cases_of, write_cases
from routerlab.tui.lab.sitting import Question
from routerlab.tui.lab.state import RowView
from routerlab.tui.shared.palette import Palette
from tests.tui.lab.test_state import LABELS

PALETTE = Palette("dim", "faint", "good", "bad", "warn", "accent", {})
UNSAID = State()
PLACES = {label: i for i, label in enumerate(LABELS)}


def asked(
    number: int, prompt: str = "hi", gold: str | None = None, note: State = UNSAID, **said: str
) -> Facts:
    """A question; `said` is what each arm answered: a label's number, "-" for none, "?" for unfamiliar."""
    trials = {}
    for arm, answer in said.items():
        label = None if answer[0] == "-" else LABELS[int(answer[0])]
        trials[arm] = Trial(
            id=f"t{number}{arm}",
            at=datetime(2026, 11, 28, tzinfo=UTC),
            arm=arm,
            prompt=prompt,
            gold=gold,
            status="unparsed" if label is None else "ok",
            label=label,
            familiarity=0.001 if answer[1:] == "?" else None,
            contended=False,
        )
    return Facts(Question(number, trials), f"Q{number}", prompt, note)


RIGHT = asked(1, "Sort a list in Go", LABELS[0], a="0", b="0")
SPLIT = asked(2, "Why is the sky blue?", LABELS[2], a="2", b="0?")
TYPED = asked(3, "ÄRGER mit Go", a="1", b="-")
YOURS = asked(4, "again", note=State(LABELS[1], flagged=True), a="1?")
ALL = (RIGHT, SPLIT, TYPED, YOURS)


def signs(*names: Sign, label: str | None = None, arm: str | None = None, text: str = "") -> Filters:
    return Filters(frozenset(names), label, arm, text)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (NO_FILTERS, {1, 2, 3, 4}),
        (signs("wrong"), {2}),
        (signs("wrong", arm="a"), set()),
        (signs("wrong", arm="b"), {2}),
        (signs("disagree"), {2, 3}),
        (signs("unfamiliar"), {2, 4}),
        (signs("unfamiliar", arm="a"), {4}),
        (signs("unlabelled"), {3}),
        (signs("flagged"), {4}),
        (signs("flagged", "unfamiliar"), {4}),
        (signs("flagged", "wrong"), set()),
        (signs(label=LABELS[1]), {4}),
        (signs(label=LABELS[0]), {1}),
        (signs(label=LABELS[0], arm="b"), {1, 2}),
        (signs(arm="b"), {1, 2, 3}),
        (signs(text="go"), {1, 3}),
        (signs(text="  GO ärger "), {3}),
        (signs(text="q2"), {2}),
        (signs("disagree", text="go"), {3}),
    ],
)
def test_filters_hold_together(filters: Filters, found: set[int]) -> None:
    assert {facts.question.number for facts in ALL if fits(filters, facts)} == found


@pytest.mark.parametrize(
    ("column", "down", "found"),
    [
        ("#", False, [1, 2, 3, 4]),
        ("#", True, [4, 3, 2, 1]),
        ("case", True, [4, 3, 2, 1]),
        ("prompt", False, [4, 1, 2, 3]),
        ("gold", False, [1, 2, 3, 4]),
        ("gold", True, [3, 4, 2, 1]),
        ("agree", False, [2, 3, 1, 4]),
        ("agree", True, [1, 4, 2, 3]),
        ("you", False, [4, 1, 2, 3]),
        ("familiar", False, [2, 4, 1, 3]),
        ("arm:a", False, [1, 3, 4, 2]),
        ("arm:b", False, [2, 1, 3, 4]),
        ("arm:b", True, [4, 3, 1, 2]),
        ("arm:gone", False, [1, 2, 3, 4]),
    ],
)
def test_every_column_orders_and_what_is_alike_stays_as_it_was_asked(
    column: str, down: bool, found: list[int]
) -> None:
    by_number = {facts.question.number: facts for facts in ALL}
    questions = [facts.question for facts in ALL]
    listing = Listing(questions, lambda q: by_number[q.number], LABELS, sort=Sort(column, down))
    for _ in listing.fill():
        pass
    assert [q.number for q in listing] == found
    assert [listing.row(n) for n in found] == list(range(4))
    assert [q.number for q in listing[1:3]] == found[1:3]
    assert listing[-1].number == found[-1]


@pytest.mark.parametrize("sort", [Sort(), Sort("#", True), Sort("arm:a"), Sort("prompt", True)])
@pytest.mark.parametrize("filters", [NO_FILTERS, signs("disagree")])
def test_what_comes_one_by_one_stands_where_sorting_all_of_it_would_put_it(
    filters: Filters, sort: Sort
) -> None:
    roll = random.Random(1)
    questions: list[Question] = []
    known: dict[int, Facts] = {}
    listing = Listing(questions, lambda q: known[q.number], LABELS, filters, sort)
    for number in range(1, 700):
        known[number] = asked(number, roll.choice("abc") * 3, a=str(roll.randrange(6)))
        questions.append(known[number].question)
        listing.place(known[number].question)
        changed = roll.randrange(1, number + 1)  # and another arm answers an older one
        if "b" not in known[changed].question.trials:
            more = asked(changed, "x", b=str(roll.randrange(6))).question.trials
            known[changed].question.trials.update(more)
        listing.place(known[changed].question)
    again = Listing(questions, lambda q: known[q.number], LABELS, filters, sort)
    steps = sum(1 for _ in again.fill())
    assert list(again) == list(listing)
    assert steps >= 699, "it lets others have their turn after each"
    fitting = [q for q in questions if fits(filters, known[q.number])]
    keys = {q.number: sort_key(sort.column, known[q.number], PLACES) for q in questions}
    assert list(again) == sorted(fitting, key=lambda q: keys[q.number], reverse=sort.down)


def test_what_no_longer_fits_stays_listed_until_it_is_filtered_again() -> None:
    known = {3: TYPED}
    listing = Listing([TYPED.question] * 3, lambda q: known[q.number], LABELS, signs("unlabelled"))
    listing.place(TYPED.question)
    known[3] = replace(TYPED, note=State(LABELS[0]))
    listing.place(TYPED.question)
    assert listing.row(3) == 0


@pytest.mark.parametrize("width", [78, 98, 40])
def test_chips_take_as_many_lines_as_they_need_and_say_what_is_on(width: int) -> None:
    filters = signs("wrong", "flagged", label=LABELS[0], arm="qwen2.5-coder-0.5b:json", text="a\x1b[2J" * 9)
    lines = chip_lines(filters, found_text(12, 240, True, 3), "label", letters({}), width, PALETTE)
    texts = [Content.assemble(*parts) for parts, _ in lines]
    assert all(text.cell_length <= width for text in texts)
    whole = "\n".join(text.plain for text in texts)
    assert "[wrong] disagree " in whole
    assert "[label code/simple]" in whole
    assert "[arm qwen2.5-codere…json]" not in whole
    assert "\x1b" not in whole
    assert whole.endswith("12 of 240 · 3 selected")
    spots = [(spot, text.plain) for (_, there), text in zip(lines, texts, strict=True) for spot in there]
    assert [spot.chip for spot, _ in spots] == list(CHIPS)
    assert all(str(spot.chip) in line[spot.start : spot.end] for spot, line in spots)
    assert found_text(1, 1, False, 0) == "1 question"


def test_without_filters_the_chips_have_a_line_at_80_columns() -> None:
    (line,) = chip_lines(NO_FILTERS, found_text(240, 240, False, 0), None, letters({}), 90, PALETTE)
    assert len(line[1]) == len(CHIPS)


def test_a_case_for_every_prompt_with_your_label(tmp_path: Path) -> None:
    corpus = Corpus(schema_version=1, name="c", taxonomy="front-door", case=(Case(id="A", prompt="Sort"),))
    (trial,) = asked(9, a="0").question.trials.values()
    of_case = Facts(
        Question(9, {"a": trial.model_copy(update={"case": "A", "prompt": None})}), "A", "", State()
    )
    gone = Facts(Question(8, {"a": trial.model_copy(update={"case": "B", "prompt": None})}), "B", "", State())
    again = replace(asked(7, "AGAIN", a="0"), note=State())
    cases = cases_of([RIGHT, YOURS, again, of_case, gone], corpus)
    assert [(c.id, c.prompt, c.label) for c in cases] == [
        ("typed-001", "Sort a list in Go", LABELS[0]),
        ("typed-004", "again", LABELS[1]),
        ("A", "Sort", None),
    ]
    taxonomy = load_taxonomy(TAXONOMY)
    write_cases(tmp_path / "c.toml", cases, taxonomy)
    assert list(load_corpus(tmp_path / "c.toml", taxonomy).case) == cases
    for name in ("c.csv", "c.jsonl"):
        write_cases(tmp_path / name, cases, taxonomy)
        faults = Faults(tmp_path / name)
        rows = [row for _, row in read_rows(tmp_path / name, faults).rows]
        assert [row["prompt"] for row in rows] == [c.prompt for c in cases]
        assert rows[1]["label"] == LABELS[1]
    for name, says in (("c.csv", "exists already"), ("c.xml", "ends in .toml, .csv or .jsonl")):
        with pytest.raises(LabError, match=says):
            write_cases(tmp_path / name, cases, taxonomy)
    with pytest.raises(LabError, match="cannot be written"):
        write_cases(tmp_path / "no" / "folder.csv", cases, taxonomy)


def test_what_was_said_of_the_gold_label_is_not_said_of_yours() -> None:
    gold = Case(id="A", prompt="Sort", label=LABELS[0], also=(LABELS[1],), notes="why it is the first")
    corpus = Corpus(schema_version=1, name="c", taxonomy="front-door", case=(gold,))
    facts = asked(1, "Sort", a="0")
    (trial,) = facts.question.trials.values()
    question = Question(1, {"a": trial.model_copy(update={"case": "A", "prompt": None})})
    (yours,) = cases_of([replace(facts, question=question, note=State(label=LABELS[1]))], corpus)
    assert (yours.label, yours.also, yours.notes) == (LABELS[1], (), None)
    (same,) = cases_of([replace(facts, question=question, note=State(label=LABELS[0]))], corpus)
    assert same == gold


@pytest.mark.parametrize("width", [60, 80, 88, 120, 200])
@pytest.mark.parametrize("arms", [1, 3, 6])
def test_no_label_is_cut_in_the_history(width: int, arms: int) -> None:
    names = [f"arm{i}" for i in range(arms)]
    shape = columns(width, names, short_labels(LABELS))
    answers = [(LABELS[i % 6], i % 2 == 0) for i in range(arms - 1)]
    view = RowView(
        10_000,
        "R60-010",
        "x" * 300,
        LABELS[5],
        (*answers, ("unparsed", False)),
        Vote(None, 1, 0.0),
        arms,
        State(LABELS[4], flagged=True),
    )
    text = "".join(part for part, _ in row_parts(view, shape, PALETTE))
    short = shape.short
    for label in (LABELS[5], *(name for name, _ in answers), LABELS[4]):
        assert short[label] in text
    assert text.count("…") == 1, "but the prompt"
    assert "✗ unparsed " in text or "✗ ? " in text
    assert text.startswith("10000")
    heads = head_parts(shape, Sort("gold", True))
    assert sum(len(part) for part, _ in heads) == len(text) + 1
    assert [part.strip()[-1] for part, style in heads if style] == ["▾"]


def test_the_column_at_a_place_of_the_screen() -> None:
    shape = columns(160, ["one", "two"], short_labels(LABELS))
    heads = "".join(part for part, _ in head_parts(shape, Sort()))
    names = {name: title for name, title, _ in shape.all}
    for name, title in names.items():
        assert shape.at(heads.index(title)) == name
    assert shape.at(len(heads)) is None
