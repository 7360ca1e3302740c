"""Session files of annotators, written as the lab writes them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from routerlab.core.prediction import Trial
from routerlab.core.session.file import SessionFile
from routerlab.core.session.session import Annotation, CaseRecord, Event
from tests.core.session.harness import AT, HEADER, trial

CODE, COT = "code/simple", "CoT/simple"


def saved(path: Path, *events: Event, **header: Any) -> Path:
    """A session file with these events; its id is the file's name."""
    made = HEADER.model_copy(update={"id": path.stem, **header})
    with SessionFile.create(path, made) as file:
        for event in events:
            file.append(event)
    return path


def prompt(case: str) -> CaseRecord:
    """The record of what an annotator saw as `case`."""
    return CaseRecord(id=case, prompt=f"Prompt {case}", source="line 1")


def said(case: str, label: str | None, who: str = "ada", at: int = 0, **more: Any) -> Annotation:
    """What somebody said of a case, `at` seconds after the session began."""
    when = AT + timedelta(seconds=at)
    return Annotation.model_validate(
        {"id": "a1", "at": when, "case": case, "label": label, "annotator": who} | more
    )


def answer(n: int, arm: str, label: str | None, *, at: int = 0, **more: Any) -> Trial:
    """What a model answered; "unparsed" without a label."""
    when = AT + timedelta(seconds=at)
    return trial(n, arm=arm, label=label, status="ok" if label else "unparsed", **{"at": when, **more})
