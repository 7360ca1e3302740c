"""What was thought aloud is told from the answer. What remote servers leave in texts: remote/habits.py."""

import pytest

from routerlab.engine.contract.parse import LONGEST, read_answer, read_leniently
from routerlab.engine.contract.thought import Spoken, begins, is_mark, spoken

LABELS = ("yes", "no")
ANSWER = '{"label": "yes"}'


@pytest.mark.parametrize(
    "text",
    ["", "yes", ANSWER, f"Here: {ANSWER} <think>so</think>", '{"label": "<think>"}', "a < b > c", "}{"],
)
def test_a_text_without_thoughts_stays_as_it_is(text: str) -> None:
    assert spoken(text) == Spoken(text)


@pytest.mark.parametrize(
    ("prompt", "inside"),
    [
        ("<|im_start|>assistant\n<think>\n", True),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", False),
        ("[THINK]", True),
        ("<|im_start|>assistant\n", False),
        ("", False),
    ],
)
def test_a_template_may_begin_a_thought(prompt: str, inside: bool) -> None:
    assert begins(prompt) is inside


def test_a_thought_that_the_prompt_began_ends_where_it_says() -> None:
    thought = '{"label": "no"}? Hm.'
    assert read_answer(f"{thought}</think>{ANSWER}", LABELS, begun=True).parsed.label == "yes"
    read = read_answer(thought, LABELS, begun=True)
    assert (read.parsed.label, read.cut, read.thought) == (None, True, thought)
    assert read.parsed.error == "it was still reasoning when the answer ended"
    assert read_answer(f"<think>{thought}</think>{ANSWER}", LABELS, begun=True).parsed.label == "yes"


@pytest.mark.parametrize(
    ("token", "mark"),
    [("<think>", True), ("[/THINK]", True), ("<|channel|>", True), ("<|im_end|>", False), ("</s>", False)],
)
def test_special_tokens_that_mark_thoughts_are_read(token: str, mark: bool) -> None:
    assert is_mark(token) is mark


@pytest.mark.parametrize(
    "text",
    [
        "{" * 9000,
        "<think>" * 9000,
        "label: " * 9000,
        '{"label": ' * 9000,
        "x" * 10**6,
        " " * 10**6,
        "analysisA" + "assistantcommentary" * 9000,
    ],
)
def test_a_text_that_goes_on_and_on_is_read_in_no_time(text: str) -> None:
    """It is done at all: what tries every beginning with every end would not be."""
    assert read_answer(text, LABELS, "lenient").parsed.label is None


def test_a_lenient_reading_takes_the_outer_object_and_the_last_answer() -> None:
    assert read_leniently('{"label": "YES", "other": {"label": "no"}}', LABELS).label == "yes"
    assert read_leniently('{"label": "YES"} {"label": "No"}', LABELS).label == "no"
    assert read_leniently('{"label": ["yes"]}', LABELS).label == "yes"
    assert read_leniently('{"label": ["yes", "no"]}', LABELS).label is None
    assert read_leniently("Yes, the label cannot be told", LABELS).label is None
    assert read_leniently(" " * LONGEST + ANSWER, LABELS).label is None


def test_what_strict_reads_lenient_reads_alike() -> None:
    read = read_answer('{"label": "yes", "confidence": 0.5} {"label": "no"}', LABELS, "lenient")
    assert (read.parsed.label, read.parsed.confidence, read.strict) == ("yes", 0.5, True)
