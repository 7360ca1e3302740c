"""Whether a judge is to be believed, and whom it prefers."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from routerlab.core.statistics.intervals import effective_n, wilson
from routerlab.core.statistics.reliability import cohen, figures
from routerlab.study.figures.arm import Estimate
from routerlab.study.outcome.analysis.result import Judged, Win
from routerlab.study.outcome.judge.record import Judgements
from routerlab.study.outcome.load import Outcomes

Hit = tuple[str, float]
"""A task, and what counts of one pair of answers to it: 0 to 1."""


def judged(found: Judgements, outcomes: Outcomes) -> Judged:
    """The figures of all pairs that were judged in both orders. A pair is won by the answer that is preferred
    in both, else it is a tie. A verdict that could not be read leaves its pair out, and is counted."""
    models = [model.name for model in outcomes.header.model]
    pairs = unread = 0
    shown_first: list[Hit] = []
    same: list[Hit] = []
    wins: dict[str, list[Hit]] = defaultdict(list)
    apart: list[tuple[str, int, int]] = []  # task, and which is better, the checks say and the judge: 0, 1, 2
    for (task, a, b), one in found.of.items():
        other = found.of.get((task, b, a))
        if other is None or models.index(a) > models.index(b):
            continue
        pairs += 1
        if one.verdict is None or other.verdict is None:
            unread += 1
            continue
        shown_first += [(task, float(said == "first")) for said in (one.verdict, other.verdict)]
        says = ("first", "second", "tie").index(one.verdict)
        turned = ("second", "first", "tie").index(other.verdict)
        same.append((task, float(says == turned)))
        choice = says if says == turned else 2
        wins[a].append((task, (1.0, 0.0, 0.5)[choice]))
        wins[b].append((task, (0.0, 1.0, 0.5)[choice]))
        scores = [outcomes.of[task, model].score or 0.0 for model in (a, b)]
        if scores[0] != scores[1]:
            apart.append((task, int(scores[1] > scores[0]), choice))
    table = np.array([row[1:] for row in apart], dtype=np.int64).reshape(-1, 2)
    kappa = figures({"kappa": cohen}, table)["kappa"] if apart else None
    ends = kappa.interval if kappa and kappa.interval else (None, None)
    if ends[0] == ends[1]:  # a judge with one verdict for all: no draw can differ
        ends = (None, None)
    return Judged(
        judge=found.header.judge.name,
        prompt_sha256=found.header.prompt_sha256,
        seed=found.header.seed,
        pairs=pairs,
        unread=unread,
        consistent=_share(same),
        first=_share(shown_first),
        apart=len(apart),
        better=_share([(task, float(choice == right)) for task, right, choice in apart]),
        worse=_share([(task, float(choice == 1 - right)) for task, right, choice in apart]),
        kappa=Estimate(value=kappa.value, low=ends[0], high=ends[1])
        if kappa and kappa.value is not None
        else None,
        wins=tuple(
            Win(model=model, pairs=len(wins[model]), share=share)
            for model in models
            if (share := _share(wins[model]))
        ),
    )


def _share(hits: Sequence[Hit]) -> Estimate | None:
    """Their mean with Wilson's interval, of as many as they are worth: pairs of one task are alike."""
    if not hits:
        return None
    by_task: dict[str, list[float]] = defaultdict(list)
    for task, hit in hits:
        by_task[task].append(hit)
    mean = sum(hit for _, hit in hits) / len(hits)
    n = effective_n([(sum(own), len(own)) for own in by_task.values()])
    low, high = wilson(mean * n, n)
    return Estimate(value=mean, low=low, high=high)
