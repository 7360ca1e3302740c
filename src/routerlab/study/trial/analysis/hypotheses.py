"""The registered hypotheses, tested as registered. A p is two-sided: a limit clearly missed is refuted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerlab.core.statistics.intervals import effective_n
from routerlab.core.statistics.paired import holm
from routerlab.study.figures.arm import Estimate, QuantileFigure, Settings
from routerlab.study.figures.result import Analysis, Comparison
from routerlab.study.figures.rows import Row, judged
from routerlab.study.trial.analysis.f1 import confusion, p_at_limit
from routerlab.study.trial.analysis.result import Economics, Finding, HypothesisResult, Tested
from routerlab.study.trial.protocol.interim import Pair, look_points, step_down
from routerlab.study.trial.protocol.protocol import Hypothesis
from routerlab.study.trial.protocol.session import Recorded

Doubles = NDArray[np.float64]

FEWEST = 20
"""Different cases that a bootstrap test needs; with fewer its error rate is far from what it says."""


@dataclass(frozen=True)
class Evidence:
    """What hypotheses are tested with: `rows` by arm, `ratios` arm -> bootstrap draws of its cost ratio."""

    trial: Recorded
    analysis: Analysis
    settings: Settings
    rows: Mapping[str, Sequence[Row]]
    economics: Mapping[str, Economics]
    ratios: Mapping[str, Doubles]


def hypothesis_results(evidence: Evidence) -> tuple[HypothesisResult, ...]:
    """Every registered hypothesis with its tests."""
    return tuple(_result(one, evidence) for one in evidence.trial.protocol.hypothesis)


def _result(hypothesis: Hypothesis, evidence: Evidence) -> HypothesisResult:
    kinds: dict[str, Callable[[Hypothesis, Evidence], list[Tested]]] = {
        "accuracy": _accuracy,
        "cost": _cost,
        "p95": _p95,
    }
    tests = kinds.get(hypothesis.endpoint, _f1)(hypothesis, evidence)
    return HypothesisResult(
        **hypothesis.model_dump(),
        tests=tuple(tests),
        why_not=None if tests else _why_not(hypothesis, evidence),
    )


def _why_not(hypothesis: Hypothesis, evidence: Evidence) -> str:
    if hypothesis.endpoint == "accuracy":
        return "it takes two routers that answered the same cases"
    if hypothesis.endpoint == "cost" and not evidence.economics:
        return "there is no routing table with prices"
    return "no router has this figure"


def _accuracy(hypothesis: Hypothesis, evidence: Evidence) -> list[Tested]:
    """Every pair, with what looks have found already; the rest is tested at the level that is left."""
    trial = evidence.trial
    pairs = {(p.a, p.b): p for p in evidence.analysis.pairs}
    points = look_points(trial.planned, trial.routed, trial.protocol.looks.fractions)
    rejected: dict[Pair, int] = {}
    for look in trial.standing.looks:
        rejected |= {(t.a, t.b): look.point.number for t in look.tests if t.rejected == look.point.number}
    early = dict(rejected)
    ended_early = trial.standing.stop is not None
    open_ = {
        pair: p.p
        for pair, p in pairs.items()
        if not ended_early and not set(pair) & trial.standing.dropped.keys()
    }
    if hypothesis.correction == "holm":
        information = (*(point.information for point in points), 1.0)
        step_down(open_, rejected, information, hypothesis.alpha)
        adjusted = dict(zip(pairs, holm([p.p for p in pairs.values()]), strict=True))
    else:
        rejected |= {pair: len(points) + 1 for pair, p in open_.items() if p <= hypothesis.alpha}
        adjusted = {pair: p.p for pair, p in pairs.items()}
    return [_pair_test(pair, p, adjusted[pair], early, rejected, pair in open_) for pair, p in pairs.items()]


def _pair_test(
    pair: Pair,
    p: Comparison,
    adjusted: float,
    early: Mapping[Pair, int],
    rejected: Mapping[Pair, int],
    open_: bool,
) -> Tested:
    note = f"{p.only_a} : {p.only_b} discordant of {p.n} cases"
    if pair in early:
        note += f"; found at look {early[pair]}"
    elif not open_:
        note += "; the trial, or an arm, was ended at a look: not tested any further"
    return Tested(
        subject=f"{p.a} - {p.b}",
        value=p.difference,
        low=p.low,
        high=p.high,
        p=p.p,
        p_adjusted=adjusted,
        finding="supported" if pair in rejected else "undecided",
        note=note,
    )


def _cost(hypothesis: Hypothesis, evidence: Evidence) -> list[Tested]:
    found = {
        arm: Estimate(value=e.ratio, low=e.ratio_low, high=e.ratio_high)
        for arm, e in evidence.economics.items()
        if arm in evidence.trial.routed
    }
    p = {arm: _drawn_p(evidence.ratios[arm], _limit(hypothesis)) for arm in found}
    notes = {arm: "the router itself has no price" for arm in found if evidence.economics[arm].router is None}
    for arm in found:
        if len({row.case for row in evidence.rows[arm]}) < FEWEST:
            p[arm], notes[arm] = None, f"fewer than {FEWEST} cases, too few for a bootstrap"
    kept = {arm: one.value <= _limit(hypothesis) for arm, one in found.items()}
    return _against_limit(hypothesis, found, p, notes, kept)


def _f1(hypothesis: Hypothesis, evidence: Evidence) -> list[Tested]:
    label = hypothesis.endpoint.removeprefix("f1:") if hypothesis.endpoint != "macro_f1" else None
    labels, settings = evidence.analysis.labels, evidence.settings
    found: dict[str, Estimate] = {}
    p: dict[str, float | None] = {}
    for arm in evidence.analysis.arms:
        table = confusion(judged(evidence.rows[arm.arm]), labels, label)
        score = next((one for one in arm.labels if one.label == label), None)
        if table is None:
            continue
        if label is None and arm.macro_f1 is not None:
            found[arm.arm] = arm.macro_f1
        elif score is not None and score.f1 is not None:
            found[arm.arm] = Estimate(value=score.f1, low=score.low, high=score.high)
        p[arm.arm] = p_at_limit(table, _limit(hypothesis), settings.resamples, settings.seed)
    kept = {arm: one.value >= _limit(hypothesis) for arm, one in found.items()}
    return _against_limit(hypothesis, found, p, {}, kept)


def _p95(hypothesis: Hypothesis, evidence: Evidence) -> list[Tested]:
    """Whether fewer than 5 % of the sessions take longer than the limit; one without a latency does."""
    found: dict[str, QuantileFigure] = {}
    p: dict[str, float | None] = {}
    notes: dict[str, str] = {}
    kept: dict[str, bool] = {}
    for arm in evidence.analysis.arms:
        rows = evidence.rows[arm.arm]
        if arm.arm not in evidence.trial.routed or arm.latency is None:
            continue
        found[arm.arm] = arm.latency.p95
        p[arm.arm], kept[arm.arm] = _quantile_test(rows, _limit(hypothesis))
        if lost := sum(row.latency_ms is None for row in rows):
            notes[arm.arm] = f"{lost} sessions without a latency count as beyond the limit"
        elif arm.cases < len(rows) and all((row.latency_ms or 0.0) <= _limit(hypothesis) for row in rows):
            notes[arm.arm] = (
                f"no session is beyond the limit, so {len(rows)} count as their {arm.cases} cases"
            )
    return _against_limit(hypothesis, found, p, notes, kept)


def _limit(hypothesis: Hypothesis) -> float:
    assert hypothesis.limit is not None
    return hypothesis.limit


def _quantile_test(rows: Sequence[Row], limit: float) -> tuple[float, bool]:
    """Two-sided binomial p of "P95 is at the limit", and whether it is rather below; repeats of a case count
    by how alike they are."""
    from scipy.special import bdtr

    clusters: dict[str, tuple[int, int]] = {}
    for row in rows:
        beyond, n = clusters.get(row.case, (0, 0))
        clusters[row.case] = (beyond + (row.latency_ms is None or row.latency_ms > limit), n + 1)
    worth = max(1, int(effective_n(list(clusters.values())) + 1e-9))
    share = sum(beyond for beyond, _ in clusters.values()) / sum(n for _, n in clusters.values())
    few = float(bdtr(min(worth, np.ceil(share * worth - 1e-9)), worth, 0.05))
    at_least = np.floor(share * worth + 1e-9)
    many = 1.0 if at_least < 1 else 1 - float(bdtr(at_least - 1, worth, 0.05))
    return min(1.0, 2 * min(few, many)), share <= 0.05


def _drawn_p(drawn: Doubles, limit: float) -> float | None:
    """Two-sided p of "the figure is at the limit": twice the smaller share of draws beyond it, counting one
    more of each (A. C. Davison and D. V. Hinkley, Bootstrap Methods and their Application, 1997, 4.2)."""
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return None
    least = min(int((known >= limit).sum()), int((known <= limit).sum()))
    return min(1.0, 2 * (least + 1) / (len(known) + 1))


def _against_limit(
    hypothesis: Hypothesis,
    found: Mapping[str, Estimate | QuantileFigure],
    p: Mapping[str, float | None],
    notes: Mapping[str, str],
    kept: Mapping[str, bool],
) -> list[Tested]:
    """A test for each arm whether it keeps the limit, corrected over the arms; `kept` is how it looks."""
    known = {arm: one for arm, one in p.items() if one is not None}
    values = list(known.values())
    corrected = dict(zip(known, holm(values) if hypothesis.correction == "holm" else values, strict=True))
    return [
        Tested(
            subject=arm,
            value=one.value,
            low=one.low,
            high=one.high,
            p=p[arm],
            p_adjusted=corrected.get(arm),
            finding=_finding(hypothesis, corrected.get(arm), kept[arm]),
            note=notes.get(arm, ""),
        )
        for arm, one in found.items()
    ]


def _finding(hypothesis: Hypothesis, p: float | None, kept: bool) -> Finding:
    if p is None:
        return "not tested"
    if p > hypothesis.alpha:
        return "undecided"
    return "supported" if kept else "refuted"
