"""Looks before the end: when they are due, what they test, and what follows. All of it is a function of the
protocol and the trials so far, so that a run that goes on after a kill decides as it would have.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from math import ceil

from routerlab.core.prediction import Trial
from routerlab.core.statistics.paired import mcnemar
from routerlab.core.text import plural
from routerlab.study.trial.protocol.assignment import Planned
from routerlab.study.trial.protocol.boundaries import Verdict, nominal, spending_bounds
from routerlab.study.trial.protocol.protocol import Looks, Protocol

Pair = tuple[str, str]
First = Mapping[str, Mapping[str, bool]]
"""Arm -> case -> whether its first answer was right, in the order of the answers."""


@dataclass(frozen=True)
class LookPoint:
    """A look is due when the first `after` sessions are over; `information` is the share of the cases that
    all routers were then asked, at least the planned `fraction`."""

    number: int
    fraction: float
    after: int
    information: float


@dataclass(frozen=True)
class PairTest:
    """Two arms on the `n` cases that both have answered; `level` is what p was held against, `rejected` the
    number of the look at which they were found to differ, if they were."""

    a: str
    b: str
    n: int
    only_a: int
    only_b: int
    p: float
    level: float
    rejected: int | None

    @property
    def worse(self) -> str:
        """The arm that is right on fewer of the cases."""
        return self.a if self.only_a < self.only_b else self.b


@dataclass(frozen=True)
class Look:
    """A look that was taken, and what it decided; `stop` is the reason for which the trial ends."""

    point: LookPoint
    tests: tuple[PairTest, ...]
    dropped: tuple[str, ...]
    stop: str | None

    def __str__(self) -> str:
        tests = "; ".join(
            f"{t.a} {t.only_a} : {t.only_b} {t.b}, p = {t.p:.4f} "
            + (f"(found to differ at look {t.rejected})" if t.rejected else f"(not below {t.level:.5f})")
            for t in self.tests
        )
        dropped = f"dropped {', '.join(self.dropped)}" if self.dropped else ""
        says = "; ".join(filter(None, [dropped, f"stop: {self.stop}" if self.stop else "continue"]))
        p = self.point
        when = f"look {p.number} at {p.information:.0%} of the cases, {plural(p.after, 'session')}"
        return f"{when}: {tests}. Decision: {says}"


@dataclass(frozen=True)
class Standing:
    """Where a trial stands: the looks taken, Wald's verdict on each arm (sprt only), the arms that were
    dropped and why, the reason for which it ends, and the look that is due next."""

    looks: tuple[Look, ...] = ()
    verdicts: Mapping[str, tuple[Verdict, int]] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)
    stop: str | None = None
    next: LookPoint | None = None


def look_points(
    planned: Sequence[Planned], routed: Sequence[str], fractions: Sequence[float]
) -> list[LookPoint]:
    """When looks at these fractions of the cases are due: after a block, where there are blocks."""
    missing: dict[str, set[str]] = {}
    common: list[int] = []
    complete = 0
    for one in planned:
        arms = missing.setdefault(one.case, set(routed))
        if one.arm in arms:
            arms.remove(one.arm)
            complete += not arms
        common.append(complete)
    total = common[-1] if common else 0
    points: list[LookPoint] = []
    for number, fraction in enumerate(fractions, 1):
        wanted = max(1, ceil(fraction * total - 1e-9))
        after = next((i + 1 for i, n in enumerate(common) if n >= wanted), len(planned))
        block = planned[after - 1].block
        while block is not None and after < len(planned) and planned[after].block == block:
            after += 1
        points.append(LookPoint(number, fraction, after, common[after - 1] / total if total else 1.0))
    return points


def first_answers(trials: Iterable[Trial], arms: Sequence[str]) -> dict[str, dict[str, bool]]:
    """Each arm's first answer to each case; one without a label is wrong, a cancelled one is none."""
    first: dict[str, dict[str, bool]] = {arm: {} for arm in arms}
    for trial in trials:
        if trial.arm in first and trial.case is not None and trial.correct is not None:
            first[trial.arm].setdefault(trial.case, trial.correct)
    return first


@lru_cache(maxsize=4096)
def level_at(information: tuple[float, ...], alpha: float) -> float:
    """The nominal level of the last of these looks when alpha is spent over all of them."""
    return nominal(spending_bounds(information, alpha)[-1])


def step_down(
    p: Mapping[Pair, float], rejected: dict[Pair, int], information: tuple[float, ...], alpha: float
) -> dict[Pair, float]:
    """One look of the group sequential Holm procedure; adds to `rejected` and returns each pair's level.

    With s hypotheses left each has alpha / s to spend over its looks; what is rejected passes its share on
    (Y. Ye, A. Li, L. Liu and B. Yao, "A group sequential Holm procedure with multiple primary endpoints",
    Statistics in Medicine 32, 2013, 1112-1124). At one look it is Holm's method.
    """
    levels: dict[Pair, float] = {}
    left = sorted((pair for pair in p if pair not in rejected), key=p.__getitem__)
    for i, pair in enumerate(left):
        level = level_at(information, alpha / (len(left) - i))
        if p[pair] > level:
            levels |= dict.fromkeys(left[i:], level)
            break
        levels[pair] = level
        rejected[pair] = len(information)
    return levels


def paired_tests(
    first: First, rejected: dict[Pair, int], information: tuple[float, ...], alpha: float
) -> tuple[PairTest, ...]:
    """Exact McNemar of every pair on the cases that both answered; adds to `rejected` what differs now."""
    counts: dict[Pair, tuple[int, int, int]] = {}
    for a, b in combinations(first, 2):
        both = [(right, first[b][case]) for case, right in first[a].items() if case in first[b]]
        counts[a, b] = (len(both), both.count((True, False)), both.count((False, True)))
    p = {pair: mcnemar(x, y) for pair, (_, x, y) in counts.items()}
    levels = step_down(p, rejected, information, alpha)
    return tuple(
        PairTest(*pair, *counts[pair], p[pair], levels.get(pair, 0.0), rejected.get(pair)) for pair in counts
    )


def standing(
    protocol: Protocol, planned: Sequence[Planned], routed: Sequence[str], trials: Sequence[Trial]
) -> Standing:
    """Where the trial stands after these trials."""
    if protocol.looks.rule == "sprt":
        return _sequential(protocol.looks, routed, trials)
    over = {trial.session for trial in trials if trial.session and trial.status != "cancelled"}
    points = look_points(planned, routed, protocol.looks.fractions)
    alpha = protocol.primary.alpha if protocol.primary else 0.05
    information = tuple(point.information for point in points)
    where = {one.id: one.index for one in planned}
    looks: list[Look] = []
    dropped: dict[str, str] = {}
    rejected: dict[Pair, int] = {}
    for k, point in enumerate(points, 1):
        if any(one.id not in over for one in planned[: point.after] if one.arm not in dropped):
            return Standing(tuple(looks), {}, dropped, None, point)
        until = [t for t in trials if t.session and where.get(t.session, len(planned)) < point.after]
        active = [arm for arm in routed if arm not in dropped]
        tests = paired_tests(first_answers(until, active), rejected, information[:k], alpha)
        worse = tuple(dict.fromkeys(test.worse for test in tests if test.rejected))
        lost = worse if protocol.looks.action == "drop" else ()
        stop = _stop(protocol.looks, tests, [arm for arm in active if arm not in lost])
        looks.append(Look(point, tests, lost, stop))
        dropped |= dict.fromkeys(lost, f"less accurate than another at look {k}")
        if stop:
            return Standing(tuple(looks), {}, dropped, stop, None)
    return Standing(tuple(looks), {}, dropped, None, None)


def _stop(looks: Looks, tests: Sequence[PairTest], left: Sequence[str]) -> str | None:
    if looks.action == "stop" and tests and all(test.rejected for test in tests):
        return "every pair of arms is found to differ"
    return "one router is left" if looks.action == "drop" and tests and len(left) < 2 else None


def _sequential(looks: Looks, routed: Sequence[str], trials: Sequence[Trial]) -> Standing:
    """Wald's test of every arm, on its first answers in their order."""
    first = first_answers(trials, routed)
    verdicts = {
        arm: looks.sprt.decide([float(right) for right in own.values()]) for arm, own in first.items()
    }
    if looks.action == "drop":
        dropped = {
            arm: f"not viable after {plural(n, 'case')} (sequential test)"
            for arm, (verdict, n) in verdicts.items()
            if verdict == "not viable"
        }
        none_left = len(dropped) == len(routed)
        return Standing((), verdicts, dropped, "no arm is viable" if none_left else None)
    decided = looks.action == "stop" and all(verdict != "undecided" for verdict, _ in verdicts.values())
    return Standing((), verdicts, stop="every arm is decided" if decided else None)
