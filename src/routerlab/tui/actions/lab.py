"""Everything a person can do in the lab."""

from routerlab.tui.actions.binding import COMMANDS, THEME, Action, Group, label_keys

LAB_GROUPS: tuple[Group, ...] = ("Prompt", "History", "Annotate", "Replay", "Arms", "Keep", "Lab")

LAB_ACTIONS: tuple[Action, ...] = (
    Action("send", "enter", "Send", "Put the prompt to every arm", "Prompt", "prompt", footer=True),
    Action(
        "recall_older",
        "up",
        "Older prompt",
        "Bring back the prompt before",
        "Prompt",
        "prompt",
        call="recall(-1)",
        palette=False,
    ),
    Action(
        "recall_newer",
        "down",
        "Newer prompt",
        "Bring back the prompt after",
        "Prompt",
        "prompt",
        call="recall(1)",
        palette=False,
    ),
    Action(
        "newline", "ctrl+j", "New line", "Start another line in the prompt", "Prompt", "prompt", palette=False
    ),
    Action(
        "leave",
        "escape",
        "Switch",
        "From prompt to history; from a question to live; to the prompt",
        "Lab",
        footer=True,
    ),
    Action("help", "f1,question_mark", "Help", "What can be done where you are", "Lab", footer=True),
    Action(
        "next_place", "tab", "Next", "Move on: prompt, history, panels", "Lab", call="cycle(1)", palette=False
    ),
    Action(
        "previous_place",
        "shift+tab",
        "Previous",
        "Move back: prompt, panels, history",
        "Lab",
        call="cycle(-1)",
        palette=False,
    ),
    *label_keys("the selected question"),
    Action("annotate_undo", "u", "Undo", "Take back the latest annotation", "Annotate", footer=True),
    Action("annotate_skip", "s", "Skip", "Mark the selected question as skipped", "Annotate", footer=True),
    Action(
        "annotate_flag", "f", "Flag", "Mark the selected question for another look", "Annotate", footer=True
    ),
    Action("annotate_note", "n", "Note", "Write a note on the selected question", "Annotate", footer=True),
    Action(
        "view_prompt", "v,enter", "View", "Show the whole prompt and every answer", "History", footer=True
    ),
    Action(
        "select_next", "j,down", "Next question", "Select the question below", "History", call="select(1)"
    ),
    Action(
        "select_previous",
        "k,up",
        "Previous question",
        "Select the question above",
        "History",
        call="select(-1)",
    ),
    Action("go_live", "G,end", "Live", "Follow the newest answers again", "History"),
    Action(
        "replay_start",
        "r,f5",
        "Replay",
        "Put the corpus to every arm: all, errors, disagreements, a family",
        "Replay",
        footer=True,
    ),
    Action("replay_pause", "p,space,f8", "Pause", "Pause the replay, or go on", "Replay", footer=True),
    Action(
        "replay_step", "full_stop,f9", "Step", "While paused, ask one more question", "Replay", footer=True
    ),
    Action("replay_cancel", "c", "Cancel", "Stop the replay", "Replay", footer=True),
    Action("arm_add", "a,f2", "Add arm", "Add a model that is here, or any GGUF file", "Arms", footer=True),
    Action("arm_remove", "d", "Remove arm", "Stop an arm and take its panel away", "Arms"),
    Action("arm_restart", "R", "Restart arm", "Stop an arm and load it again", "Arms"),
    Action("arm_log", "l,f4", "Log", "What the arm's worker wrote", "Arms"),
    Action(
        "arm_next",
        "right",
        "Next arm",
        "Choose the panel to the right",
        "Arms",
        "panels",
        call="arm(1)",
        palette=False,
    ),
    Action(
        "arm_previous",
        "left",
        "Previous arm",
        "Choose the panel to the left",
        "Arms",
        "panels",
        call="arm(-1)",
        palette=False,
    ),
    Action(
        "result_copy", "y", "Copy result", "Copy the selected question's answers to the clipboard", "Keep"
    ),
    Action("result_save", "w", "Save result", "Save the selected question's answers to a TOML file", "Keep"),
    Action("screenshot", "S", "Screenshot", "Save the screen as an SVG picture", "Keep"),
    Action("tune", "T", "Tune", "Fit a router to labelled cases, or let one learn from annotations", "Lab"),
    Action("theme", "t", "Theme", THEME, "Lab"),
    Action("palette", "colon", "Commands", COMMANDS, "Lab", palette=False),
    Action("quit", "q,ctrl+q", "Quit", "Stop the models and leave (also ctrl+c twice)", "Lab"),
)
