"""The lists of actions of the pages: each is implemented, has keys of its own, and can be given others."""

import pytest
from textual.binding import Binding

from routerlab.tui.actions.binding import Action
from routerlab.tui.actions.registry import (
    ANNOTATE_ACTIONS,
    COMPARE_ACTIONS,
    IDS,
    RESULTS_ACTIONS,
    TRIAL_ACTIONS,
    TUNE_ACTIONS,
)
from routerlab.tui.annotate.screen import AnnotateScreen
from routerlab.tui.compare.screen import CompareScreen
from routerlab.tui.results.screen import ResultsScreen
from routerlab.tui.shared.page import Page
from routerlab.tui.trial.screen import TrialScreen
from routerlab.tui.tune.screen import TuneScreen
from tests.tui.harness import implemented


@pytest.mark.parametrize(
    ("place", "page", "actions"),
    [
        ("tune", TuneScreen, TUNE_ACTIONS),
        ("annotate", AnnotateScreen, ANNOTATE_ACTIONS),
        ("results", ResultsScreen, RESULTS_ACTIONS),
        ("trial", TrialScreen, TRIAL_ACTIONS),
        ("compare", CompareScreen, COMPARE_ACTIONS),
    ],
)
def test_every_action_is_implemented_and_bound_to_keys_of_its_own(
    place: str, page: type[Page], actions: tuple[Action, ...]
) -> None:
    keys = [key for action in actions for key in action.keys.split(",")]
    assert len(keys) == len(set(keys))
    assert len({action.id for action in actions}) == len(actions)
    ids = {b.id for b in page.BINDINGS if isinstance(b, Binding)}
    for action in actions:
        assert implemented(action, page), action.id
        assert action.place == place
        assert action.id in ids & IDS
