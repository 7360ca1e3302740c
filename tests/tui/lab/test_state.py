"""Pure parts of the screen: layout, texts, registry."""

import pytest
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys

from routerlab.core.taxonomy import short_labels
from routerlab.tui.actions.registry import LAB_ACTIONS
from routerlab.tui.lab.chips import ChipRow, SearchLine
from routerlab.tui.lab.history import columns
from routerlab.tui.lab.panels import Panels
from routerlab.tui.lab.prompt_line import PromptLine
from routerlab.tui.lab.screen import LabScreen
from routerlab.tui.shared.layout import layout, panel_height
from routerlab.tui.shared.text import (
    abbreviations,
    bar,
    duration,
    fit,
    fit_name,
    milliseconds,
    one_line,
    probability,
)
from tests.tui.harness import implemented

LABELS = ("code/simple", "code/complex", "CoT/simple", "CoT/complex", "hybrid/agentic", "hybrid/generative")


@pytest.mark.parametrize(
    ("width", "arms", "expected"),
    [(120, 1, 1), (120, 4, 4), (120, 6, 3), (200, 6, 6), (100, 3, 3), (100, 4, 2), (99, 4, 1), (80, 6, 1)],
)
def test_panels_wrap_to_two_rows_below_thirty_columns(width: int, arms: int, expected: int) -> None:
    assert layout(width, 60, arms, 6).columns == expected


@pytest.mark.parametrize("width", [80, 99, 100, 120, 200])
@pytest.mark.parametrize("room", [3, 12, 14, 20, 40])
@pytest.mark.parametrize("arms", range(1, 7))
def test_panels_never_take_more_than_their_room(width: int, room: int, arms: int) -> None:
    plan = layout(width, room, arms, 6)
    assert plan.rows <= max(room, plan.height)
    assert plan.height == panel_height(plan.density, 6)


@pytest.mark.parametrize("width", [80, 99, 100, 120, 160, 200])
@pytest.mark.parametrize("arms", range(1, 7))
def test_history_columns_fit_the_terminal(width: int, arms: int) -> None:
    shape = columns(width, [f"arm{i}" for i in range(arms)], short_labels(LABELS))
    total = 5 + 7 + 5 + shape.prompt + 2 * shape.label + 3 + arms * (shape.label + 2) + shape.gap * (6 + arms)
    assert total <= width
    assert len(set(shape.short.values())) == 6


@pytest.mark.parametrize("width", [17, 12, 8, 6, 4, 2, 1])
def test_abbreviations_are_distinct_and_fit(width: int) -> None:
    short = abbreviations(short_labels(LABELS), width)
    assert len(set(short.values())) == 6
    assert all(len(text) <= width for text in short.values())


def test_one_line_is_safe_and_short() -> None:
    assert one_line("a\n b\x1b[2J", 40) == "a b\\x1b[2J"
    assert one_line("x" * 1_000_000, 10) == "x" * 9 + "…"
    assert one_line("日本語テキスト", 6) == "日本…"
    assert one_line("ab", 2) == "ab"


def test_numbers_as_people_read_them() -> None:
    assert [milliseconds(n) for n in (0.44, 9.94, 703.9, 21933)] == ["0.4 ms", "9.9 ms", "704 ms", "21.9 s"]
    assert milliseconds(None) == probability(None) == "-"
    assert [probability(p) for p in (0.0, 0.834, 0.999)] == [".00", ".83", "1.0"]
    assert [duration(s) for s in (8.9, 125, 3723)] == ["8 s", "2:05", "1:02:03"]
    assert fit_name("qwen2.5-coder-0.5b:json", 10) == "qwen2…json"
    assert fit_name("qwen", 6) == "qwen  "
    assert fit("日本語", 4) == "日… "
    assert [bar(f, 2) for f in (0, 0.25, 1, 7)] == ["  ", "▌ ", "██", "██"]


def test_every_action_has_a_key_that_all_terminals_send() -> None:
    for action in LAB_ACTIONS:
        keys = action.keys.split(",")
        plain = [
            k
            for k in keys
            if len(k) == 1
            or k in ("enter", "escape", "tab", "space", "up", "down", "left", "right", "end")
            or k in ("full_stop", "question_mark", "colon", "slash", "asterisk", "minus", "shift+tab")
            or (k.startswith("ctrl+") and len(k) == 6)
        ]
        assert plain, action.id
        assert not {"ctrl+enter", "shift+enter", Keys.ControlSpace.value} & set(keys)


def test_ids_are_unique_and_keys_do_not_clash() -> None:
    assert len({a.id for a in LAB_ACTIONS}) == len(LAB_ACTIONS)
    for place in ("lab", "prompt", "panels", "chips", "search"):
        keys = [k for a in LAB_ACTIONS if a.place == place for k in a.keys.split(",")]
        assert len(keys) == len(set(keys))


def test_every_action_is_implemented_and_bound() -> None:
    homes: dict[str, type[DOMNode]] = {
        "lab": LabScreen,
        "prompt": PromptLine,
        "panels": Panels,
        "chips": ChipRow,
        "search": SearchLine,
    }
    for action in LAB_ACTIONS:
        home = homes[action.place]
        assert implemented(action, home), action.id
        ids = {b.id for b in home.BINDINGS if isinstance(b, Binding)}
        assert action.id in ids
