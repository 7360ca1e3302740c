"""The five steps, as data: what is to be done, how it is seen that it was, what it means. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from routerlab.engine.lab.lab import Lab
from routerlab.tui.lab.sitting import Sitting

FEW = 6
"""Cases that are enough for a look at the standings."""


@dataclass(frozen=True)
class Seen:
    """What a sitting holds: typed prompts and cases that every arm answered, labels that a person gave, and
    whether a replay goes on."""

    typed: int = 0
    cases: int = 0
    labels: int = 0
    running: bool = False


@dataclass(frozen=True)
class Step:
    """`done` says of what a sitting held when the step began, and holds now, whether it was done. `prompt` is
    written into the prompt line when it begins, `case` is put to every arm. Words fit in four lines of 76."""

    title: str
    todo: str
    done: Callable[[Seen, Seen], bool]
    then: str
    prompt: str = ""
    case: str = ""


def _typed(before: Seen, now: Seen) -> bool:
    return now.typed > before.typed


STEPS = (
    Step(
        "A prompt, and who says what",
        "Press Enter: the prompt that stands in the line on top goes to every arm, which is a model and the "
        "way it is asked. Each says which kind of work the prompt asks for.",
        _typed,
        "A row an arm: its label, a bar as long as the label is probable, how usual such prompts are for the "
        "arm, and the time it took. No ✓ or ✗ yet: nobody has said which label is right.",
        prompt="write a regex for ISO dates",
    ),
    Step(
        "Who is right?",
        "This case of the corpus comes with its right label, the gold: ✓ has it, ✗ has not. It was made to "
        "mislead: a fantasy campaign, but read what is wanted. Escape leads to the history; there 1 to 6 put "
        "your own label on it (the footer and F1 name them).",
        lambda before, now: now.labels > before.labels,
        "Your label stands in the last column, and is saved already; u takes it back, n adds a note. Labels "
        "of people are what routers are fitted to, and measured by.",
        case="R60-053",
    ),
    Step(
        "Which arm is viable?",
        "In the history (Escape leads there), r and Enter put the sixty cases to every arm; c stops, a dozen "
        "will do. Watch the lines above: accuracy and P95 (95 of 100 answers are as quick), with ┃ where "
        "each must get to.",
        lambda before, now: now.cases >= before.cases + FEW and not now.running,
        "viable: accuracy surely above its ┃ and P95 surely below. █ is sure, ▓ was measured, ░ may be, at "
        "95 %. undecided (n more): so many more cases would tell. F then d lists where they disagree.",
    ),
    Step(
        "Your own prompt",
        "Escape leads back to the prompt line. Type what your users would ask, in your language, and press "
        "Enter. Whether an arm may guard your front door is to be seen on such prompts.",
        _typed,
        "unfamiliar, or a low bar? The arm was fitted to other prompts. Label some hundred of your own in "
        "Annotate (F4), and Tune (F7) fits an arm to them.",
    ),
)
"""All but the last, which is the end: what came out."""
LAST = "What came out"
TOTAL = len(STEPS) + 1


def seen(lab: Lab, sitting: Sitting) -> Seen:
    """What the sitting holds now."""
    whole = [q.first.case for q in sitting.questions if lab.arms and lab.arms.keys() <= q.trials.keys()]
    return Seen(
        typed=whole.count(None),
        cases=len(whole) - whole.count(None),
        labels=sum(said.label is not None for said in lab.session.annotations),
        running=lab.progress.phase != "idle",
    )
