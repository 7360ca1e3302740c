"""Outcome sessions by hand, for judges."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from routerlab.core.corpus import prompt_sha256
from routerlab.study.outcome.judge.question import TEMPLATE_SHA256
from routerlab.study.outcome.judge.record import JudgeHeader
from routerlab.study.outcome.load import OutcomeFile, Outcomes
from routerlab.study.outcome.record import ModelRecord, Outcome, OutcomeHeader, TaskRecord
from tests.study.outcome.harness import task, tasks_file

NOW = datetime(2026, 11, 28, tzinfo=UTC)
MODELS = ("small", "medium", "large")


def prompts(n: int) -> dict[str, str]:
    return {one["id"]: one["prompt"] for one in map(task, range(n))}


def session(folder: Path, scores: Sequence[Sequence[float]], models: Sequence[str] = MODELS) -> Outcomes:
    """s.toml, and its tasks.toml: what each model (column) scored on each task (row); all answers differ."""
    asked = prompts(len(scores))
    header = OutcomeHeader(
        schema_version=1,
        kind="outcomes",
        lab_version="0",
        created=NOW,
        name="by hand",
        taxonomy="front-door",
        source=str(tasks_file(folder, [task(i) for i in range(len(scores))])),
        model=tuple(ModelRecord(name=name) for name in models),
        task=tuple(TaskRecord(id=key, prompt_sha256=prompt_sha256(text)) for key, text in asked.items()),
    )
    with OutcomeFile.create(folder / "s.toml", header) as file:
        for key, row in zip(asked, scores, strict=True):
            for name, score in zip(models, row, strict=True):
                file.append(
                    Outcome(
                        at=NOW,
                        task=key,
                        model=name,
                        status="ok",
                        answer=f"{name} says {{this}} of {key}",
                        score=score,
                        checked=True,
                    )
                )
        return file.outcomes


def header(path: Path, judge: str = "j", seed: int = 0) -> JudgeHeader:
    """Of a judge of the session in `path`."""
    return JudgeHeader(
        schema_version=1,
        kind="judgements",
        lab_version="0",
        created=NOW,
        session=path.name,
        session_sha256=sha256(path.read_bytes()).hexdigest(),
        prompt_sha256=TEMPLATE_SHA256,
        seed=seed,
        judge=ModelRecord(name=judge),
    )
