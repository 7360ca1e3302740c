"""What may be done where one may only look: the actions that ask, load and write nothing."""

import os

from textual.actions import ActionParseResult, parse

from routerlab.settings import READ_ONLY
from routerlab.tui.actions.registry import EVERY

LOOKS = frozenset(
    {
        *("help", "theme", "palette", "quit", "leave", "arm_above", "arm_below"),
        *("chips", "search", "filter_clear", "only_unfamiliar", "history_order"),
        *("selection_mark", "selection_range", "selection_all", "selection_none"),
        *("chip_move", "chip_turn", "chip_wrong", "search_keep", "search_drop"),
        *("view_question", "view_table", "view_card", "view_matrix", "standings_order"),
        *("results_switch", "results_verdict", "text_page_down", "text_page_up", "text_down", "text_up"),
        *("compare", "compare_cases", "compare_confusion", "compare_agreement", "compare_reliability"),
        *("compare_latency", "compare_next", "compare_back", "compare_a", "compare_b", "compare_swap"),
        *("compare_file", "compare_leave"),
    }
)
"""Ids of actions that only look. What is not here is refused, so that a new action is safe at first."""
_TEXTUALS = frozenset({"screenshot", "suspend_process"})
"""What Textual itself brings that writes, or leaves the app."""


def _name(action: str) -> str:
    """What is run, without its namespace and its parameters."""
    return parse(action)[1]


_CHANGES = _TEXTUALS | {_name(a.method) for a in EVERY if a.id not in LOOKS} - {
    _name(a.method) for a in EVERY if a.id in LOOKS
}


def refused(action: "str | ActionParseResult") -> bool:
    """Whether this app only shows and the action, as Textual writes it, does more than that."""
    name = _name(action) if isinstance(action, str) else action[1]
    return bool(os.environ.get(READ_ONLY)) and name in _CHANGES
