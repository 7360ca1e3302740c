"""Arms against each other on the cases that they share."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from routerlab.core.statistics.agreement import pairwise, vote
from routerlab.core.statistics.paired import bootstrap_ratio, cochran_q, holm, mcnemar
from routerlab.study.figures.arm import Settings
from routerlab.study.figures.result import Cochran, Comparison, Unanimity
from routerlab.study.figures.rows import Row

Means = Mapping[str, Mapping[str, float]]
"""Arm -> case -> share of its repeats that are right."""


def comparisons(rows: Sequence[Row], means: Means, settings: Settings) -> tuple[Comparison, ...]:
    """Every pair of arms with cases in common, p adjusted over all of them (Holm)."""
    agreement = {(pair.a, pair.b): pair for pair in pairwise(rows)}
    found: list[Comparison] = []
    for a, b in combinations(means, 2):
        common = [case for case in means[a] if case in means[b]]
        if not common:
            continue
        of_a, of_b = ([means[arm][case] for case in common] for arm in (a, b))
        kinds = [(x > 0.5, y > 0.5) for x, y in zip(of_a, of_b, strict=True)]
        only_a, only_b = kinds.count((True, False)), kinds.count((False, True))
        differences = [x - y for x, y in zip(of_a, of_b, strict=True)]
        low, high = bootstrap_ratio(
            differences, [1.0] * len(common), settings.confidence, settings.resamples, settings.seed
        ) or (None, None)
        pair = agreement.get((a, b)) or agreement.get((b, a))
        p = mcnemar(only_a, only_b)
        found.append(
            Comparison(
                a=a,
                b=b,
                n=len(common),
                both=kinds.count((True, True)),
                only_a=only_a,
                only_b=only_b,
                neither=kinds.count((False, False)),
                p=p,
                p_holm=p,
                difference=sum(differences) / len(common),
                low=low,
                high=high,
                answered=pair.n if pair else 0,
                agreed=pair.agreed if pair else 0,
                agreed_scored=pair.scored if pair else 0,
                agreed_right=pair.right if pair else 0,
            )
        )
    adjusted = holm([one.p for one in found])
    return tuple(one.model_copy(update={"p_holm": p}) for one, p in zip(found, adjusted, strict=True))


def cochran(means: Means) -> Cochran | None:
    """Cochran's Q over three arms or more; None for fewer, or without a case that all of them answered."""
    if len(means) < 3:
        return None
    first, *others = means.values()
    common = [case for case in first if all(case in other for other in others)]
    if not common:
        return None
    table = np.array([[of_arm[case] > 0.5 for of_arm in means.values()] for case in common])
    q, df, p = cochran_q(table)
    return Cochran(n=len(common), q=q, df=df, p=p)


def unanimity(rows: Sequence[Row], arms: Sequence[str]) -> Unanimity | None:
    """How often all of three arms or more agree, and how often that is right; None for fewer."""
    if len(arms) < 3:
        return None
    said: dict[tuple[str, int], dict[str, Row]] = {}
    for row in rows:
        if row.label is not None and row.arm in arms:
            said.setdefault(row.group, {})[row.arm] = row
    full = [list(answers.values()) for answers in said.values() if len(answers) == len(arms)]
    agreed = [one[0] for one in full if vote(row.label for row in one).votes == len(arms)]
    scored = [row for row in agreed if row.right is not None]
    right = sum(row.right is True for row in scored)
    return Unanimity(answered=len(full), agreed=len(agreed), scored=len(scored), right=right)
