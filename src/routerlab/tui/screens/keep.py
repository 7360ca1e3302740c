"""Results to take along: as text for the clipboard, as files."""

from datetime import datetime
from pathlib import Path

import tomli_w

from routerlab.core.errors import LabError
from routerlab.engine.lab import Lab
from routerlab.tui.sitting import Question
from routerlab.tui.state import annotation, prompt_of


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


def fresh_path(folder: Path, stem: str, suffix: str) -> Path:
    """A file in `folder` that is not there yet, named after the time."""
    base = f"routerlab-{stem}-{datetime.now():%Y%m%d-%H%M%S}"
    path = folder / f"{base}{suffix}"
    n = 1
    while path.exists():
        n += 1
        path = folder / f"{base}-{n}{suffix}"
    return path


def write(path: Path, text: str) -> None:
    """Write a new file; LabError when the disk refuses."""
    try:
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as e:
        raise LabError(f"{path}: cannot be written: {e.strerror}") from None
