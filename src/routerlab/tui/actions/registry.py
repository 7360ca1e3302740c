"""All actions of all pages: what the settings may give other keys to."""

from routerlab.tui.actions.annotate import ANNOTATE_ACTIONS
from routerlab.tui.actions.lab import LAB_ACTIONS
from routerlab.tui.actions.results import RESULTS_ACTIONS
from routerlab.tui.actions.trial import TRIAL_ACTIONS
from routerlab.tui.actions.tune import TUNE_ACTIONS

EVERY = (*LAB_ACTIONS, *TUNE_ACTIONS, *ANNOTATE_ACTIONS, *RESULTS_ACTIONS, *TRIAL_ACTIONS)
IDS = frozenset(action.id for action in EVERY)
"""Every id a settings file may give other keys to."""
