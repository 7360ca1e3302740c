"""Desks over made-up items and real session files."""

from collections.abc import Callable, Sequence
from pathlib import Path

from routerlab.annotate.desk.desk import Desk, Mode
from routerlab.annotate.desk.item import Opinion, QueueItem
from routerlab.annotate.desk.open import Wanted, open_desk
from routerlab.annotate.desk.source import Source
from routerlab.core.session.session import Pin
from routerlab.core.taxonomy import Taxonomy, load_taxonomy
from routerlab.resources import TAXONOMY

SIX = load_taxonomy(TAXONOMY)
A, B, C = SIX.labels[:3]


def items(n: int) -> list[QueueItem]:
    """n prompts about which two models and another annotator said something."""
    return [
        QueueItem(
            f"q-{i}",
            f"Prompt number {i}",
            f"line {i + 1}",
            gold=A,
            models={"small": (A, 0.7), "large": (A if i % 2 else B, 0.4)},
            people={"ben": Opinion(B, (C,), "I think")},
        )
        for i in range(n)
    ]


def source(of: Sequence[QueueItem]) -> Source:
    """The items as if read from a file."""
    return Source(Pin(name="made", path="made.txt", sha256="0" * 64), tuple(of), ())


def desk(
    path: Path,
    of: Sequence[QueueItem],
    mode: Mode = "blind",
    annotator: str = "ada",
    taxonomy: Taxonomy = SIX,
    now: Callable[[], float] | None = None,
) -> Desk:
    """An open desk that writes to `path`; close its file when done."""
    opened, _ = open_desk(source(of), Wanted(annotator, path, taxonomy, TAXONOMY, mode))
    return Desk(opened.items, opened.file, annotator, taxonomy, mode, now) if now else opened
