"""Each family of checks: what is right in other words passes, and what is nearly right does not."""

import pytest
from pydantic import TypeAdapter

from routerlab.core.errors import LabError
from routerlab.study.outcome.check.choice import choice_of
from routerlab.study.outcome.check.facts import check_facts, check_regex
from routerlab.study.outcome.check.json import check_json
from routerlab.study.outcome.check.number import check_number, number_of
from routerlab.study.outcome.check.rhyme import rhymes, syllables
from routerlab.study.outcome.check.text import check_text
from routerlab.study.outcome.task import FactsCheck, JsonCheck, NumberCheck, RegexCheck, TextCheck

POEM = """\
The cat sat down upon the mat,
And looked up at the moon.
It wore a small and silly hat,
And sang a little tune."""


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("The total is $1,234.50.", 1234.5),
        ("1 234 567", 1234567),
        ("12.500 €", 12500),
        ("1 234\u2019567", 1234567),
        ("7 234\u00a0567", 234567),
        ("3,5", 3.5),
        ("1.234.567,89", 1234567.89),
        ("25 %", 0.25),
        ("25%", 25),
        ("3/4", 0.75),
        ("1 1/2 cups", 1.5),
        ("\\(\\frac{3}{4}\\)", 0.75),
        ("½", 0.5),
        ("6.02 × 10^23", 6.02e23),  # noqa: RUF001
        ("10⁵", 1e5),
        ("1.5e-3", 0.0015),
        ("\u22125", -5),
        ("10-12", 12),
        ("\\boxed{18}", 18),
        ("first 3, then **42**.", 42),
    ],
)
def test_numbers_are_read_as_people_write_them(answer: str, value: float) -> None:
    assert check_number(NumberCheck(kind="number", value=value), answer) == (1.0, "")


def test_a_number_is_the_one_after_a_word_if_that_is_there() -> None:
    assert number_of("Answer: 3*4 = 12 apples (not 5)", "answer:") == (12.0,)
    assert number_of("Answer: 1. Answer: **42**\n7", "Answer:") == (42.0,)
    assert number_of("7 and 8", "Answer:") == (8.0,)
    assert number_of("none") == ()


def test_a_number_is_right_within_its_tolerance_only() -> None:
    check = NumberCheck(kind="number", value=100, within=1, within_share=0.02)
    assert [check_number(check, text)[0] for text in ("102", "102.1", "98")] == [1.0, 0.0, 1.0]
    assert check_number(check, "90") == (0.0, "gives 90 instead of 100")


@pytest.mark.parametrize(
    ("answer", "options", "chosen"),
    [
        ("The answer is B.", "ABCD", "B"),
        ("A dog barks, so the answer: **(D)**", "ABCD", "D"),
        ("Option C is right. Option A is wrong.", "ABCD", "C"),
        ("A) x\nB) y\nThe correct choice is B) y", "ABCD", "B"),
        ("B) Paris", "ABCD", "B"),
        ("The answer is not B but C", "ABCD", "C"),
        ("Final answer: $\\boxed{B}$", "ABCD", "B"),
        ("A dog has a tail.", "ABCD", None),
        ("Valid or invalid? It is invalid.", ("valid", "invalid"), "invalid"),
        ("not enough\ninformation", ("yes", "no", "not enough information"), "not enough information"),
        ("Yes, as nobody knows.\n\nNo", ("yes", "no"), "no"),
        ("perhaps", ("yes", "no"), None),
        ("Answer: BERL\u0130N", ("Berlin", "Paris"), "Berlin"),
        ("Answer: Berl\u0131n", ("Berlin", "Paris"), "Berlin"),
    ],
)
def test_the_choice_is_what_the_answer_settles_on(
    answer: str, options: tuple[str, ...], chosen: str | None
) -> None:
    assert choice_of(answer, tuple(options)) == chosen


def test_patterns() -> None:
    assert check_regex(RegexCheck(kind="regex", pattern="^a+$"), " AA\n") == (1.0, "")
    assert check_regex(RegexCheck(kind="regex", pattern="a", case_sensitive=True), "A") == (0.0, "has no a")
    assert check_regex(RegexCheck(kind="regex", pattern="a", absent=True), "A") == (0.0, "has a")
    slow = check_regex(RegexCheck(kind="regex", pattern=r"(a|a|aa?)+\1$"), "a" * 5000 + "!")
    assert slow[0] == 0.0
    with pytest.raises(LabError, match="no regular expression"):
        check_regex(RegexCheck(kind="regex", pattern="("), "x")


def test_facts_are_whole_words_in_any_wording() -> None:
    check = FactsCheck(kind="facts", present=("mercury", ("isn't", "is not")), absent=("venus",))
    assert check_facts(check, "**Mercury**  isn\u2019t it") == (1.0, "")
    assert check_facts(check, "mercurys is\nnot") == (0.5, "does not say 'mercury'")
    assert check_facts(check, "Mercury is not Venus") == (0.0, "says 'venus'")
    assert check_facts(FactsCheck(kind="facts", present=("水星",)), "答えは水星です") == (1.0, "")


def test_json_counts_its_schema_and_its_values() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "array"}}}
    check = TypeAdapter(JsonCheck).validate_python(
        {"kind": "json", "schema": schema, "values": {"a.0.b": 1, "c": True}}
    )
    assert check_json(check, '{"a": [{"b": 1.0}], "c": true}') == (1.0, "")
    share, said = check_json(check, '{"a": 1, "c": 1}')
    assert share == 0.0
    assert said == "$.a: 1 is not of type 'array'; has no a.0.b; c is 1 instead of True"
    with pytest.raises(LabError, match="no JSON Schema"):
        check_json(JsonCheck(kind="json", schema={"type": "x"}), "{}")
    with pytest.raises(LabError, match="no JSON Schema"):
        check_json(JsonCheck(kind="json", schema={"$ref": "http://127.0.0.1:9/x"}), "{}")


RIGHT = [
    ({"words": (25, 25), "lines": (4, 4), "sentences": (2, 2), "paragraphs": (1, 1)}, POEM),
    (
        {"rhyme": "ABAB", "words_a_line": (5, 7), "acrostic": "TAIA", "starts": "the cat", "ends": "tune."},
        POEM,
    ),
    ({"syllables": (8, 6, 8, 6), "letters_absent": "xz"}, POEM),
    ({"rows": (1, 1), "columns": (2, 2), "header": ("a", "b")}, "|A|**b**|\n|-|-|\n|1|2|"),
    ({"items": (2, 2), "sections": ("One", "Two")}, "## 1. One\n- a\n\n**Two**\n- b"),
    ({"paragraphs": (2, 2), "sentences": (3, 3)}, "It costs 3.5 euros. Mr. X paid!\n \nA last one"),
]
WRONG = [
    ({"lines": (4, 4)}, POEM + "\nMore"),
    ({"rhyme": "AABB"}, POEM),
    ({"rhyme": "ABAB"}, "a cat\na moon\na cat\na tune"),
    ({"syllables": (8, 6, 8, 7)}, POEM),
    ({"syllables": (1,)}, "7"),
    ({"acrostic": "TAI"}, POEM),
    ({"letters_absent": "z"}, "Zoo"),
    ({"columns": (2, 2)}, "|a|b|\n|-|-|\n|1|2|3|"),
    ({"rows": (1, 1)}, "no table"),
    ({"header": ("b", "a")}, "|a|b|\n|-|-|\n|1|2|"),
    ({"sections": ("One", "Two")}, "# Two\n# One"),
    ({"words_a_line": (1, 2)}, "a b c"),
    ({"items": (3, 3)}, "- a\n- b"),
    ({"starts": "Dear"}, "Hello"),
    ({"ends": "The end."}, "The end. Or not"),
]


@pytest.mark.parametrize(("rules", "answer"), RIGHT)
def test_text_that_keeps_its_rules(rules: dict[str, object], answer: str) -> None:
    assert check_text(TextCheck.model_validate({"kind": "text", **rules}), answer) == (1.0, "")


@pytest.mark.parametrize(("rules", "answer"), WRONG)
def test_text_that_breaks_a_rule(rules: dict[str, object], answer: str) -> None:
    share, said = check_text(TextCheck.model_validate({"kind": "text", **rules}), answer)
    assert share == 0.0
    assert said.startswith(next(iter(rules)))


def test_verse() -> None:
    assert [syllables(line) for line in ("An old silent pond", "zorbling cake", "7 cats")] == [
        {5},
        {3},
        set(),
    ]
    assert 5 in syllables("the fire's warm glow")
    assert [rhymes("night", other) for other in ("bright,", "Night", "stone")] == [True, False, False]
    assert rhymes("zorbling", "blorbling")
