"""What an action is, those that every page has, and the key bindings that are made of them."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from textual.binding import Binding, BindingType

Group = str
"""The heading in help under which an action stands."""
Place = str
"""The widget or screen that must have the focus for the keys to work; "lab": any of its."""

LABEL_KEYS = 9
THEME = "Choose the colours; the ansi themes use the terminal's own"
COMMANDS = "Search every command (also ctrl+p)"


@dataclass(frozen=True)
class Action:
    """`id` is also the key binding's id in the settings; `call` the action method of the screen.

    `keys` are alternatives, the first is shown. `place` is the widget that must have the focus for
    the keys to work ("lab": any; letters still type while the prompt line has it). `nth` is the index of
    the label that a label's key puts on something.
    """

    id: str
    keys: str
    label: str
    help: str
    group: Group
    place: Place
    footer: bool = False
    call: str = ""
    palette: bool = True
    nth: int | None = None

    @property
    def method(self) -> str:
        """What Textual runs, for example `annotate(0)`."""
        return self.call or self.id


class Actions(NamedTuple):
    """What can be done on a screen, and the headings of its help in order."""

    all: tuple[Action, ...]
    groups: tuple[Group, ...]


def load(name: str) -> Actions:
    """The actions of NAME.toml in this folder: a line each, `place` that of the file unless they say another.

    `labels` stands for the keys that put a label on something, `leave` for what every page has besides.
    """
    table = tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))
    found: list[Action] = []
    for row in table["action"]:
        if "labels" in row:
            found += _label_keys(row["labels"], table["place"])
        elif "leave" in row:
            found += _page_actions(table["place"], row["leave"], row.get("footer", True))
        else:
            found.append(Action(**{"place": table["place"]} | row))
    return Actions(tuple(found), tuple(table["groups"]))


def _label_keys(what: str, place: Place) -> Iterator[Action]:
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
            nth=n - 1,
        )


def _page_actions(place: Place, leave: str, footer: bool) -> tuple[Action, ...]:
    """What a page of its own has: help, pictures, colours, commands, and the way out, which `leave` tells;
    `footer`: it stands in the footer."""
    return (
        Action("help", "f1,question_mark", "Help", "What can be done here", "Lab", place, footer=True),
        Action("screenshot", "w", "Screenshot", "Save the screen as an SVG picture", "Lab", place),
        Action("theme", "t", "Theme", THEME, "Lab", place, call="app.change_theme"),
        Action(
            "palette", "colon", "Commands", COMMANDS, "Lab", place, call="app.command_palette", palette=False
        ),
        Action("quit", "q,ctrl+q", "Quit", leave, "Lab", place, footer=footer, call="app.quit"),
    )


def bindings(place: Place, actions: tuple[Action, ...], first: bool = False) -> list[BindingType]:
    """The key bindings of the widget at `place`, with the actions' ids, by which settings change them;
    `first`: before those of the widget that has the focus."""
    labels = Binding.Group("Label", compact=True)
    return [
        Binding(
            a.keys,
            a.method,
            a.label,
            show=a.footer or a.nth is not None,
            tooltip=a.help,
            id=a.id,
            priority=first,
            group=None if a.nth is None else labels,
        )
        for a in actions
        if a.place == place
    ]
