"""The report's page and its Markdown: what they say, that they stand alone, that foreign text stays text."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from routerlab.study.figures.analysis import analyse
from routerlab.study.report import words as w
from routerlab.study.report.blocks import Cell, Figure, Fold, Lines, Section, table
from routerlab.study.report.contents import apart, heading, sections
from routerlab.study.report.html import page
from routerlab.study.report.markdown import markdown
from routerlab.study.report.plots.characters import plot
from routerlab.study.report.plots.points import points, viable
from tests.study.figures.harness import LABELS, answers, log, row
from tests.study.report.harness import HOSTILE, SHOWN, Parsed, page_of, subject


@pytest.fixture(scope="module")
def html() -> str:
    return page_of(subject())


@pytest.fixture(scope="module")
def parsed(html: str) -> Parsed:
    return Parsed(html)


def test_the_page_has_every_section_and_its_figures(parsed: Parsed, html: str) -> None:
    titles = re.findall(r"<h2>(.*?)</h2>", html)
    assert titles == [
        "Verdict",
        "Accuracy against latency",
        "Gates",
        "Accuracy",
        "Labels and families",
        "Confusion",
        "Where cases go wrong",
        "Every answer",
        "Arms against each other",
        "Latency",
        "Cost",
        "Confidence",
        "Determinism",
        "Harmony and deviations",
        "Provenance",
    ]
    # scatter, boxes, a confusion matrix an arm, reliability of the one that claims a confidence
    assert parsed.tags["svg"] == 1 + 1 + 3 + 1
    assert set(re.findall(r'<li class="level2"><a href="#([^"]+)"', html)) <= set(parsed.ids)


def test_the_page_says_what_the_analysis_says(parsed: Parsed) -> None:
    analysis = subject().analysis
    assert analysis.by_name["good"].accuracy is not None
    assert "good ✓" not in parsed.text  # marks are the style's, not the text's
    assert "Viable (accuracy>=0.85, p95<=2000): good." in parsed.text
    assert "Not viable (accuracy>=0.85, p95<=2000): slow, wrong." in parsed.text
    for arm in analysis.arms:
        assert arm.accuracy
        assert arm.latency
        assert f"{arm.accuracy.value:.3f} {w.interval(*arm.accuracy.wilson)}" in parsed.text
        assert w.milliseconds(arm.latency.p95.value) in parsed.text
    for pair in analysis.pairs:
        line = f"{pair.a} & {pair.b} {pair.n} {pair.only_a} {pair.only_b} {w.p_value(pair.p)}"
        assert line in parsed.text
    assert "prices of 2026-11-24 in USD" in parsed.text
    assert "60 of 60" not in parsed.text.split("Determinism")[-1].split("Harmony")[0]
    assert "Prompt 10" in parsed.text


def test_arms_are_ranked_and_the_control_is_last() -> None:
    rows = [
        row("c0", None, "control", status="unrouted"),
        *answers("b", [False, True]),
        *answers("a", [True] * 2),
    ]
    one = replace(subject(), analysis=analyse(log(rows)), prompts={})
    text = Parsed(page_of(one)).text
    assert text.index(" a ") < text.index(" b ") < text.index(" control ")
    assert "Without an accuracy or a latency, and so not here: control." in text


def test_the_page_needs_nothing_else(parsed: Parsed, html: str) -> None:
    assert len(parsed.ids) == len(set(parsed.ids)), "an id stands twice"
    inner = [ref.removeprefix("#") for ref in parsed.references if ref.startswith("#")]
    assert set(inner) <= set(parsed.ids)
    assert [ref for ref in parsed.references if not ref.startswith("#")] == ["data:,"]
    assert not {"link rel=stylesheet", "img", "iframe", "object"} & set(parsed.tags)
    assert parsed.tags["script"] == 1
    assert "@import" not in html
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]


def test_figures_have_no_colours_of_their_own(html: str) -> None:
    figures = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert figures
    for figure in figures:
        assert not re.search(r"#[0-9a-fA-F]{6}\b", figure)
        assert "font-family" not in figure
        assert "var(--soft)" in figure
        assert set(re.findall(r"var\(--(\w+)\)", figure)) <= set(re.findall(r"--(\w+):", html))


def test_the_same_result_gives_the_same_bytes(html: str) -> None:
    script = "from tests.study.report.harness import *; print(ascii(page_of(subject())))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == ascii(html) + "\n"


def test_hostile_names_are_text_everywhere() -> None:
    html = page_of(subject(f"{HOSTILE}1", f"{HOSTILE}2", f"{HOSTILE}3"))
    parsed = Parsed(html)
    assert parsed.tags["script"] == 1, "ours"
    assert not parsed.tags["b"]
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert parsed.text.count(SHOWN) > 20
    assert "<script>alert(1)</script>" in parsed.text  # to be read, not to be run
    assert "{{ 7*7 }}" in parsed.text
    assert "$x^{1}$" in parsed.text  # no formula either


def test_hostile_labels_and_prompts_are_text_in_figures_and_tables() -> None:
    rows = [row(f"c{i}", "<b>$\x1b\u202e$", gold=HOSTILE) for i in range(5)]
    one = replace(subject(), analysis=analyse(log(rows, None)), rows=rows, prompts={"c1": HOSTILE * 200})
    html = page_of(one)
    parsed = Parsed(html)
    assert parsed.tags["script"] == 1, "ours"
    assert not parsed.tags["b"]
    assert "\x1b" not in html
    assert "&lt;b&gt;$\\x1b\\u202e$" in "".join(re.findall(r"<text.*?</text>", html))
    assert f"… ({len(HOSTILE) * 200:,} characters)" in parsed.text


def test_several_results_stand_side_by_side() -> None:
    other = replace(subject("x", "y", "z"), name="another")
    html = page_of(subject(), other)
    parsed = Parsed(html)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert "Side by side" in parsed.text
    assert "1 a result: good" in parsed.text
    assert "2 another: x" in parsed.text
    assert parsed.text.count("Where cases go wrong") == 4  # in the contents, and above the sections
    assert "Not measured alike" not in parsed.text
    settings = other.analysis.settings.model_copy(update={"percentile": "linear"})
    changed = replace(other, analysis=other.analysis.model_copy(update={"settings": settings}))
    assert apart([subject(), changed]) == ["another percentiles"]


@pytest.mark.parametrize(
    "rows",
    [
        answers("a", [True]),
        answers("a", [True, False], latency_ms=None),
        answers("a", [True, False], latency_ms=0.0),
        [row(f"c{i}", None) for i in range(3)],
        [row(f"c{i}", "code/simple", gold=None) for i in range(3)],
        [row(f"c{i}", None, "control", status="unrouted") for i in range(3)],
        [row(f"c{i}", f"label-{i % 50}", gold=f"label-{(i + i % 7) % 50}") for i in range(100)],
    ],
    ids=["one-case", "untimed", "no-time-at-all", "unparsed", "no-gold", "control", "fifty-labels"],
)
def test_results_that_lack_something_can_be_reported(rows: list[object]) -> None:
    one = replace(subject(), analysis=analyse(log(rows, None)), prompts={})  # type: ignore[arg-type]
    text = Parsed(page_of(one)).text
    assert "Verdict" in text
    assert "Provenance" in text
    assert "None" not in text.replace("None: the arms are alike", "")
    assert markdown("t", sections([one])).startswith("# t\n")
    assert isinstance(plot(one.analysis), str)


def test_notes_are_sorted_by_what_they_are() -> None:
    one = subject()
    notes = ("difference: threads: 1; 2", "leak: a: has seen it", "deviation: a: it broke", "a: is odd")
    one = replace(one, analysis=one.analysis.model_copy(update={"warnings": notes}))
    text = Parsed(page_of(one)).text.split("Harmony and deviations")[-1]
    assert "What the arms do not have in common threads: 1; 2" in text
    assert "What the arms have seen of the test a: has seen it" in text
    assert "What was not as planned a: it broke" in text
    assert "Notes on the figures a: is odd" in text


def test_markdown_has_the_same_tables_and_no_markup_of_others() -> None:
    one = subject(f"{HOSTILE}\n# 1", "slow", "wrong")
    text = markdown(*_parts(one))
    assert "\x1b" not in text
    for line in text.splitlines():
        if line.startswith("|"):
            bars = len(re.findall(r"(?<!\\)\|", line))
            assert bars >= 2
            assert not re.search(r"(?<!\\)[`<*]", line)
    accuracy = one.analysis.by_name["slow"].accuracy
    assert accuracy
    (line,) = [line for line in text.splitlines() if line.startswith("| slow | fail |")]
    assert f"| {accuracy.value:.3f} ({w.interval(*accuracy.wilson)}) |" in line
    assert re.search(r"^## Gates$", text, re.MULTILINE)


def _parts(one: object) -> tuple[str, list[Section], list[str]]:
    title, facts = heading([one])  # type: ignore[list-item]
    return title, sections([one]), facts  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("# no heading", "\\# no heading"),
        ("1. no list", "1\\. no list"),
        ("- no list", "\\- no list"),
        ("a|b", "a\\|b"),
        ("[x](y) <b> &amp; `c` *d* _e_ ~f~", "\\[x\\](y) \\<b> \\&amp; \\`c\\` \\*d\\* \\_e\\_ \\~f\\~"),
        ("two\nlines", "two lines"),
    ],
)
def test_markdown_escapes(text: str, written: str) -> None:
    assert markdown("t", [Section("s", (Lines((text,)),))]).splitlines()[-1] == written


def test_a_page_of_other_sections_can_be_made() -> None:
    """What a trial's report is to be made with."""
    figure = Figure("f", "says", lambda: "<svg></svg>", title="<t>", key=("<k>",))
    blocks = (table(("a", "b"), [("x", Cell("1", "note", "pass"))]), Fold("more", (Lines(("<l>",)),)), figure)
    html = page("<title>", [Section("Same", blocks), Section("Same", ())], ["<fact>"])
    parsed = Parsed(html)
    assert parsed.ids == ["same", "same-2"]
    assert parsed.text.count("<title>") == 2
    for words in ("<fact>", "<l>", "<t>", "<k>", "x 1 note"):
        assert words in parsed.text
    assert ("class", "mark pass") in parsed.attributes


def test_points_and_the_viable_region() -> None:
    one = subject()
    found = {point.name: point for point in points(one.analysis)}
    assert found["good"].viable == "pass"
    assert not found["good"].dominated
    assert found["slow"].p95 == 5002.0
    region = viable(("accuracy>=0.8", "accuracy>=0.9", "p95<=2000", "p95<1000", "p50<=1", "accuracy<=0.5"))
    assert (region.accuracy, region.p95) == (0.9, 1000.0)
    assert viable(("macro_f1>=0.5",)) == viable(())


def test_the_terminals_plot_has_a_sign_for_each_arm() -> None:
    text = plot(subject().analysis)
    assert "\x1b" not in text
    assert {"1 good", "2 slow", "3 wrong"} <= set(text.splitlines())
    top = text.split("accuracy against P95")[1]
    assert all(sign in top for sign in "123")
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("value", "text"), [(0.00002, "<0.0001"), (0.0, "0"), (0.01234, "0.0123"), (12.3, "12.3"), (None, "-")]
)
def test_money(value: float | None, text: str) -> None:
    assert w.money(value) == text


def test_labels_are_in_the_taxonomys_order_in_the_matrix(html: str) -> None:
    matrix = re.findall(r"<svg[^>]*>(?:(?!</svg>).)*r1-confusion-0(?:(?!</svg>).)*</svg>", html, re.DOTALL)[0]
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", matrix)
    assert [text for text in texts if text in LABELS][:6] == list(LABELS)
