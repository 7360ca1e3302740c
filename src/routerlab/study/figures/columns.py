"""Which column of a log holds what. By default they are called as `routerlab sessions export` calls them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from routerlab.core.errors import LabError

PROBABILITY = "p:"
"""Columns such as "p:code/simple" hold the probability of that label."""
PROMPT = "prompt"
"""A row whose case is empty is about the prompt in this column: one that somebody typed."""


@dataclass(frozen=True)
class Columns:
    """Column names; None: the default, if the log has it. `repeat` may hold anything that tells repeats
    of a case apart, such as a request id. `error` says what went wrong where nothing else tells the status.
    A nested field has a dotted path, such as "response.usage.total_tokens". `answer` is the generated text,
    of which only the length
    is used, `chars` that length."""

    gold: str | None = None
    predicted: str | None = None
    arm: str | None = None
    case: str | None = None
    latency: str | None = None
    status: str | None = None
    error: str | None = None
    repeat: str | None = None
    contract: str | None = None
    confidence: str | None = None
    answer: str | None = None
    chars: str | None = None
    tokens_in: str | None = None
    tokens_out: str | None = None
    cost: str | None = None
    familiarity: str | None = None
    abstained: str | None = None


NEEDED = ("gold", "predicted", "arm", "case")
_DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "predicted": ("label", "predicted"),
    "latency": ("total_ms", "latency_ms", "latency_s", "latency_us", "latency_ns", "duration_ms", "latency"),
    "tokens_out": ("tokens_generated", "tokens_out"),
}


def resolve(
    path: Path, wanted: Columns, there: Iterable[str], needed: Collection[str] = NEEDED
) -> dict[str, str]:
    """What is needed -> the column that holds it; LabError that names what is missing and what there is.

    A column that was named must be there; of those that were not, the `needed` must. A column that
    was named for one thing is not taken for another.
    """
    known = list(there)
    taken = {getattr(wanted, field.name) for field in fields(wanted)}
    found: dict[str, str] = {}
    missing: list[str] = []
    for field in fields(wanted):
        named = getattr(wanted, field.name)
        usual = [name for name in _DEFAULTS.get(field.name, (field.name,)) if name not in taken]
        column = next((name for name in (usual if named is None else [named]) if name in known), None)
        if column is not None:
            found[field.name] = column
        elif named is not None or field.name in needed:
            option = f"--{field.name.replace('_', '-')}"
            missing.append(option if named is None else f"{option} {named!r}")
    if missing:
        raise LabError(
            f"{path}: no column for {', '.join(missing)}; name it with that option. "
            f"There are: {', '.join(known) or 'none'}"
        )
    return found
