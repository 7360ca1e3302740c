"""What a peer is told and what it says: plain records, without any library that a peer is made with."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from routerlab.core.prediction import Record
from routerlab.core.taxonomy import Taxonomy

PeerKind = Literal["chat", "grammar", "schema", "server", "encoder", "neighbours", "heuristics"]


class PeerSetup(Record):
    """First line to a peer: what to load, and how. `gpu_layers` -1 means all.

    `encoder` is a sentence-transformers model, a folder or a name on the hub; `examples` are (prompt, label)
    to fit to: never any that will be asked.
    """

    kind: PeerKind
    model: Path
    taxonomy: Taxonomy
    n_ctx: int
    threads: int
    gpu_layers: int
    encoder: str = ""
    examples: tuple[tuple[str, str], ...] = ()


class PeerReady(Record):
    """A peer's first line: how much of its start it took to embed the examples and fit to them, or why it
    cannot be had here."""

    fit_s: float = 0.0
    error: str | None = None


class PeerReply(Record):
    """A peer's answer, or the `error` that its user would have got instead.

    `ms` is the time its user waited: the call and the reading of the answer.
    """

    ms: float = 0.0
    label: str | None = None
    answer: str = ""
    generated: int = 0
    error: str | None = None


Call = Callable[[str], PeerReply]
"""Prompt -> its answer, without the time."""


def fault(e: BaseException) -> str:
    """The exception in one line."""
    return " ".join(f"{type(e).__name__}: {e}".split())
