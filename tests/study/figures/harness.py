"""Rows made up for tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from routerlab.study.figures.arm import Source
from routerlab.study.figures.rows import Log, Row

LABELS = ("code/simple", "code/complex", "CoT/simple", "CoT/complex", "hybrid/agentic", "hybrid/generative")
FAMILIES = {label: label.split("/")[0] for label in LABELS}


def row(case: str = "c1", label: str | None = "code/simple", arm: str = "a", **more: Any) -> Row:
    """An answer to a case whose gold is code/simple, unless said otherwise."""
    facts: dict[str, Any] = {
        "repeat": 1,
        "gold": "code/simple",
        "status": "unparsed" if label is None else "ok",
        "latency_ms": 100.0,
    }
    return Row(arm=arm, case=case, label=label, **{**facts, **more})


def answers(arm: str, right: Sequence[bool], **more: Any) -> list[Row]:
    """One row a case c0, c1, ...: the gold label goes round, a wrong answer is the next label."""
    found = []
    for i, good in enumerate(right):
        gold = LABELS[i % len(LABELS)]
        label = gold if good else LABELS[(i + 1) % len(LABELS)]
        found.append(row(f"c{i}", label, arm, **{"gold": gold, **more}))
    return found


def log(rows: Sequence[Row], families: Mapping[str, str] | None = FAMILIES) -> Log:
    """The rows as if they had been read from a file."""
    return Log(tuple(rows), families or {}, Source(path="log.csv", format="csv"))
