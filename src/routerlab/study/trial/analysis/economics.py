"""What routing saves, and what its mistakes cost, downstream models included."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from routerlab.core.statistics.paired import Doubles, draw, middle
from routerlab.study.figures.arm import Settings
from routerlab.study.figures.labels import share
from routerlab.study.figures.rows import Row, grouped
from routerlab.study.routing_table import Routes
from routerlab.study.trial.analysis.result import Economics, Misroute


@dataclass(frozen=True)
class Request:
    """A row in money: `default` without a router, `right` with the right label, `routed` with the label that
    was given, and the router's own `router`, 0 where no price is known."""

    row: Row
    default: float
    right: float
    routed: float
    router: float

    @property
    def saved(self) -> float:
        """What the router saved on this request; negative where it cost more."""
        return self.default - self.routed - self.router


def requests(rows: Sequence[Row], routes: Routes, prompts: Mapping[str, str]) -> list[Request]:
    """The rows in money; `prompts` is case -> prompt. A row without a label, or whose arm abstained, went to
    the default model."""
    judged = [(row, prompts[row.case], row.gold) for row in rows if row.gold is not None]
    return [
        Request(
            row=row,
            default=routes.default_cost(prompt, gold),
            right=routes.routed_cost(prompt, gold, gold),
            routed=routes.routed_cost(prompt, gold, row.routed),
            router=row.cost or 0.0,
        )
        for row, prompt, gold in judged
    ]


def economics(
    arm: str, asked: Sequence[Request], routes: Routes, settings: Settings, ratios: Doubles
) -> Economics:
    """An arm's bill, of one request at least. `ratios` are bootstrap draws (see `drawn_ratio`)."""
    same = grouped((one.row.case, not _strays(one, routes)) for one in asked)
    outcome = share(list(same.values()), settings)
    assert outcome is not None
    default = sum(one.default for one in asked)
    routed = sum(one.routed for one in asked)
    router = sum(one.router for one in asked)
    low, high = middle(ratios, settings.confidence) or (None, None)
    point, says = break_even(asked)
    return Economics(
        arm=arm,
        n=len(asked),
        currency=routes.currency,
        default=default,
        routed=routed,
        router=router if any(one.row.cost is not None for one in asked) else None,
        saved_per_1000=1000 * (default - routed - router) / len(asked),
        ratio=(routed + router) / default if default else None,
        ratio_low=low,
        ratio_high=high,
        outcome_accuracy=outcome,
        break_even=point,
        break_even_says=says,
        misroutes=misroutes(asked, routes),
    )


def drawn_ratio(asked: Sequence[Request], settings: Settings) -> Doubles:
    """Bootstrap draws, over cases, of what it costs with the router over what it costs without; NaN where
    that is nothing."""
    sums: dict[str, list[float]] = {}
    for one in asked:
        own = sums.setdefault(one.row.case, [0.0, 0.0])
        own[0] += one.routed + one.router
        own[1] += one.default
    if len(sums) < 2:
        return np.zeros(0)
    drawn = draw(np.array(list(sums.values())), settings.resamples, settings.seed)
    ratio: Doubles = drawn[:, 0] / np.where(drawn[:, 1] > 0, drawn[:, 1], np.nan)
    return ratio


def break_even(asked: Sequence[Request]) -> tuple[float | None, str]:
    """The accuracy at which the router saves nothing, and what that means; None where there is no such one.

    With every label right it would save `best`; what it saves less than that is due to its mistakes, taken to
    be in proportion to their number. Savings are then linear in accuracy, and zero somewhere.
    """
    n = len(asked)
    best = sum(one.default - one.right - one.router for one in asked) / n
    now = sum(one.saved for one in asked) / n
    wrong = sum(one.row.routed != one.row.gold for one in asked) / n
    if best <= 0:
        return None, "it saves nothing, however accurate"
    if not wrong:
        return None, "no label was wrong, so what a wrong one costs is not known"
    if now >= best:
        return 0.0, "its mistakes cost nothing more than right labels: it saves at any accuracy"
    point = max(0.0, 1 - wrong * best / (best - now))
    if point == 0:
        return 0.0, "its mistakes cost less than a router saves: it saves at any accuracy"
    says = "saves as long as its accuracy is" if now > 0 else "would save with an accuracy"
    return point, f"it {says} above {point:.3f}; it is {1 - wrong:.3f}"


def _strays(one: Request, routes: Routes) -> bool:
    """Whether its label leads to another model than the right one."""
    return routes.target(one.row.routed).name != routes.target(one.row.gold).name


def misroutes(asked: Sequence[Request], routes: Routes) -> tuple[Misroute, ...]:
    """The kinds of misroutes, the costliest first; a wrong label that leads to the right model is none."""
    kinds = grouped(((one.row.gold or "", one.row.routed), one) for one in asked if _strays(one, routes))
    found = []
    for (gold, label), own in kinds.items():
        right, went = routes.target(gold), routes.target(label)
        found.append(
            Misroute(
                gold=gold,
                label=label,
                n=len(own),
                right=right.name,
                went=went.name,
                weaker=went.tier < right.tier,
                extra=sum(one.routed - one.right for one in own),
                forbidden=0 if routes.routes[gold].allows(went) else len(own),
            )
        )
    return tuple(sorted(found, key=lambda one: -one.extra))
