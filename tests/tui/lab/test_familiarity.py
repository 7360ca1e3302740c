"""How familiar a prompt is, on panels at every density, in the dialog, and as what the history lists."""

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from routerlab.core.prediction import Prediction, Trial
from routerlab.core.taxonomy import short_labels
from routerlab.engine.lab.lab import Lab
from routerlab.tui.lab.known import known
from routerlab.tui.lab.state import PanelView
from routerlab.tui.lab.text import panel_text
from routerlab.tui.shared.layout import Density, panel_height
from routerlab.tui.shared.palette import Palette
from tests.tui.harness import sitting
from tests.tui.lab.test_state import LABELS
from tests.tui.scripted import Bench

PALETTE = Palette("dim", "faint", "good", "bad", "warn", "accent", {})


def told(familiarity: float | None, abstained: bool | None = None) -> PanelView:
    trial = Trial.model_validate(
        {
            "id": "t1",
            "at": "2026-11-28T08:00:00Z",
            "arm": "a",
            "prompt": "hi",
            "status": "ok",
            "label": LABELS[0],
            "probabilities": dict.fromkeys(LABELS, 1 / 6),
            "familiarity": familiarity,
            "abstained": abstained,
            "contended": False,
        }
    )
    return PanelView(
        "a", "probe", "ready", None, "", None, "", "CPU 92 MiB", "CPU build", short_labels(LABELS), trial, 1
    )


def lines(view: PanelView, density: Density, width: int) -> list[str]:
    return panel_text(view, density, width, PALETTE).plain.split("\n")


@pytest.mark.parametrize(
    ("familiarity", "shown"),
    [(1.0, "familiar ██████"), (0.1, "unusual ▋░░░░░"), (0.001, "unfamiliar ░░░░░░")],
)
def test_a_word_and_a_bar(familiarity: float, shown: str) -> None:
    assert "".join(text for text, _ in known(told(familiarity).trial, 40, PALETTE)) == shown
    for density in ("split", "line"):
        assert shown in "\n".join(lines(told(familiarity), density, 78))


def test_a_full_panel_has_it_below_the_bars_of_labels_and_aligned() -> None:
    found = lines(told(0.5), "full", 40)
    (at,) = [i for i, line in enumerate(found) if line.startswith("familiar ")]
    assert found[at].index("█") == found[at - 1].index("█")
    assert found[at].rstrip().endswith(".50")
    assert at == next(i for i, line in enumerate(found) if line.startswith(LABELS[-1])) + 1


@pytest.mark.parametrize(
    ("density", "width"),
    [(d, w) for d in ("full", "dense", "brief") for w in (26, 40, 78)]
    + [(d, w) for d in ("split", "line") for w in (60, 78, 97)],
)
def test_it_takes_no_line_and_no_column_more(density: Density, width: int) -> None:
    without, found = lines(told(None), density, width), lines(told(0.01, True), density, width)
    border = 0 if density in ("split", "line") else 2
    assert len(found) == len(without) == panel_height(density, 6) - border
    assert max(map(len, found)) <= width


@pytest.mark.parametrize(
    ("width", "shown"), [(40, "unfamiliar ▏░░░░░"), (14, "unfamiliar ░░░"), (11, "unfamiliar"), (9, "")]
)
def test_what_does_not_fit_is_left_out(width: int, shown: str) -> None:
    assert "".join(text for text, _ in known(told(0.02 - 1e-9).trial, width, PALETTE)) == shown


@pytest.mark.parametrize("density", ["full", "dense", "brief", "split", "line"])
def test_an_abstained_answer_says_where_the_prompt_goes(density: Density) -> None:
    shown = "\n".join(lines(told(0.01, True), density, 60))
    assert "abstained → default" in shown
    assert "abstained" not in "\n".join(lines(told(0.01), density, 60))


def test_a_fault_shows_its_message_instead() -> None:
    view = replace(told(0.01), phase="crashed", message="the worker was killed")
    assert "unfamiliar" not in "\n".join(lines(view, "line", 78))


@pytest.mark.parametrize("width", [26, 28, 40])
def test_no_label_is_cut_in_a_panel(width: int) -> None:
    view = told(0.01, True)
    assert view.trial is not None
    view = replace(view, trial=view.trial.model_copy(update={"label": LABELS[5], "abstained": None}))
    shown = lines(view, "full", width)
    assert not [line for line in shown if "…" in line and "read" not in line]
    assert any(line.startswith(("generative ", "hybrid/generative ")) for line in shown)


UNFAMILIAR = ("asdfgh", "hi")


def answered(lab: Lab, trials: int) -> bool:
    return len(lab.session.trials) == trials


def tell(made: Bench, unfamiliar: Collection[str] = UNFAMILIAR) -> None:
    """Make the arms say how familiar prompts are: those named are not, and are abstained from."""
    answer = made.script.answer

    def said(arm: str, contract: str, prompt: str) -> Prediction:
        known = {"familiarity": 0.003, "abstained": True} if prompt in unfamiliar else {"familiarity": 0.7}
        return answer(arm, contract, prompt).model_copy(update=known)

    made.script.answer = said  # type: ignore[method-assign]


async def test_a_panel_of_thirty_columns_has_the_word_in_its_border(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=4, size=(120, 28), prepare=tell, view="card") as s:
        s.lab.ask("hi")
        await s.until(partial(answered, s.lab, 4), "the answers")
        await s.shows("score · #1 · unfamiliar ─", "json · #1 · unfamiliar")


async def test_the_history_lists_only_what_is_unfamiliar(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=2, prepare=tell) as s:
        await s.pilot.press("escape", "U")
        await s.shows("no question fits: x lists all again")
        await s.pilot.press("x")
        for i, prompt in enumerate(("hi", "Sort a list in Go.", "asdfgh", "Why is the sky blue?"), 1):
            s.lab.ask(prompt)
            await s.until(partial(answered, s.lab, 2 * i), "the answers")
        await s.until(lambda: s.table.row_count == 4 and not s.screen._dirty, "the rows")
        await s.pilot.press("U")
        await s.until(lambda: s.table.row_count == 2 and s.table.cursor_row == 1, "the two rows")
        assert s.screen.question is s.screen.sitting.questions[2]
        await s.shows("looking at #3", "[unfamiliar]", "2 of 4", "abstained → default")
        await s.pilot.press("k")
        await s.until(lambda: s.screen.question is s.screen.sitting.questions[0], "the first")
        await s.pilot.press("1")
        await s.shows("looking at #1", "you code/simple")
        await s.pilot.press("enter")
        await s.shows("Question #1", "unfamiliar", "familiarity 0.003", "abstained → default · ")
        await s.pilot.press("escape")
        s.lab.ask("asdf again")
        s.lab.ask("hi")
        await s.until(lambda: len(s.lab.session.trials) == 12, "the answers")
        await s.until(lambda: not s.screen._dirty, "the drawing")
        assert s.screen.question is s.screen.sitting.questions[0]
        await s.pilot.press("escape")
        await s.until(lambda: s.table.row_count == len(s.screen.sitting.questions), "all rows")
        assert s.screen.looking is None
        await s.shows("live #")


async def test_a_sent_prompt_leads_back_to_all(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1, prepare=tell) as s:
        s.lab.ask("hi")
        await s.until(lambda: s.table.row_count == 1 and not s.screen._dirty, "the row")
        await s.pilot.press("escape", "U")
        await s.shows("[unfamiliar]", "1 of 1")
        await s.pilot.press("tab")
        await s.type("Sort")
        await s.pilot.press("enter")
        await s.until(lambda: s.table.row_count == 2 and s.screen.looking is None, "both rows")
        assert "[unfamiliar]" not in s.picture()
