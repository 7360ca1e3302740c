"""What is compared, and what is said of it, as pure functions."""

from dataclasses import replace
from pathlib import Path

import pytest
from textual.theme import BUILTIN_THEMES

from routerlab.core.errors import LabError
from routerlab.core.statistics.paired import mcnemar
from routerlab.core.taxonomy import Taxonomy, load_taxonomy
from routerlab.resources import TAXONOMY
from routerlab.study.figures.analysis import analyse
from routerlab.study.figures.rows import Row
from routerlab.study.report import words as w
from routerlab.study.report.subject import Subject
from routerlab.tui.compare.sides import Side, first_two, paired
from routerlab.tui.compare.text import (
    agreed,
    agreement_text,
    cases_text,
    confusion_text,
    shade,
    sides_text,
    views_text,
)
from routerlab.tui.shared.contrast import mended
from routerlab.tui.shared.palette import Palette, palette
from tests.study.figures.harness import LABELS, answers, log, row
from tests.study.report.harness import HOSTILE, SHOWN

TAXA: Taxonomy = load_taxonomy(TAXONOMY)


def colours() -> Palette:
    theme = BUILTIN_THEMES["textual-dark"]
    return palette(mended(theme.to_color_system().generate(), theme.dark, theme.ansi), theme.ansi, TAXA)


def result(rows: list[Row], name: str = "one") -> Subject:
    prompts = {f"c{i}": f"Prompt {i}" for i in range(60)}
    return Subject(name, Path(f"{name}.toml"), analyse(log(rows)), rows=rows, prompts=prompts)


def two() -> Subject:
    """30 cases: x alone is right in 3, y alone in 9, neither in 2."""
    x = [i < 19 or i == 29 for i in range(30)]
    y = [i >= 3 and i not in (27, 28) for i in range(30)]
    return result([*answers("x", x), *answers("y", y)])


def test_the_cases_in_which_two_arms_differ_are_found() -> None:
    one = two()
    found = paired(Side(one, "x"), Side(one, "y"))
    kinds = [d.kind for d in found.differences]
    assert found.figures is not None
    assert (kinds.count("a"), kinds.count("b")) == (found.figures.only_a, found.figures.only_b) == (3, 8)
    assert [d.case for d in found.differences if d.kind == "a"] == ["c0", "c1", "c2"]
    text = cases_text(found, False, LABELS, 100, colours()).plain
    assert "30 cases in common: + 8 only b right   - 3 only a right" in text
    assert f"11 discordant: p {w.p_value(mcnemar(3, 8))}" in text
    assert "accuracy of b less that of a +0.167" in text
    assert "Prompt 19" in text
    turned = paired(Side(one, "y"), Side(one, "x"))
    assert turned.figures is not None
    assert turned.figures.difference == -found.figures.difference
    assert (turned.figures.low, turned.figures.high) == (
        -(found.figures.high or 0),
        -(found.figures.low or 0),
    )


def test_two_results_are_before_and_after() -> None:
    before = result(answers("x", [i % 2 == 0 for i in range(20)]), "monday")
    after = result(answers("x", [i % 4 != 0 for i in range(20)]), "tuesday")
    found = paired(Side(before, "x"), Side(after, "x"))
    assert found.figures is not None
    assert (found.figures.only_b, found.figures.only_a) == (10, 5)
    text = cases_text(found, True, LABELS, 100, colours()).plain
    assert "+ 10 better   - 5 worse" in text
    assert "+ got better: only b is right: 10 cases" in text
    assert "before x  in monday" in sides_text(Side(before, "x"), Side(after, "x"), 100, colours()).plain


def test_what_cannot_be_compared_is_said() -> None:
    one = result(answers("x", [True]))
    with pytest.raises(LabError, match="takes two arms"):
        first_two(one)
    other = result([row("c0", "CoT/simple", "y", gold="CoT/simple")])
    with pytest.raises(LabError, match="two gold labels"):
        paired(Side(one, "x"), Side(other, "y"))
    apart = result([row("elsewhere", "CoT/simple", "y")])
    text = cases_text(paired(Side(one, "x"), Side(apart, "y")), True, LABELS, 80, colours()).plain
    assert "0 cases in common; there is nothing to compare." in text


def test_figures_alone_and_answers_without_gold() -> None:
    bare = replace(two(), rows=())
    found = paired(Side(bare, "x"), Side(bare, "y"))
    assert "which cases differ is not in it" in cases_text(found, False, LABELS, 80, colours()).plain
    assert agreed(bare) == agreed(two())
    rows = [row("c1", "code/simple", "x", gold=None), row("c1", "CoT/simple", "y", gold=None)]
    one = result(rows)
    text = cases_text(paired(Side(one, "x"), Side(one, "y")), False, LABELS, 80, colours()).plain
    assert "1 case in common; of them, none has a gold label." in text
    assert "? different labels" in text


def test_hostile_words_do_not_reach_the_terminal() -> None:
    rows = [row(HOSTILE, "code/simple", f"{HOSTILE}x"), row(HOSTILE, "CoT/simple", f"{HOSTILE}y")]
    one = replace(result(rows), prompts={HOSTILE: HOSTILE})
    a, b = first_two(one)
    p = colours()
    for text in (
        cases_text(paired(a, b), False, LABELS, 160, p),
        sides_text(a, b, 160, p),
        confusion_text(a, "a", 160, p),
        agreement_text([a.arm, b.arm], agreed(one), 160, p),
    ):
        assert "\x1b" not in text.plain
        assert "\u202e" not in text.plain
    assert SHOWN in sides_text(a, b, 300, p).plain


@pytest.mark.parametrize("width", [78, 158])
def test_grids_have_figures_and_signs_and_keep_their_width(width: int) -> None:
    one, p = two(), colours()
    text = confusion_text(Side(one, "x"), "a", width, p).plain
    assert "4✓" in text
    assert "1✗░" in text or "1✗▒" in text
    grid = agreement_text(["x", "y"], agreed(one), width, p).plain.splitlines()
    assert ".63▓" in grid[1]
    assert ".89█" in grid[2]
    views = [views_text(at, width, p).plain for at in range(5)]
    assert all("[" + str(at + 1) in line for at, line in enumerate(views))
    for line in (*text.splitlines(), *grid[:3], *views):
        assert len(line.rstrip()) <= width


def test_a_share_has_a_shade() -> None:
    assert [shade(x) for x in (0.0, 0.1, 0.3, 0.6, 0.8, 1.0)] == [" ", "░", "▒", "▓", "█", "█"]
