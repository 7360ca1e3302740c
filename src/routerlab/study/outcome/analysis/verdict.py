"""The verdict on the open question: does right routing give better answers? In the manner of the study's
gates: from intervals, with the number of tasks that would decide."""

from collections.abc import Sequence
from math import ceil
from typing import Literal

from routerlab.study.figures.arm import Estimate
from routerlab.study.outcome.analysis.result import Finding, RightLabel, Signal, Standing, Statement, Verdict

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
    the same effect; None where it is decided, has no interval, or more than MOST would be needed."""
    if effect.low is None or effect.high is None or finding(effect, worth) != "undecided":
        return None
    below, above = effect.value - effect.low, effect.high - effect.value
    reaches = [below / effect.value] if effect.value > 0 else []
    reaches += [above / (worth - effect.value)] if effect.value < worth else []
    found = ceil(n * min(reaches) ** 2) + 1
    return max(found, n + 1) if found <= MOST else None


def verdict(
    standings: Sequence[Standing],
    effects: Sequence[RightLabel],
    signals: Sequence[Signal],
    worth: float,
    n: int,
) -> Verdict:
    """About the most accurate router that was judged; without gold, the one that does best; without routers,
    gold labels; without any, what labels say of the models.

    Right routing gives better answers where a right label is better than a wrong one on the same task, and
    routing better than random routing at the same cost. Refuted where either is. `n` tasks were judged.
    """
    routers = [one for one in standings if one.kind == "router"] or [
        one for one in standings if one.kind in ("gold", "annotator", "table")
    ]
    subject = max(routers, key=lambda one: (one.accuracy or 0.0, one.quality.value), default=None)
    statements = []
    right = next((one for one in effects if subject and one.router == subject.name), None)
    if right and right.matched:
        says = "a right label gives a better answer than a wrong one"
        statements.append(_statement("label", says, right.matched, worth, n))
    if subject and (against := subject.vs_random or subject.vs_mix):
        what = "at the same cost" if subject.vs_random else "with the same mix"
        says = f"{subject.name} gives better answers than random routing {what}"
        statements.append(_statement("random", says, against, worth, n))
    if not statements and signals:
        says = f"a table by {signals[0].labels} gives better answers than the best model alone"
        statements.append(_statement("table", says, signals[0].gain, worth, n))
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
    many = [one.needed for one in statements if one.needed]
    if not statements:
        return "Undecided: there is neither a router nor a set of labels to judge."
    return "Undecided whether right routing gives better answers with these models" + (
        f"; {max(many):,} tasks like these would decide." if many else "."
    )


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
