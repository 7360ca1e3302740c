"""Plans over tiny models and a few tasks, carried out for real."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w

from routerlab.core.remote import Remote
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.worker.build import BuildInfo
from routerlab.resources import TAXONOMY
from routerlab.settings import Settings
from routerlab.study.outcome.check.sandbox import Sandbox
from routerlab.study.outcome.load import OutcomeFile
from routerlab.study.outcome.record import Outcome
from routerlab.study.outcome.run.begin import new_header, open_outcomes
from routerlab.study.outcome.run.plan import Plan, load_plan, places
from routerlab.study.outcome.run.run import Work, carry_out
from routerlab.study.outcome.task import Tasks, load_tasks
from routerlab.study.routing_table import Routes, load_routes
from tests.engine import tiny

LABELS = ("code/simple", "code/complex", "CoT/simple", "CoT/complex", "hybrid/agentic", "hybrid/generative")
SANDBOX = Sandbox("guard", "no code is run in these tests")
BUILD = BuildInfo(version="1", gpu=False, system_info="", devices=())
SETTINGS = Settings(threads=1, gpu_layers=0, annotator="ada")
IN, OUT = 2.0, 10.0
"""Prices per million tokens."""


def task(i: int, prompt: str = "", **more: Any) -> dict[str, Any]:
    told = {
        "id": f"T-{i:02}",
        "label": LABELS[i % 6],
        "difficulty": "easy",
        "prompt": prompt or f"Say the number {i}.",
        "reference": str(i),
        "wrong": ["no", "never"],
        "check": [{"kind": "number", "value": i}],
    }
    return told | more


def write(path: Path, data: dict[str, Any]) -> Path:
    path.write_text(tomli_w.dumps(data))
    return path


def tasks_file(folder: Path, tasks: Sequence[dict[str, Any]]) -> Path:
    told = {"schema_version": 1, "name": "few", "taxonomy": "front-door", "task": list(tasks)}
    return write(folder / "tasks.toml", told)


def plan_file(folder: Path, tasks: Sequence[dict[str, Any]], models: dict[str, str], **more: Any) -> Path:
    """A plan with its tasks and routing table; `models`: name -> a GGUF file, or remote:NAME."""
    routes = {
        "schema_version": 1,
        "name": "table",
        "taxonomy": "front-door",
        "currency": "USD",
        "date": "2026-11-28",
        "default": next(iter(models)),
        "model": [
            {
                "name": name,
                "tier": n,
                "hosting": "self-hosted",
                "input_per_million": IN,
                "output_per_million": OUT,
            }
            for n, name in enumerate(models, 1)
        ],
        "route": [{"label": la, "model": next(iter(models)), "output_tokens": 9} for la in LABELS],
    }
    told: dict[str, Any] = {
        "schema_version": 1,
        "name": "try",
        "tasks": str(tasks_file(folder, tasks)),
        "routes": str(write(folder / "routes.toml", routes)),
        "chat": {"max_tokens": 6, "context": 512},
        "model": [
            {"name": name, **({"remote": at[7:]} if at.startswith("remote:") else {"gguf": at})}
            for name, at in models.items()
        ],
    }
    chat = told["chat"] | more.pop("chat", {})
    return write(folder / "plan.toml", told | more | {"chat": chat})


def tiny_model(folder: Path, name: str = "a", seed: int = 0) -> str:
    return str(tiny.build(folder / f"{name}.gguf", "llama", tiny.TEMPLATES["chatml"], seed))


def loaded(
    path: Path, remotes: tuple[Remote, ...] = ()
) -> tuple[Plan, Tasks, Routes, dict[str, Path | Remote]]:
    plan, taxonomy = load_plan(path), load_taxonomy(TAXONOMY)
    routes = load_routes(Path(plan.routes), taxonomy)
    return plan, load_tasks(Path(plan.tasks), taxonomy), routes, places(path, plan, routes, remotes)


def opened(
    path: Path, out: Path, remotes: tuple[Remote, ...] = (), resume: bool = True
) -> tuple[Work, OutcomeFile]:
    plan, tasks, routes, where = loaded(path, remotes)
    header = new_header(plan, tasks, routes, where, SETTINGS, BUILD, SANDBOX.words)
    return Work(plan, tasks, routes, where, SETTINGS, SANDBOX), open_outcomes(out, header, resume)[0]


Found = tuple[dict[tuple[str, str], Outcome], list[str], list[str]]
"""What a session has, the models that were given up, and what was said."""


async def carried_out(path: Path, out: Path, *remotes: Remote) -> Found:
    """The plan, carried out."""
    return await carry(*opened(path, out, remotes))


async def carry(work: Work, file: OutcomeFile) -> Found:
    """The work, carried out; the session is closed then."""
    said: list[str] = []
    with file:
        lost = await carry_out(work, file, said.append, lambda _: None)
        return dict(file.outcomes.of), lost, said
