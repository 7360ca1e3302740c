"""Help for where the person is: the focused widget's keys first, then all the others."""

from collections.abc import Mapping, Sequence

from textual.content import Content
from textual.keys import format_key

from routerlab.core.taxonomy import Taxonomy
from routerlab.tui.annotate.actions import ANNOTATE_ACTIONS, ANNOTATE_GROUPS
from routerlab.tui.lab.actions import ACTIONS, GROUPS, TUNE_ACTIONS, Action, Group
from routerlab.tui.results.actions import RESULTS_ACTIONS, RESULTS_GROUPS
from routerlab.tui.shared.dialogs import Read
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import one_line
from routerlab.tui.trial.actions import TRIAL_ACTIONS, TRIAL_GROUPS

INTRO: dict[str, tuple[str, tuple[Group, ...]]] = {
    "prompt": (
        "You are in the prompt line: letters type. Escape or Tab goes to the history, where letters act.",
        ("Prompt",),
    ),
    "history": (
        "You are in the history: each line is a question. Letters act on the selected one; Escape goes back "
        "to live answers, then to the prompt line.",
        ("History", "Annotate"),
    ),
    "panels": (
        "You are in the panels: left and right choose an arm, which restart, remove and log then mean.",
        ("Arms",),
    ),
}
TUNE_INTRO = (
    "Tuning fits a router to labelled cases: it reads them with the model, in a process of its own. The lab "
    "goes on meanwhile, but what is timed then is slower. Tab goes from the models to the budget and on to "
    "the results."
)
TUNE_END: tuple[tuple[str, str], ...] = (
    ("\nAccuracy is on cases that had no part in fitting or choosing, with its 95 % interval.\n", ""),
    ("hard: accuracy on the hard cases   ECE: expected calibration error   P50 P95: latency\n", ""),
)
ANNOTATE_INTRO = (
    "Read the prompt, press the key of its label, and the same key or Enter to submit: the next one comes. "
    "Another label's key before that says that it also fits. A choice that you leave is kept as a draft."
)
RESULTS_INTRO = (
    "Every arm of a result, the most accurate first; choose one to see its gates, its confusion matrix and "
    "where its cases go wrong. The plot has a sign for each arm, which stands before its name in the table."
)
TRIAL_INTRO = (
    "A registered experiment, while it runs. Nothing here tells which answers are right, or could be read: "
    "outcomes before the end are a peek, which the protocol forbids, for who stops when they please loses "
    "the error rates that it promises. They come at its looks, and at the end. Times may be watched: no look "
    "decides by them, and an arm that cannot keep up has to be seen."
)
ANNOTATE_END = ("● chosen   + also fits   ⚑ flagged   ✓ ✗ against the gold label",)
RESULTS_END = (
    "✓ passes its gates   ✗ fails one   ? there are too few cases to decide",
    "The plot's lines are where the gates end; bars are intervals of accuracy.",
)
TRIAL_END = (
    "queued: sent, and waiting for a turn   timeout, crashed: without an answer   /min: of the last minute",
    "✓ ✗ ? a gate on latency so far   too few: the answers do not bound it yet",
    "P50 and P95 are what the protocol says: from when a session was due, or of the service alone.",
)
NAMES = {
    "escape": "Esc",
    "full_stop": ".",
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "shift+tab": "⇧Tab",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}


def keys_text(action: Action, keymap: Mapping[str, str]) -> str:
    """The action's keys as people write them, the settings' own keys included."""
    keys = keymap.get(action.id, action.keys).split(",")
    return " ".join(NAMES.get(key.strip(), format_key(key.strip())) for key in keys)


def help_screen(where: str, keymap: Mapping[str, str], taxonomy: Taxonomy, p: Palette) -> Read:
    """The help that fits `where`: "prompt", "history" or "panels"."""
    intro, first = INTRO.get(where, INTRO["prompt"])
    parts: list[tuple[str, str]] = [(intro + "\n", "")]
    for group in (*first, *(g for g in GROUPS if g not in first)):
        parts.append((f"\n{group}\n", f"bold {p.accent}"))
        parts += _group([a for a in ACTIONS if a.group == group], keymap, taxonomy, p)
    parts += [
        ("\nSigns\n", f"bold {p.accent}"),
        ("✓ ✗ against the gold label   ◂ the gold label when another was predicted   ⚑ flagged\n", ""),
        ("mass: the probability that the model writes any label at all   tok: evaluated+cached\n", ""),
    ]
    return Read("Help", Content.assemble(*parts))


def tune_help(keymap: Mapping[str, str], taxonomy: Taxonomy, p: Palette) -> Read:
    """The help of the tune screen."""
    return Read(
        "Help", Content.assemble(TUNE_INTRO + "\n\n", *_group(TUNE_ACTIONS, keymap, taxonomy, p), *TUNE_END)
    )


def annotate_help(keymap: Mapping[str, str], taxonomy: Taxonomy, p: Palette) -> Read:
    """The help of the annotate screen."""
    return _page_help(ANNOTATE_INTRO, ANNOTATE_GROUPS, ANNOTATE_ACTIONS, ANNOTATE_END, keymap, taxonomy, p)


def results_help(keymap: Mapping[str, str], taxonomy: Taxonomy, p: Palette) -> Read:
    """The help of the results screen."""
    return _page_help(RESULTS_INTRO, RESULTS_GROUPS, RESULTS_ACTIONS, RESULTS_END, keymap, taxonomy, p)


def trial_help(keymap: Mapping[str, str], taxonomy: Taxonomy, p: Palette) -> Read:
    """The help of the trial screen."""
    return _page_help(TRIAL_INTRO, TRIAL_GROUPS, TRIAL_ACTIONS, TRIAL_END, keymap, taxonomy, p)


def _page_help(
    intro: str,
    groups: Sequence[Group],
    actions: Sequence[Action],
    signs: Sequence[str],
    keymap: Mapping[str, str],
    taxonomy: Taxonomy,
    p: Palette,
) -> Read:
    parts: list[tuple[str, str]] = [(intro + "\n", "")]
    for group in groups:
        parts.append((f"\n{group}\n", f"bold {p.accent}"))
        parts += _group([a for a in actions if a.group == group], keymap, taxonomy, p)
    parts.append(("\nSigns\n", f"bold {p.accent}"))
    parts += [(line + "\n", "") for line in signs]
    return Read("Help", Content.assemble(*parts))


def _group(
    actions: Sequence[Action], keymap: Mapping[str, str], taxonomy: Taxonomy, p: Palette
) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for action in actions:
        text = action.help
        if action.call.startswith("annotate("):
            index = int(action.call[9:-1])
            if index >= len(taxonomy.label):
                continue
            label = taxonomy.label[index]
            text = f"{label.name}: {one_line(label.cue, 60)}"
        lines += [(f"  {keys_text(action, keymap):<12}", "bold"), (text + "\n", p.dim)]
    return lines
