"""Everything a person can do on the results screen. What other screens have too has the same id here."""

from routerlab.tui.actions.binding import Action, Group, page_actions

RESULTS_GROUPS: tuple[Group, ...] = ("Look", "Lab")

RESULTS_ACTIONS: tuple[Action, ...] = (
    Action("arm_below", "j,down", "Next arm", "Choose the arm below", "Look", "results", call="arm(1)"),
    Action("arm_above", "k,up", "Arm before", "Choose the arm above", "Look", "results", call="arm(-1)"),
    Action(
        "results_switch",
        "tab,enter",
        "Plot, arm",
        "Turn from the plot to the chosen arm, and back, where there is no room for both",
        "Look",
        "results",
        footer=True,
    ),
    Action(
        "results_verdict",
        "v",
        "Verdict",
        "Read the whole verdict, and what speaks against the figures",
        "Look",
        "results",
        footer=True,
    ),
    Action(
        "text_page_down",
        "d,pagedown",
        "Page down",
        "Scroll what is shown of the arm",
        "Look",
        "results",
        call="page_text(1)",
        palette=False,
    ),
    Action(
        "text_page_up",
        "e,pageup",
        "Page up",
        "Scroll it back",
        "Look",
        "results",
        call="page_text(-1)",
        palette=False,
    ),
    *page_actions("results", "Leave (also ctrl+c twice)"),
)
