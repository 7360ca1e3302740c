"""Results to take along, as text for the clipboard or a file."""

import tomli_w

from routerlab.engine.lab.lab import Lab
from routerlab.tui.lab.sitting import Question
from routerlab.tui.lab.state import annotation, prompt_of


def result_text(lab: Lab, question: Question) -> str:
    """The question and every arm's answer, as TOML."""
    first = question.first
    state = annotation(lab, question)[1]
    head = {"case": first.case, "prompt": prompt_of(lab, first), "gold": first.gold}
    data: dict[str, object] = {k: v for k, v in {**head, "annotation": state.label}.items() if v is not None}
    data["trial"] = [
        t.model_dump(mode="json", exclude_none=True, exclude={"prompt", "gold", "case"})
        for t in question.trials.values()
    ]
    return tomli_w.dumps(data)
