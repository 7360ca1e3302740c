"""All actions of all screens: what the settings may give other keys to."""

from routerlab.tui.actions.binding import load

MODE_ACTIONS, MODE_GROUPS = load("modes")
LAB_ACTIONS, LAB_GROUPS = load("lab")
TUNE_ACTIONS, _ = load("tune")
ANNOTATE_ACTIONS, ANNOTATE_GROUPS = load("annotate")
RESULTS_ACTIONS, RESULTS_GROUPS = load("results")
TRIAL_ACTIONS, TRIAL_GROUPS = load("trial")
HOME_ACTIONS, HOME_GROUPS = load("home")
MODELS_ACTIONS, MODELS_GROUPS = load("models")
COMPARE_ACTIONS, COMPARE_GROUPS = load("compare")
TOUR_ACTIONS, TOUR_GROUPS = load("tour")
EVERY = (
    *MODE_ACTIONS,
    *LAB_ACTIONS,
    *TUNE_ACTIONS,
    *ANNOTATE_ACTIONS,
    *RESULTS_ACTIONS,
    *TRIAL_ACTIONS,
    *HOME_ACTIONS,
    *MODELS_ACTIONS,
    *COMPARE_ACTIONS,
    *TOUR_ACTIONS,
)
IDS = frozenset(action.id for action in EVERY)
"""Every id a settings file may give other keys to."""
