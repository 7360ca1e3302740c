"""What the arms make of a question together, as a sentence. Pure."""

from collections.abc import Iterable, Mapping

from routerlab.core.prediction import Status, Trial
from routerlab.core.text import printable

FAULTS: dict[Status, str] = {
    "unparsed": "could not be read",
    "refused": "refused",
    "crashed": "crashed",
    "timeout": "did not answer in time",
    "cancelled": "was cancelled",
}
"""What an arm did that gave no label, as words behind its name. "unrouted" is not asked for one."""
SHOWN = 2
"""Arms that are named with what they said, instead of counted."""


def agreement(trials: Mapping[str, Trial], short: Mapping[str, str] | None = None) -> str:
    """ "4 of 6 say CoT/simple, phi code/simple; qwen:json could not be read"; empty without a voter.
    Labels go by their names in `short`."""
    asked = {arm: trial for arm, trial in trials.items() if trial.status != "unrouted"}
    by_label: dict[str, list[str]] = {}
    by_fault: dict[Status, list[str]] = {}
    for arm, trial in asked.items():
        if trial.label is not None:
            name = (short or {}).get(trial.label, trial.label)
            by_label.setdefault(printable(name), []).append(printable(arm))
        else:
            by_fault.setdefault(trial.status, []).append(printable(arm))
    said = sorted(by_label.items(), key=lambda item: -len(item[1]))
    faults = [f"{_and(arms)} {FAULTS.get(status, status)}" for status, arms in by_fault.items()]
    return "; ".join([*([_said(said, len(asked))] if said else []), *faults])


def _said(said: list[tuple[str, list[str]]], asked: int) -> str:
    label, arms = said[0]
    if len(arms) == asked:
        return f"{arms[0]} says {label}" if asked == 1 else f"all {asked} say {label}"
    if len(arms) == 1:
        who = [f"{arms[0]} says {label}", *(f"{others[0]} {other}" for other, others in said[1:])]
        return ("no two agree: " if len(said) > 1 else "") + ", ".join(who)
    rest = said[1:]
    if sum(len(others) for _, others in rest) <= SHOWN:
        more = [f"{_and(others)} {other}" for other, others in rest]
    else:
        more = [f"{len(others)} {other}" for other, others in rest]
    return ", ".join([f"{len(arms)} of {asked} say {label}", *more])


def _and(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
