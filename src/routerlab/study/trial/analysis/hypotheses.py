"""The registered hypotheses, tested as registered. A p is two-sided: a limit clearly missed is refuted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from routerlab.core.statistics.gates import Gate
from routerlab.core.statistics.paired import Doubles, holm, middle
from routerlab.study.figures.arm import Estimate, Settings
from routerlab.study.figures.result import Analysis
from routerlab.study.figures.rows import Row, judged
from routerlab.study.figures.times import held
from routerlab.study.outcome.matrix import Matrix
from routerlab.study.routing_table import Routes
from routerlab.study.trial.analysis.f1 import confusion, p_at_limit
from routerlab.study.trial.analysis.quality import FEWEST, Gap, Worth, decide, drawn_p, gap, worth
from routerlab.study.trial.analysis.result import Economics, Finding, HypothesisResult, Tested
from routerlab.study.trial.protocol.interim import Pair, level_at, look_points, step_down
from routerlab.study.trial.protocol.protocol import Hypothesis
from routerlab.study.trial.protocol.session import Recorded

ENDED = "the trial, or an arm, was ended at a look: not tested any further"


@dataclass(frozen=True)
class Evidence:
    """What hypotheses are tested with: `rows` by arm, `ratios` arm -> bootstrap draws of its cost ratio,
    `outcomes` the measured answers to the cases where they are at hand."""

    trial: Recorded
    analysis: Analysis
    settings: Settings
    rows: Mapping[str, Sequence[Row]]
    economics: Mapping[str, Economics]
    ratios: Mapping[str, Doubles]
    routes: Routes | None = None
    outcomes: Matrix | None = None

    def worth(self, arm: str, rows: Sequence[Row]) -> Worth | None:
        """What the answers are worth; None where they are not known."""
        if self.outcomes is None or self.routes is None or not rows or arm not in self.trial.routed:
            return None
        return worth(rows, self.outcomes, self.routes, self.settings)


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
        tests = (_quality if hypothesis.about_quality else _accuracy)(hypothesis, evidence)
    else:
        hold = {"cost": _cost, "cost:measured": _measured, "p95": _p95}.get(hypothesis.endpoint, _f1)
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
    if hypothesis.endpoint == "cost" and all(bill.ratio is None for bill in evidence.economics.values()):
        return "without a router it costs nothing, so there is no ratio"
    if hypothesis.needs_outcomes and evidence.outcomes is None:
        return "the measured answers are not at hand"
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
    information = (*(point.information for point in points), 1.0)
    if hypothesis.correction == "holm":
        step_down(left, rejected, information, hypothesis.alpha)
        adjusted = dict(zip(pairs, holm([p.p for p in pairs.values()]), strict=True))
    else:
        level = level_at(information, hypothesis.alpha)
        rejected |= {pair: len(information) for pair, p in left.items() if p <= level}
        adjusted = {pair: p.p for pair, p in pairs.items()}
    tests = []
    for pair, p in pairs.items():
        note = f"{p.only_a} : {p.only_b} discordant of {p.n} cases"
        if pair in early:
            note += f"; found at look {early[pair]}"
        elif pair not in left:
            note += f"; {ENDED}"
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
        if arm not in evidence.trial.routed or bill.ratio is None:
            continue
        p = drawn_p(evidence.ratios[arm], limit)
        note = "the router itself has no price" if bill.router is None else ""
        if len({row.case for row in evidence.rows[arm]}) < FEWEST:
            p, note = None, f"fewer than {FEWEST} cases, too few for a bootstrap"
        ratio = Estimate(value=bill.ratio, low=bill.ratio_low, high=bill.ratio_high)
        yield Held(arm, ratio, p, bill.ratio <= limit, note)


def _measured(_: Hypothesis, limit: float, evidence: Evidence) -> Iterator[Held]:
    for arm, rows in evidence.rows.items():
        if found := evidence.worth(arm, rows):
            ratios = found.spent / np.where(found.control_cost > 0, found.control_cost, np.nan)
            low, high = middle(ratios[1:], evidence.settings.confidence) or (None, None)
            note = "" if found.priced else "the router itself has no price"
            p = drawn_p(ratios[1:], limit)
            if found.n < FEWEST:
                p, note = None, f"fewer than {FEWEST} cases, too few for a bootstrap"
            if not np.isnan(ratios[0]):
                value = float(ratios[0])
                yield Held(arm, Estimate(value=value, low=low, high=high), p, value <= limit, note)


def _quality(hypothesis: Hypothesis, evidence: Evidence) -> list[Tested]:
    """Every arm against the control or random routing: at the looks that were taken, with the alpha that may
    be spent by then, and at the end with what is left."""
    trial, other = evidence.trial, hypothesis.endpoint.removeprefix("quality:")
    points = look_points(trial.planned, trial.routed, trial.protocol.looks.fractions)
    place = {(p.arm, p.case, p.repeat): p.index for p in trial.planned}

    def seen(arms: Iterable[str], after: int) -> dict[Pair, Gap]:
        """What the first `after` sessions say."""
        gaps = {}
        for arm in arms:
            rows = [row for row in evidence.rows.get(arm, ()) if place.get((arm, *row.group), 0) < after]
            if found := evidence.worth(arm, rows):
                gaps[arm, other] = gap(found, other, hypothesis.at, evidence.settings.confidence)
        return gaps

    left, looks = list(trial.routed), {}
    for look in trial.standing.looks:
        looks[look.point.number] = seen(left, look.point.after)
        left = [arm for arm in left if arm not in look.dropped]
    end = seen(trial.routed, len(trial.planned))
    if not (trial.standing.looks and trial.standing.stop):
        looks[len(points) + 1] = {pair: one for pair, one in end.items() if pair[0] in left}
    whole = hypothesis.correction == "holm"
    information = (*(point.information for point in points), 1.0)
    decided = decide(looks, information, hypothesis.alpha, whole)
    p = {pair: one.p for pair, one in end.items() if one.p is not None}
    adjusted = dict(zip(p, holm(list(p.values())), strict=True)) if whole else p
    tests = []
    for pair, one in end.items():
        found, note = decided.get(pair), one.note
        if found and found.look <= len(points):
            note += f"; found at look {found.look}"
        elif not found and pair not in looks.get(len(points) + 1, ()):
            note += f"; {ENDED}"
        side: Finding = "not tested" if one.p is None else "undecided"
        if found:
            side = "supported" if found.above else "refuted"
        tests.append(
            Tested(
                subject=" - ".join(pair),
                **one.value.model_dump(),
                p=one.p,
                p_adjusted=adjusted.get(pair),
                finding=side,
                note=note,
            )
        )
    return tests


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
    """Whether 95 % of the sessions are within the limit, by the rule of the gate on P95."""
    for arm in evidence.analysis.arms:
        if arm.arm not in evidence.trial.routed or arm.latency is None:
            continue
        lost = arm.latency.unanswered
        note = f"{lost} sessions without a latency count as beyond the limit" if lost else ""
        missed, kept = held(Gate("p95", "<=", limit), arm.latency, 0.95)
        yield Held(arm.arm, arm.latency.p95, min(1.0, 2 * min(missed, kept)), missed < kept, note)


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
            note="; ".join(
                filter(None, (one.note, _corrected(one.p, corrected.get(one.arm), hypothesis.alpha)))
            ),
        )
        for one in held
    ]


def _corrected(p: float | None, adjusted: float | None, alpha: float) -> str:
    """What to know where a gate on the same figure, which is about one arm, may say more; "" elsewhere."""
    undone = p is not None and adjusted is not None and p <= alpha < adjusted
    return "decided for this arm alone, but not with Holm's correction over the arms" if undone else ""


def _finding(hypothesis: Hypothesis, p: float | None, kept: bool) -> Finding:
    if p is None:
        return "not tested"
    if p > hypothesis.alpha:
        return "undecided"
    return "supported" if kept else "refuted"
