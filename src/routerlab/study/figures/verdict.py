"""The verdict: which arms are viable, which are dominated, and what the study's decision matrix asks for."""

from collections.abc import Mapping, Sequence

from routerlab.core.statistics.gates import QUANTILES, Answer, parse_gate
from routerlab.study.figures.arm import ArmFigures, GateFigure
from routerlab.study.figures.result import Comparison, Decision, Pareto, Verdict

ROWS = {
    "api-fails-latency": "the API fails the latency gate: choose among the SLMs",
    "all-alike": "all alike: the cheapest",
    "slm-wins-both": "an SLM wins cost and quality: deploy it",
    "api-quality-slm-cost": "the API wins quality and an SLM cost: SLM first, the API for hard cases",
    "api-wins-both": "the API wins both: API first, an SLM as the fallback",
}
"""The rows of the decision matrix, in the order in which they are tried."""

_HOSTING = ("self-hosted", "serverless", "api")


def verdict(arms: Sequence[ArmFigures], pairs: Sequence[Comparison], alpha: float) -> Verdict:
    """The verdict over the arms that have an accuracy; a control has none and is not judged."""
    routers = [arm for arm in arms if arm.accuracy is not None]
    viable = {arm.arm: viability(arm.gates) for arm in routers if arm.gates}
    return Verdict(viable=viable, pareto=pareto(routers), decision=decide(routers, pairs, alpha))


def viability(gates: Sequence[GateFigure]) -> Answer:
    """Pass when every gate does, fail when one does, else undecided."""
    answers = {gate.answer for gate in gates}
    return "fail" if "fail" in answers else "undecided" if "undecided" in answers else "pass"


def pareto(arms: Sequence[ArmFigures]) -> Pareto | None:
    """Dominance by point estimates over accuracy, P95 and cost, of these the ones that every arm has.

    Arm i dominates j when it is at least as good in all and better in one. None without arms.
    """
    if not arms:
        return None
    losses = {arm.arm: _losses(arm) for arm in arms}
    over = tuple(name for name in ("accuracy", "p95", "cost") if all(name in one for one in losses.values()))
    points = {arm: [one[name] for name in over] for arm, one in losses.items()}
    dominated = {arm: by for arm, point in points.items() if (by := _dominator(point, points)) is not None}
    members = tuple(arm for arm in points if arm not in dominated)
    return Pareto(over=over, members=members, dominated=dominated)


def _losses(arm: ArmFigures) -> dict[str, float]:
    """The figures that an arm has, turned so that less is better."""
    found = {
        "accuracy": -arm.accuracy.value if arm.accuracy else None,
        "p95": arm.latency.p95.value if arm.latency else None,
        "cost": arm.cost.per_1000 if arm.cost else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _dominator(point: Sequence[float], points: Mapping[str, Sequence[float]]) -> str | None:
    """The arm that dominates the point, of several the most accurate."""
    better = [
        (other, arm)
        for arm, other in points.items()
        if all(x <= y for x, y in zip(other, point, strict=True)) and list(other) != list(point)
    ]
    return min(better)[1] if better else None


def decide(arms: Sequence[ArmFigures], pairs: Sequence[Comparison], alpha: float) -> Decision:
    """The row of the decision matrix that holds, and what it asks for.

    Arms whose accuracies do not differ at level `alpha` (exact McNemar, Holm) are alike in quality: the rule
    for ties, self-hosted before serverless before API, then chooses. An API that fails a latency gate is out
    first.
    """
    if len(arms) < 2:
        return _none("no decision: it takes two arms with an accuracy")
    failed = [arm for arm in arms if arm.hosting == "api" and _fails_latency(arm)]
    left = [arm for arm in arms if arm not in failed]
    reasons = [f"{arm.arm}, an API, fails the latency gate" for arm in failed]
    if not left:
        return _none("no decision: every arm is an API that fails the latency gate", reasons)
    if without := ", ".join(arm.arm for arm in left if arm.cost is None):
        return _none(f"no decision: no cost is known of {without}", reasons)
    return _matrix(left, pairs, alpha, bool(failed), reasons)


def _none(says: str, reasons: Sequence[str] = ()) -> Decision:
    """That no row holds, and why."""
    return Decision(row=None, says=says, reasons=tuple(reasons))


def _matrix(
    arms: Sequence[ArmFigures],
    pairs: Sequence[Comparison],
    alpha: float,
    api_failed: bool,
    reasons: list[str],
) -> Decision:
    best = max(arms, key=lambda arm: (_accuracy(arm), -_HOSTING.index(arm.hosting)))
    good = [arm for arm in arms if arm is best or _alike(best, arm, pairs, alpha)]
    least = min(_cost(arm) for arm in arms)
    cheap = [arm for arm in arms if _cost(arm) == least]
    slms, apis = [a for a in arms if a.hosting != "api"], [a for a in arms if a.hosting == "api"]
    if not api_failed and all(arm.hosting == "self-hosted" and arm.record is None for arm in arms):
        reasons.append("nobody says where the arms run: all are taken to be self-hosted")
    reasons.append(f"{best.arm} is the most accurate ({_accuracy(best):.3f})")
    if len(good) > 1:
        names = ", ".join(arm.arm for arm in good if arm is not best)
        reasons.append(f"not told apart from it at level {alpha:g}: {names}")
    reasons.append(f"cheapest: {', '.join(arm.arm for arm in cheap)}")
    good_slms = [arm for arm in good if arm in slms]
    cheap_slms = [arm for arm in cheap if arm in slms]

    if len(good) == len(arms) and len(arms) > 1:
        row, primary, fallback = "all-alike", _prefer(cheap), None
    elif good_slms and cheap_slms:
        both = [arm for arm in good_slms if arm in cheap_slms]
        row, primary, fallback = "slm-wins-both", _prefer(both or good_slms), None
        if not both:
            reasons.append(f"{_prefer(cheap_slms).arm} is cheaper and less accurate")
    elif not good_slms and cheap_slms:
        row, primary, fallback = "api-quality-slm-cost", _most_accurate(slms), best
    elif not good_slms:
        row, primary = "api-wins-both", _prefer([arm for arm in good if arm in apis])
        fallback = _most_accurate(slms) if slms else None
    else:
        reasons.append("an SLM wins quality and an API cost")
        return _none("no row of the matrix holds: see the Pareto set", reasons)
    if api_failed and not apis:
        row = "api-fails-latency"
    return Decision(
        row=row,
        says=ROWS[row],
        primary=primary.arm,
        fallback=fallback.arm if fallback else None,
        reasons=tuple(reasons),
    )


def _fails_latency(arm: ArmFigures) -> bool:
    return any(g.answer == "fail" and parse_gate(g.gate).metric in QUANTILES for g in arm.gates)


def _alike(best: ArmFigures, arm: ArmFigures, pairs: Sequence[Comparison], alpha: float) -> bool:
    pair = next((p for p in pairs if {p.a, p.b} == {best.arm, arm.arm}), None)
    return pair.p_holm >= alpha if pair else _accuracy(arm) == _accuracy(best)


def _prefer(arms: Sequence[ArmFigures]) -> ArmFigures:
    """Of arms that are tied: the fewest external dependencies, then accuracy, then P95."""
    return min(arms, key=lambda arm: (_HOSTING.index(arm.hosting), -_accuracy(arm), _p95(arm)))


def _most_accurate(arms: Sequence[ArmFigures]) -> ArmFigures:
    return max(arms, key=lambda arm: (_accuracy(arm), -_cost(arm), -_p95(arm)))


def _accuracy(arm: ArmFigures) -> float:
    return arm.accuracy.value if arm.accuracy else 0.0


def _cost(arm: ArmFigures) -> float:
    return arm.cost.per_1000 if arm.cost else 0.0


def _p95(arm: ArmFigures) -> float:
    return arm.latency.p95.value if arm.latency else float("inf")
