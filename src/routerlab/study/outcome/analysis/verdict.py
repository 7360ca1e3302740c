"""The verdict on the open question: does right routing give better answers? In the manner of the study's
gates: from intervals, with the number of tasks that would decide."""

from collections.abc import Sequence
from math import ceil
from typing import Literal

from routerlab.study.figures.arm import Estimate
from routerlab.study.outcome.analysis.result import (
    Curve,
    Finding,
    RightLabel,
    Signal,
    Standing,
    Statement,
    Verdict,
)

WORTH = 0.02
"""The least difference of mean scores that matters, where nobody says another."""
MOST = 1_000_000
"""Tasks from which nobody is told to gather more."""


def finding(effect: Estimate, worth: float) -> Finding:
    """Supported: all of the interval is above 0, and it does not show that less than `worth` is gained.
    Refuted: all of it is below `worth`. Without an interval nothing is decided."""
    if effect.low is None or effect.high is None:
        return "undecided"
    if effect.high < worth:
        return "refuted"
    return "supported" if effect.low > 0 else "undecided"


def needed(effect: Estimate, worth: float, n: int) -> int | None:
    """The tasks with which the interval, as much narrower as the root of their number says, would decide at
    the same effect; None where it is decided, has no interval, or no number up to MOST would do."""
    if effect.low is None or effect.high is None or finding(effect, worth) != "undecided":
        return None
    below, above = effect.value - effect.low, effect.high - effect.value
    reaches = [below / effect.value] if effect.value > 0 else []
    reaches += [above / (worth - effect.value)] if effect.value < worth else []
    if not reaches:
        return None
    found = ceil(n * min(reaches) ** 2) + 1
    return max(found, n + 1) if found <= MOST else None


def verdict(
    standings: Sequence[Standing],
    effects: Sequence[RightLabel],
    signals: Sequence[Signal],
    curves: Sequence[Curve],
    worth: float,
    n: int,
) -> Verdict:
    """About the most accurate router (without gold the first), by the routing table; without routers, right
    labels. Without a table, about the tables that would suit the labels.

    Right routing gives better answers where a right label is better than a wrong one on the same task, beyond
    its cost, and routing better than random routing at the same cost. Refuted where either is. `n` tasks were
    judged.
    """
    kinds = {one.kind for one in standings}
    wanted = next((kind for kind in ("router", "gold", "annotator", "table") if kind in kinds), None)
    subject = max(
        (one for one in standings if one.kind == wanted), key=lambda one: one.accuracy or 0.0, default=None
    )
    statements = []
    right = next((one for one in effects if subject and one.router == subject.name), None)
    if right and (effect := right.net or right.matched):
        beyond = ", beyond what it costs" if right.net else ""
        says = f"a right label gives a better answer than a wrong one{beyond}"
        statements.append(_statement("label", says, effect, worth, n))
    if wanted == "table":
        statements += _of_tables(signals, curves, worth, n)
    elif subject and (against := subject.vs_random or subject.vs_mix):
        what = "at the same cost" if subject.vs_random else "with the same mix"
        says = f"{subject.name} gives better answers than random routing {what}"
        statements.append(_statement("random", says, against, worth, n))
    findings = {one.finding for one in statements}
    overall: Finding = (
        "refuted" if "refuted" in findings else "supported" if findings == {"supported"} else "undecided"
    )
    sentences = (
        _answer(overall, statements),
        _effects(statements, right),
        _signal(signals),
    )
    return Verdict(
        router=subject.name if subject else None,
        finding=overall,
        statements=tuple(statements),
        sentences=sentences,
    )


def _of_tables(signals: Sequence[Signal], curves: Sequence[Curve], worth: float, n: int) -> list[Statement]:
    """What tables that are fitted to the first labels get: at all prices, or where none are known at any."""
    labels = signals[0].labels
    own = next((one for one in curves if one.name == f"tables by {labels}"), None)
    if own and own.vs_random:
        says = f"tables by {labels} give better answers than random routing, mean over all costs"
        return [_statement("random", says, own.vs_random, worth, n)]
    says = f"a table by {labels} gives better answers than the best model alone"
    return [_statement("table", says, signals[0].gain, worth, n)]


def _statement(
    key: Literal["label", "random", "table"], says: str, effect: Estimate, worth: float, n: int
) -> Statement:
    return Statement(
        key=key,
        says=says,
        finding=finding(effect, worth),
        effect=effect,
        needed=needed(effect, worth, n),
    )


def _answer(overall: Finding, statements: Sequence[Statement]) -> str:
    plain = {
        "supported": "Supported: right routing gives better answers with these models.",
        "refuted": "Refuted: right routing gives no answers worth calling better with these models.",
    }
    if overall != "undecided":
        return plain[overall]
    if not statements:
        return "Undecided: there is neither a router nor a set of labels to judge."
    open_ = [one for one in statements if one.finding == "undecided"]
    many = [one.needed for one in open_]
    most = "more than a million" if None in many else f"{max(n for n in many if n):,}"
    decides = f"{most} tasks like these would decide"
    if any(one.effect.low is None for one in open_):
        decides = "with tasks of one group there is no interval, so it takes others"
    return f"Undecided whether right routing gives better answers with these models; {decides}."


def _effects(statements: Sequence[Statement], right: RightLabel | None) -> str:
    parts = [f"{one.says}: {one.effect.value:+.3f}{_ends(one.effect)}, {one.finding}" for one in statements]
    if right and not right.matched:
        parts.append(f"{right.router} gave no wrong label")
    said = "; ".join(parts) or "nothing was compared"
    return f"{said[0].upper()}{said[1:]}."


def _signal(signals: Sequence[Signal]) -> str:
    if not signals:
        return "No labels are known, so it is open what they say of the models."
    own = signals[0]
    reach = (
        ""
        if own.reach is None
        else f", and a table by them gets {own.reach.value:.0%} of what an oracle gains"
    )
    p = "p < 0.001" if own.p < 0.001 else f"p = {own.p:.3f}"
    return f"The labels ({own.labels}) explain {own.eta_squared:.1%} of which model does better ({p}){reach}."


def _ends(found: Estimate) -> str:
    return "" if found.low is None or found.high is None else f" ({found.low:+.3f} to {found.high:+.3f})"
