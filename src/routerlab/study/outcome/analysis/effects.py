"""The effect of a right label: what a wrong one costs, on the same task."""

import numpy as np
import numpy.typing as npt

from routerlab.core.statistics.paired import CELLS
from routerlab.study.figures.arm import Estimate
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.frontier import envelope
from routerlab.study.outcome.analysis.policies import Policy
from routerlab.study.outcome.analysis.result import RightLabel
from routerlab.study.outcome.matrix import Floats, Matrix

Flags = npt.NDArray[np.bool_]


def right_label(
    matrix: Matrix, tasks: Tasks, router: Policy, gold: Policy, control: Policy
) -> RightLabel | None:
    """What right labels are worth to this router; None where it or gold has no labels.

    Matched: on tasks where its label is wrong, the same task's score under the gold route minus that under
    the router's. All else is equal, so this is the effect; where both lead to the same model it is 0. A wrong
    label may lead to a better and dearer model: `net` is what is left of the effect at equal cost.
    """
    if router.labels is None or gold.labels is None:
        return None
    known = np.array([label is not None for label in gold.labels])
    wrong = known & np.array([a != b for a, b in zip(router.labels, gold.labels, strict=True)])
    strayed = wrong & (gold.shares.argmax(axis=1) != router.shares.argmax(axis=1))
    n, n_wrong, settings = int(known.sum()), int(wrong.sum()), tasks.settings
    gained = _between(gold, router, matrix.score)
    quality = [float((one.shares * matrix.score).sum(axis=1)[known].mean()) for one in (gold, control)]
    priced = not np.isnan(matrix.cost).any()
    matched = spent = net = p = None
    if n_wrong:
        columns = np.column_stack([wrong * gained, wrong])
        matched = _ratio(tasks, columns)
        p = flipped(gained[wrong], tasks.of[wrong], settings.resamples, settings.seed)
        if priced:
            dearer = _between(gold, router, matrix.cost * 1000)
            spent = _ratio(tasks, np.column_stack([wrong * dearer, wrong]))
            net = _net(matrix, tasks, gold, router, known, wrong)
    says = []
    even, said = break_even(quality[0], quality[1], matched, n_wrong, "the control")
    says.append(said)
    even_random = None
    if priced:
        at = np.array([(gold.shares * matrix.cost).sum(axis=1)[known].mean()])
        chance = float(envelope(matrix.cost[known].mean(axis=0), matrix.score[known].mean(axis=0), at)[0])
        even_random, said = break_even(quality[0], chance, net, n_wrong, "random routing at equal cost")
        says.append(said)
    return RightLabel(
        router=router.name,
        tasks=n,
        wrong=n_wrong,
        strayed=int(strayed.sum()),
        matched=matched,
        matched_cost=spent,
        net=net,
        p=p,
        apart=apart(matrix, tasks, router, gold),
        per_point=matched.value / 100 if matched else None,
        break_even=even,
        break_even_random=even_random,
        says="; ".join(says),
    )


def _between(one: Policy, other: Policy, table: Floats) -> Floats:
    """(tasks,): what the one gets of a table more than the other."""
    found: Floats = ((one.shares - other.shares) * table).sum(axis=1)
    return found


def _ratio(tasks: Tasks, columns: Floats) -> Estimate:
    """The sum of the first column over that of the second."""
    drawn = tasks.sums(columns)
    above, below = columns.sum(axis=0)
    return tasks.estimate(above / below, drawn[:, 0] / np.where(drawn[:, 1] > 0, drawn[:, 1], np.nan))


def _net(matrix: Matrix, tasks: Tasks, gold: Policy, router: Policy, known: Flags, wrong: Flags) -> Estimate:
    """What a right label is worth beyond its cost: how much higher gold is above random routing at gold's
    cost than the router at the router's, over the share of wrong labels."""
    m = len(matrix.models)
    tables = (matrix.score, matrix.cost)
    parts = [(one.shares * table).sum(axis=1) for one in (gold, router) for table in tables]
    columns = np.column_stack([*parts, matrix.score, matrix.cost, wrong, known]) * known[:, None]
    sums = np.vstack([columns.sum(axis=0), tasks.sums(columns)])
    means = sums / np.where(sums[:, -1:] > 0, sums[:, -1:], np.nan)
    chance = envelope(means[:, 4 + m : 4 + 2 * m], means[:, 4 : 4 + m], means[:, [1, 3]])
    above = (means[:, 0] - chance[:, 0]) - (means[:, 2] - chance[:, 1])
    net = above / np.where(means[:, -2] > 0, means[:, -2], np.nan)
    return tasks.estimate(net[0], net[1:])


def break_even(
    right: float, other: float, effect: Estimate | None, wrong: int, what: str
) -> tuple[float | None, str]:
    """The accuracy from which routing is as good as `other`, and that in words; None for no such one.

    A router with accuracy a has the quality right - (1 - a) effect: with every label right `right`, and each
    wrong one costs `effect`, as those of the router did. That is linear in a.
    """
    if right < other - 1e-12:
        return None, f"right labels all the way stay {other - right:.3f} below {what}"
    if not wrong or effect is None:
        return None, f"no label was wrong, so what a wrong one costs against {what} is not known"
    if effect.value <= 0:
        return 0.0, f"its wrong labels cost no quality, so it keeps up with {what} at any accuracy"
    point = max(0.0, 1 - (right - other) / effect.value)
    return point, f"as good as {what} from an accuracy of {point:.3f} on"


def flipped(differences: Floats, groups: npt.NDArray[np.intp], times: int, seed: int) -> float:
    """The two-sided p that paired differences are symmetric around 0: how often their mean is as far from 0
    when signs are drawn, one a group.

    The sign-flip (Fisher's) randomisation test; (hits + 1) / (times + 1) is never too small (B. Phipson and
    G. K. Smyth, "Permutation p-values should never be zero", 2010).
    """
    sums = np.bincount(groups, weights=differences)
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    rng, seen, hits = np.random.default_rng(seed), abs(sums.sum()), 0
    step = max(1, CELLS // len(sums))
    for start in range(0, times, step):
        signs = rng.integers(0, 2, (min(step, times - start), len(sums)), dtype=np.int8) * 2.0 - 1
        hits += int((np.abs(signs @ sums) >= seen - 1e-9).sum())
    return (hits + 1) / (times + 1)


def apart(matrix: Matrix, tasks: Tasks, router: Policy, gold: Policy) -> Estimate | None:
    """The score where the label is right minus where it is wrong, among tasks of the same gold label and
    difficulty; None where no kind has both.

    The kinds' differences are weighted by r w / (r + w) for r right and w wrong ones, as Cochran's and
    Mantel-Haenszel's estimators are.
    """
    assert router.labels is not None
    assert gold.labels is not None
    kinds = list(zip(gold.labels, matrix.difficulty, strict=True))
    at = {kind: i for i, kind in enumerate(dict.fromkeys(k for k in kinds if k[0] is not None))}
    if not at:
        return None
    n, score = len(at), (router.shares * matrix.score).sum(axis=1)
    member = np.zeros((len(kinds), n))
    for row, kind in enumerate(kinds):
        if kind in at:
            member[row, at[kind]] = 1.0
    right = np.array([a == b for a, b in zip(router.labels, gold.labels, strict=True)])[:, None]
    parts = [
        member * right,
        member * ~right,
        member * right * score[:, None],
        member * ~right * score[:, None],
    ]
    columns = np.hstack(parts)
    value = _stratified(columns.sum(axis=0)[None], n)[0]
    return None if np.isnan(value) else tasks.estimate(value, _stratified(tasks.sums(columns), n))


def _stratified(sums: Floats, n: int) -> Floats:
    rights, wrongs, of_right, of_wrong = (sums[:, i * n : (i + 1) * n] for i in range(4))
    both = (rights > 0) & (wrongs > 0)
    r, w = np.where(both, rights, 1.0), np.where(both, wrongs, 1.0)
    weight = np.where(both, r * w / (r + w), 0.0)
    total = weight.sum(axis=1)
    found: Floats = (weight * (of_right / r - of_wrong / w)).sum(axis=1) / np.where(total > 0, total, np.nan)
    return found
