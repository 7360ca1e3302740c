"""Everything a person can do on the tune screen."""

from routerlab.tui.actions.binding import Action

TUNE_ACTIONS: tuple[Action, ...] = (
    Action("tune_start", "t", "Tune", "Tune the chosen model", "Tune", "tune", footer=True),
    Action("tune_learn", "l", "Learn", "Let its router learn from annotations", "Tune", "tune", footer=True),
    Action("tune_cancel", "c", "Cancel", "Stop; what was read is kept", "Tune", "tune", footer=True),
    Action("tune_add", "a", "Add arm", "Add the new router to the lab", "Tune", "tune", footer=True),
    Action("tune_go", "enter", "Go on", "Add the new router, or tune", "Tune", "tune", palette=False),
    Action(
        "tune_down",
        "j",
        "Down",
        "Scroll the results",
        "Tune",
        "tune",
        call="tune_scroll(1)",
        palette=False,
    ),
    Action("tune_up", "k", "Up", "Scroll back", "Tune", "tune", call="tune_scroll(-1)", palette=False),
    Action(
        "tune_help",
        "f1,question_mark",
        "Help",
        "What can be done here",
        "Tune",
        "tune",
        footer=True,
        call="help",
    ),
    Action("tune_back", "escape", "Lab", "Back to the lab; a tuning goes on", "Tune", "tune", footer=True),
)
