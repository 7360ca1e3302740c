"""A child process that says what a test wants, in the words of `routerlab tune --progress json`."""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

from routerlab.tui.tune.process import Job, Tuning
from tests.conftest import PATIENCE_S

JOB = Job("tuning m.gguf", Path("/models/m.gguf"))
SAYS = "import json, sys, time\ndef say(**what): print(json.dumps(what), flush=True)\n"
ROWS = [
    ("json, zero-shot", 60, 0.40, 0.29, 0.53, 0.25, None, None, 912.0, 1404.0),
    ("score, zero-shot", 120, 0.52, 0.43, 0.61, 0.33, 1.31, 0.102, 371.2, 702.5),
    ("score + exemplars", 117, 0.61, 0.52, 0.69, 0.42, 1.10, 0.091, 380.9, 733.1),
    ("score + exemplars, debiased", 117, 0.66, 0.57, 0.74, 0.45, 0.98, 0.067, 380.9, 733.1),
    ("score + exemplars, calibrated", 117, 0.68, 0.59, 0.76, 0.47, 0.90, 0.051, 380.9, 733.1),
    ("probe", 396, 0.83, 0.79, 0.86, 0.71, 0.52, 0.031, 201.4, 388.8),
]
KEYS = ("method", "n", "accuracy", "low", "high", "hard", "log_loss", "ece", "p50", "p95")
CURVE = [(10, 0.41), (20, 0.52), (40, 0.60), (80, 0.69), (160, 0.76), (316, 0.82)]
RESULT = {
    "done": "routers/smollm2-135m.toml",
    "notes": ["saved and fresh answers of the finished probe: 120 of 120 alike", "[red]foreign\x1b[2J"],
    "rows": [dict(zip(KEYS, row, strict=True)) | {"cross_validated": True} for row in ROWS],
    "curve": [{"n": n, "accuracy": a, "low": a - 0.03, "high": a + 0.03} for n, a in CURVE],
    "learned": None,
}
LEARNED = {
    "added": 12,
    "before": 0.8,
    "after": 0.83,
    "changed": [
        {
            "prompt": "Prove that \x1b[2J[b]it[/b] halts",
            "gold": "CoT/complex",
            "before": "code/simple",
            "after": "CoT/complex",
        },
        {"prompt": "Rename x", "gold": "code/simple", "before": "code/simple", "after": "nonsense"},
    ],
}


def script(*lines: str) -> list[str]:
    """Arguments for a child that runs these lines."""
    return ["-c", SAYS + "\n".join(lines)]


def says(what: object) -> str:
    """A line that prints the result."""
    return f"print(json.dumps({what!r}), flush=True)"


def tuning(patience_s: float = 5.0) -> Tuning:
    made = Tuning(time.monotonic, patience_s)
    made.command = [sys.executable]
    return made


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 2 * PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)
