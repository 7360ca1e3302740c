"""The registered hypotheses, tested as registered. A p is two-sided: a limit clearly missed is refuted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from routerlab.core.statistics.paired import Doubles, holm
from routerlab.study.figures.arm import Estimate, Settings
from routerlab.study.figures.result import Analysis
from routerlab.study.figures.rows import Row, judged
from routerlab.study.figures.times import worth_of
from routerlab.study.trial.analysis.f1 import confusion, p_at_limit
from routerlab.study.trial.analysis.result import Economics, Finding, HypothesisResult, Tested
from routerlab.study.trial.protocol.interim import Pair, look_points, step_down
from routerlab.study.trial.protocol.protocol import Hypothesis
from routerlab.study.trial.protocol.session import Recorded

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


@dataclass(frozen=True)
class Held:
    """An arm's figure held against the limit: `p` is that of its being there, None where that cannot be
    tested, and `kept` how it looks."""

    arm: str
    figure: Estimate
    p: float | None
    kept: bool
    note: str = ""


def hypothesis_results(evidence: Evidence) -> tuple[HypothesisResult, ...]:
    """Every registered hypothesis with its tests."""
    return tuple(_result(one, evidence) for one in evidence.trial.protocol.hypothesis)


def _result(hypothesis: Hypothesis, evidence: Evidence) -> HypothesisResult:
    if hypothesis.limit is None:
        tests = _accuracy(hypothesis, evidence)
    else:
        hold = {"cost": _cost, "p95": _p95}.get(hypothesis.endpoint, _f1)
        tests = _against_limit(hypothesis, list(hold(hypothesis, hypothesis.limit, evidence)))
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
    early: dict[Pair, int] = {}
    for look in trial.standing.looks:
        early |= {(t.a, t.b): look.point.number for t in look.tests if t.rejected == look.point.number}
    rejected, dropped = dict(early), trial.standing.dropped.keys()
    left = {} if trial.standing.stop else {pair: p.p for pair, p in pairs.items() if not dropped & set(pair)}
    if hypothesis.correction == "holm":
        information = (*(point.information for point in points), 1.0)
        step_down(left, rejected, information, hypothesis.alpha)
        adjusted = dict(zip(pairs, holm([p.p for p in pairs.values()]), strict=True))
    else:
        rejected |= {pair: len(points) + 1 for pair, p in left.items() if p <= hypothesis.alpha}
        adjusted = {pair: p.p for pair, p in pairs.items()}
    tests = []
    for pair, p in pairs.items():
        note = f"{p.only_a} : {p.only_b} discordant of {p.n} cases"
        if pair in early:
            note += f"; found at look {early[pair]}"
        elif pair not in left:
            note += "; the trial, or an arm, was ended at a look: not tested any further"
        tests.append(
            Tested(
                subject=f"{p.a} - {p.b}",
                value=p.difference,
                low=p.low,
                high=p.high,
                p=p.p,
                p_adjusted=adjusted[pair],
                finding="supported" if pair in rejected else "undecided",
                note=note,
            )
        )
    return tests


def _cost(_: Hypothesis, limit: float, evidence: Evidence) -> Iterator[Held]:
    for arm, bill in evidence.economics.items():
        if arm not in evidence.trial.routed:
            continue
        p = _drawn_p(evidence.ratios[arm], limit)
        note = "the router itself has no price" if bill.router is None else ""
        if len({row.case for row in evidence.rows[arm]}) < FEWEST:
            p, note = None, f"fewer than {FEWEST} cases, too few for a bootstrap"
        ratio = Estimate(value=bill.ratio, low=bill.ratio_low, high=bill.ratio_high)
        yield Held(arm, ratio, p, bill.ratio <= limit, note)


def _f1(hypothesis: Hypothesis, limit: float, evidence: Evidence) -> Iterator[Held]:
    label = hypothesis.endpoint.removeprefix("f1:") if hypothesis.endpoint != "macro_f1" else None
    labels, settings = evidence.analysis.labels, evidence.settings
    for arm in evidence.analysis.arms:
        if label is None:
            figure = arm.macro_f1
        else:
            own = (s for s in arm.labels if s.label == label and s.f1 is not None)
            figure = next((Estimate(value=s.f1, low=s.low, high=s.high) for s in own), None)
        table = confusion(judged(evidence.rows[arm.arm]), labels, label)
        if table is not None and figure is not None:
            p = p_at_limit(table, limit, settings.resamples, settings.seed)
            yield Held(arm.arm, figure, p, figure.value >= limit)


def _p95(_: Hypothesis, limit: float, evidence: Evidence) -> Iterator[Held]:
    """Whether fewer than 5 % of the sessions take longer than the limit; one without a latency does."""
    for arm in evidence.analysis.arms:
        rows = evidence.rows[arm.arm]
        if arm.arm not in evidence.trial.routed or arm.latency is None:
            continue
        note = ""
        if lost := sum(row.latency_ms is None for row in rows):
            note = f"{lost} sessions without a latency count as beyond the limit"
        elif arm.cases < len(rows) and all((row.latency_ms or 0.0) <= limit for row in rows):
            note = f"no session is beyond the limit, so {len(rows)} count as their {arm.cases} cases"
        yield Held(arm.arm, arm.latency.p95, *_quantile_test(rows, limit), note)


def _quantile_test(rows: Sequence[Row], limit: float) -> tuple[float, bool]:
    """Two-sided binomial p of "P95 is at the limit", and whether it is rather below; repeats of a case count
    by how alike they are."""
    from scipy.special import bdtr

    beyond = [(row.case, row.latency_ms is None or row.latency_ms > limit) for row in rows]
    worth = max(1, int(worth_of(beyond) + 1e-9))
    share = sum(longer for _, longer in beyond) / len(beyond)
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


def _against_limit(hypothesis: Hypothesis, held: Sequence[Held]) -> list[Tested]:
    """A test for each arm whether it keeps the limit, corrected over the arms."""
    p = {one.arm: one.p for one in held if one.p is not None}
    corrected = dict(zip(p, holm(list(p.values())), strict=True)) if hypothesis.correction == "holm" else p
    return [
        Tested(
            subject=one.arm,
            value=one.figure.value,
            low=one.figure.low,
            high=one.figure.high,
            p=one.p,
            p_adjusted=corrected.get(one.arm),
            finding=_finding(hypothesis, corrected.get(one.arm), one.kept),
            note=one.note,
        )
        for one in held
    ]


def _finding(hypothesis: Hypothesis, p: float | None, kept: bool) -> Finding:
    if p is None:
        return "not tested"
    if p > hypothesis.alpha:
        return "undecided"
    return "supported" if kept else "refuted"
