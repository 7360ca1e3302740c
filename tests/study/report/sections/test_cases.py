"""Every arm's answer to every case: what the page lists, and in which order."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from routerlab.study.figures.analysis import analyse
from routerlab.study.report.blocks import Cases
from routerlab.study.report.contents import sections
from routerlab.study.report.markdown import markdown
from routerlab.study.report.sections import cases as section
from routerlab.study.report.subject import Subject, load_subject
from tests.conftest import REPO
from tests.study.figures.harness import answers, log, row
from tests.study.report.harness import HOSTILE, Parsed, page_of, subject


def listed(one: Subject) -> Cases:
    found = section.cases(one)
    assert found
    (block,) = found.blocks
    assert isinstance(block, Cases)
    return block


def small() -> Subject:
    rows = [
        *answers("a", [True, True, False], probabilities={"code/simple": 0.75}),
        *answers("b", [True, False, False], latency_ms=1500.0),
        *answers("b", [True, True, False], latency_ms=500.0, repeat=2),
        row("typed by hand", "code/simple", "a", gold=None),
        row("c0", None, "control", status="unrouted"),
    ]
    prompts = {"typed by hand": "typed by hand"}
    return Subject("s", Path("log.csv"), analyse(log(rows)), rows=rows, prompts=prompts)


def test_the_hardest_case_is_the_first_and_repeats_are_one_answer() -> None:
    block = listed(small())
    assert [(c.name, c.wrong, c.split) for c in block.cases] == [
        ("c2", (0, 1), False),
        ("c1", (1,), True),
        ("c0", (), False),
        ("", (), False),
    ]
    hardest, mixed, easy, typed = block.cases
    assert [(a.arm, a.text, a.mark) for a in hardest.answers] == [
        ("a", "CoT/complex", "fail"),
        ("b", "CoT/complex", "fail"),
    ]
    assert [block.labels[i] for i in hardest.labels] == ["CoT/simple", "CoT/complex"]
    said = {a.arm: (a.text, a.mark, a.note) for a in mixed.answers}
    assert said["b"] == ("CoT/simple (1), code/complex (1)", "undecided", "1000 ms")
    assert [(a.arm, a.text, a.mark, a.note) for a in easy.answers] == [
        ("a", "code/simple", "pass", "0.75 · 100 ms"),
        ("b", "code/simple", "pass", "1000 ms"),
        ("control", "unrouted", "", "100 ms"),
    ]
    assert (typed.prompt, typed.gold, typed.answers[0].mark) == ("typed by hand", "", "")


def test_only_so_many_are_listed_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section, "MOST", 6)
    block = listed(small())
    assert [case.name for case in block.cases] == ["c2", "c1"]
    assert block.caption.endswith("There are 4 cases; these are the first 2.")


def test_figures_alone_have_no_list_and_markdown_no_heading_for_it() -> None:
    assert section.cases(replace(small(), rows=())) is None
    assert "Every answer" in page_of(small())
    assert "Every answer" not in markdown("s", sections([small()]))


def test_a_session_and_a_log_have_their_answers(tmp_path: Path) -> None:
    session = load_subject(REPO / "sessions" / "example.toml", lambda _: None)
    assert len(session.rows) == session.analysis.trials
    assert listed(session).cases[0].prompt
    (tmp_path / "log.csv").write_text("case,arm,gold,label,latency_ms\nc1,a,code/simple,CoT/simple,12\n")
    found = listed(load_subject(tmp_path / "log.csv", lambda _: None))
    assert [(a.text, a.mark, a.note) for a in found.cases[0].answers] == [("CoT/simple", "fail", "12 ms")]


def test_what_strangers_wrote_is_text_in_the_list_too() -> None:
    rows = [row(HOSTILE, f"{HOSTILE}l", f"{HOSTILE}a", gold=f"{HOSTILE}g")]
    prompts = {HOSTILE: f'">{HOSTILE}'}
    html = page_of(Subject("s", Path("x"), analyse(log(rows, None)), rows=rows, prompts=prompts))
    within = html.partition('<details class="cases">')[2].partition("</details>")[0]
    parsed = Parsed(within)
    assert set(parsed.tags) == set(Parsed(page_of(subject())).tags) & set(parsed.tags)
    assert not parsed.tags["b"] + parsed.tags["script"]
    assert parsed.text.count("<script>alert(1)</script>") >= 6
    assert not re.search(r"[\x1b\u202e]", within)
