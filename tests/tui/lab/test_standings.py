"""The standings, the rows of the question, the matrix and the sentence, as pure functions."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from routerlab.core.prediction import Latency, Status, Trial
from routerlab.core.taxonomy import short_labels
from routerlab.study.figures.gates import DEFAULT_GATES
from routerlab.study.figures.tally import RunningArm, Standing, standing
from routerlab.tui.lab.agreement import agreement
from routerlab.tui.lab.focus import answers_text
from routerlab.tui.lab.matrix import matrix_text
from routerlab.tui.lab.sitting import Question
from routerlab.tui.lab.standings import ORDERS, Order, in_order, standings_text
from routerlab.tui.lab.state import PanelView
from routerlab.tui.lab.times import sparkline, time_bar
from routerlab.tui.shared.layout import HISTORY, LEAST_HISTORY, View, places
from routerlab.tui.shared.palette import Palette
from tests.study.figures.harness import LABELS, answers

PALETTE = Palette("dim", "faint", "good", "bad", "warn", "accent", {})
PARTS = {"queue": 0.0, "tokenize": 1.0, "prefill": 60.0, "generate": 39.0}


NAMES = short_labels(LABELS)


def trial(arm: str, label: str | None = LABELS[0], status: Status = "ok", **more: object) -> Trial:
    facts = {"id": "t1", "at": "2026-11-28T08:00:00Z", "arm": arm, "prompt": "hi", "contended": False}
    shares = dict.fromkeys(LABELS, 1 / 6) if label else None
    return Trial.model_validate({**facts, "status": status, "label": label, "probabilities": shares, **more})


def view(name: str, answer: Trial | None = None) -> PanelView:
    return PanelView(name, "probe", "ready", None, "", None, "", "CPU", "CPU build", NAMES, answer, 1)


def stands(right: int, n: int, ms: float, cost: float | None = None, abstained: bool = False) -> Standing:
    arm = RunningArm()
    rows = answers("a", [i < right for i in range(n)], latency_ms=ms, cost=cost, parts_ms=PARTS)
    for i, row in enumerate(rows):
        arm.add(replace(row, abstained=abstained and i == 0))
    return standing(arm.counts(), DEFAULT_GATES)


ARMS = (
    (view("viable-arm"), stands(100, 100, 310.0, 0.002)),
    (view("slow-arm"), stands(100, 100, 3100.0, abstained=True)),
    (view("wrong-arm"), stands(30, 100, 90.0, 0.001)),
    (view("young-arm"), stands(12, 12, 200.0)),
    (view("new-arm"), None),
)


def table(
    width: int, order: Order = "added", arms: Sequence[tuple[PanelView, Standing | None]] = ARMS
) -> list[str]:
    return standings_text(arms, order, width, PALETTE).plain.split("\n")


@pytest.mark.parametrize("width", [78, 98, 118, 158, 198])
def test_a_line_an_arm_says_its_word_and_fits(width: int) -> None:
    head, *lines = table(width)
    words = ["✓ viable", "✗ not viable", "✗ not viable", "? undecided (60 more)", "ready, no answer yet"]
    assert all(word in line for word, line in zip(words, lines, strict=True))
    assert max(map(len, [head, *lines])) <= width
    assert "310 ms" in lines[0]
    assert "3.1 s" in lines[1]


def test_what_else_there_is_needs_room() -> None:
    head, viable, slow, *_ = table(198)
    assert "accuracy, gate .85" in head
    assert "P95, gate 2.0 s" in head
    assert "2 " in viable.split("310-310 ms")[1]
    assert "99%" in slow
    assert "prefill 60%" in viable
    assert "█" * 10 in viable
    assert "cost/1,000" not in table(78)[0]
    assert "cost" not in table(198, arms=ARMS[3:])[0], "nobody knows a price"


def test_the_bar_is_full_as_far_as_it_is_sure_and_shows_the_gate() -> None:
    young = table(198, arms=ARMS[3:4])[1]
    accuracy, p95 = (bar.split("┃") for bar in young.split("more)")[1].split("1.0 .76-1.0"))
    assert "▓" in accuracy[0]
    assert "█" in accuracy[0]
    assert "░" in p95[1], "twelve answers do not bound how high P95 may be"
    assert "█" in table(198)[1].split("┃")[1], "what is full beyond the gate has passed it"
    assert "█" not in accuracy[1]


def test_what_decides_is_bold_and_nothing_else_of_the_figures() -> None:
    text = standings_text(ARMS[1:3], "added", 98, PALETTE)
    bold = [text.plain[s.start : s.end].strip() for s in text.spans if str(s.style).startswith("bold ")]
    assert bold == ["✗ not viable", "3.1 s", "✗ not viable", ".30"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("added", ["viable", "slow", "wrong", "young", "new"]),
        ("verdict", ["viable", "young", "slow", "wrong", "new"]),
        ("accuracy", ["viable", "slow", "young", "wrong", "new"]),
        ("P95", ["wrong", "young", "viable", "slow", "new"]),
        ("cost", ["wrong", "viable", "slow", "young", "new"]),
    ],
)
def test_orders(order: Order, expected: list[str]) -> None:
    assert [arm.name.removesuffix("-arm") for arm, _ in in_order(ARMS, order)] == expected
    assert order in ORDERS


def test_a_fault_stands_in_the_line_of_the_figures() -> None:
    broken = replace(view("a"), phase="crashed", message="the worker was killed")
    assert "✗ crashed: the worker was killed" in table(78, arms=[(broken, ARMS[0][1])])[1]


def test_times_as_pictures() -> None:
    assert sparkline([1, 2, 4, 8], 3) == "▃▅█"
    assert sparkline([], 3) == ""
    bar = "".join(text for text, _ in time_bar(PARTS, 40, PALETTE))
    assert bar == "prefill 60% ░░░░░░░░░░░░generate 39% ▒▒▒"[: len(bar)]
    assert len(bar) == 40
    assert time_bar({}, 40, PALETTE) == []


@pytest.mark.parametrize("width", [57, 60, 78, 118])
def test_a_row_an_arm_of_the_question(width: int) -> None:
    right = trial("a", gold=LABELS[0], familiarity=0.001, latency_ms=Latency(total=1400.0))
    arms = [
        view("right", right),
        view("wrong", trial("b", LABELS[5], gold=LABELS[0], latency_ms=Latency(total=310.0))),
        view("unread", trial("c", None, "unparsed", gold=LABELS[0])),
        view("abstaining", trial("d", abstained=True)),
        view("waiting"),
    ]
    lines = answers_text(arms, NAMES, width, PALETTE).plain.split("\n")
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("✓ right")
    assert lines[0].endswith("unfamiliar   1.4 s")
    assert lines[1].startswith("✗ wrong")
    assert "generative" in lines[1]
    assert lines[1].endswith("310 ms")
    assert lines[2].startswith("✗ unread")
    assert "could not be" in lines[2]
    assert "default" in lines[3]
    assert "ready, no answer yet" in lines[4]


S, C, A = LABELS[2], LABELS[0], LABELS[4]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ([S], "a says CoT/simple"),
        ([S, S, S], "all 3 say CoT/simple"),
        ([S, S, S, C, A, "unparsed"], f"3 of 6 say CoT/simple, d {C}, e {A}; f could not be read"),
        ([S, S, C, C, C, A], f"3 of 6 say {C}, 2 CoT/simple, 1 {A}"),
        ([S, C], f"no two agree: a says CoT/simple, b {C}"),
        (["crashed", "timeout", "timeout"], "a crashed; b and c did not answer in time"),
        ([S, "unrouted"], "a says CoT/simple"),
        ([], ""),
    ],
)
def test_agreement_is_a_sentence(said: list[str], sentence: str) -> None:
    trials = {
        arm: trial(arm, one) if one in LABELS else trial(arm, None, one)  # type: ignore[arg-type]
        for arm, one in zip("abcdef", said, strict=False)
    }
    assert agreement(trials) == sentence
    names = NAMES
    shorter = agreement(trials, names)
    assert shorter == re.sub("|".join(LABELS), lambda found: names[found[0]], sentence)


def asked(n: int) -> list[Question]:
    return [
        Question(i + 1, {"a": trial("a", gold=LABELS[i % 2]), "b": trial("b", None, "unparsed")})
        for i in range(n)
    ]


def test_the_matrix_has_the_question_in_it_and_marks_it() -> None:
    lines = matrix_text(["a", "b", "c"], asked(12), 11, 80, 8, PALETTE).plain.split("\n")
    assert len(lines) == 4
    assert lines[0].split() == ["1", "12▼"]
    assert lines[1].split() == ["a", *"✓✗" * 6]
    assert lines[2].split() == ["b", *"?" * 12]
    assert lines[3].split() == ["c", *"·" * 12]


@pytest.mark.parametrize("at", [0, 500, 9_999])
@pytest.mark.parametrize(("width", "height"), [(78, 6), (198, 20)])
def test_the_matrix_of_many_shows_a_window(at: int, width: int, height: int) -> None:
    lines = matrix_text(["a", "b"], asked(10_000), at, width, height, PALETTE).plain.split("\n")
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert f"▼{at + 1}" in "\n".join(lines) or f"{at + 1}▼" in "\n".join(lines)


@pytest.mark.parametrize("room", [8, 13, 20, 26, 45])
@pytest.mark.parametrize("wanted", [None, True, False])
@pytest.mark.parametrize("shown", ["table", "card", "matrix"])
@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_history_keeps_its_room(width: int, shown: View, wanted: bool | None, room: int) -> None:
    plan = places(width, room, 6, shown, wanted)
    assert plan.beside <= width // 2
    assert not (plan.beside and plan.above)
    if shown == "table":
        assert plan.above <= room - (LEAST_HISTORY if wanted else HISTORY)
    assert plan.open == (wanted if wanted is not None else plan.open)
    if wanted is None and width == 160:
        assert plan.open == (shown != "card")
