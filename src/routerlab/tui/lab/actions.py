"""Everything a person can do in the lab, once: keys, palette, footer and help all come from this list."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

Group = Literal[
    "Prompt", "History", "Annotate", "Replay", "Arms", "Keep", "Lab", "Tune", "Move", "Look", "Trial"
]
Place = Literal["lab", "prompt", "history", "panels", "tune", "annotate", "results", "trial"]

GROUPS: tuple[Group, ...] = ("Prompt", "History", "Annotate", "Replay", "Arms", "Keep", "Lab")
LABEL_KEYS = 9
THEME = "Choose the colours; the ansi themes use the terminal's own"
COMMANDS = "Search every command (also ctrl+p)"


@dataclass(frozen=True)
class Action:
    """`id` is also the key binding's id in the settings; `call` the action method of the screen.

    `keys` are alternatives, the first is shown. `place` is the widget that must have the focus for
    the keys to work ("lab": any; letters still type while the prompt line has it).
    """

    id: str
    keys: str
    label: str
    help: str
    group: Group
    place: Place = "lab"
    footer: bool = False
    call: str = ""
    palette: bool = True

    @property
    def method(self) -> str:
        """What Textual runs, for example `annotate(0)`."""
        return self.call or self.id


def label_keys(what: str, place: Place = "lab") -> Iterator[Action]:
    """The keys 1 to 9, which put a label on `what`."""
    for n in range(1, LABEL_KEYS + 1):
        yield Action(
            f"annotate_{n}",
            str(n),
            "Label",
            f"Put label {n} of the taxonomy on {what}",
            "Annotate",
            place,
            footer=n == 1,
            call=f"annotate({n - 1})",
        )


def page_actions(place: Place, leave: str, footer: bool = True) -> tuple[Action, ...]:
    """What a page of its own has: help, pictures, colours, commands, and the way out, which `leave` tells;
    `footer`: it stands in the footer."""
    return (
        Action("help", "f1,question_mark", "Help", "What can be done here", "Lab", place, footer=True),
        Action("screenshot", "w", "Screenshot", "Save the screen as an SVG picture", "Lab", place),
        Action("theme", "t", "Theme", THEME, "Lab", place),
        Action("palette", "colon", "Commands", COMMANDS, "Lab", place, palette=False),
        Action("quit", "q,ctrl+q", "Quit", leave, "Lab", place, footer=footer),
    )


ACTIONS: tuple[Action, ...] = (
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
"""The registry of the lab screen. Another screen adds its own tuple and passes it to `bindings`."""

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
    Action("tune_help", "f1,question_mark", "Help", "What can be done here", "Tune", "tune", footer=True),
    Action("tune_back", "escape", "Lab", "Back to the lab; a tuning goes on", "Tune", "tune", footer=True),
)
"""What can be done on the tune screen."""


def bindings(place: Place, actions: tuple[Action, ...] = ACTIONS) -> list[BindingType]:
    """The key bindings of the widget at `place`, with the actions' ids, by which settings change them."""
    labels = Binding.Group("Label", compact=True)
    return [
        Binding(
            a.keys,
            a.method,
            a.label,
            show=a.footer or a.id[-1].isdigit(),
            tooltip=a.help,
            id=a.id,
            group=labels if a.id[-1].isdigit() else None,
        )
        for a in actions
        if a.place == place
    ]
