"""Everything a person can do on the trial screen. What other screens have too has the same id here."""

from routerlab.tui.actions.binding import Action, Group, page_actions

TRIAL_GROUPS: tuple[Group, ...] = ("Trial", "Look", "Lab")

TRIAL_ACTIONS: tuple[Action, ...] = (
    Action(
        "trial_pause",
        "p,space",
        "Pause",
        "Send nothing, or go on; the pause is a deviation",
        "Trial",
        "trial",
        footer=True,
    ),
    Action(
        "trial_stop",
        "s",
        "Stop",
        "Stop, after a question; the same command goes on",
        "Trial",
        "trial",
        footer=True,
    ),
    Action(
        "text_down", "j,down", "Down", "Scroll the log", "Look", "trial", call="scroll_log(1)", palette=False
    ),
    Action("text_up", "k,up", "Up", "Scroll it back", "Look", "trial", call="scroll_log(-1)", palette=False),
    Action(
        "text_page_down",
        "d,pagedown",
        "Page down",
        "Scroll the log by a page",
        "Look",
        "trial",
        call="page_log(1)",
        palette=False,
    ),
    Action(
        "text_page_up",
        "e,pageup",
        "Page up",
        "Scroll it back by a page",
        "Look",
        "trial",
        call="page_log(-1)",
        palette=False,
    ),
    Action(
        "lanes_down",
        "right_square_bracket",
        "Arms down",
        "Scroll the arms, where there are more than fit",
        "Look",
        "trial",
        call="scroll_lanes(1)",
        palette=False,
    ),
    Action(
        "lanes_up",
        "left_square_bracket",
        "Arms up",
        "Scroll them back",
        "Look",
        "trial",
        call="scroll_lanes(-1)",
        palette=False,
    ),
    *page_actions("trial", "Stop, and leave (also ctrl+c twice)"),
)
