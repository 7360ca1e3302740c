"""Where a routing table would send the question by each arm's label, and what that costs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from textual.content import Content

from routerlab.core.prediction import Trial
from routerlab.core.text import plural, printable
from routerlab.study.routing_table import Routes, Target
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import Part, fit

MOST = 3
"""Lines that targets have at most; as many are kept for them, so that nothing outside the question jumps."""


@dataclass(frozen=True)
class Sent:
    """A target and the `arms` whose labels lead there; the `costs` of 1,000 such requests, one an arm, None
    where no label says how long an answer is."""

    target: Target
    arms: tuple[str, ...]
    costs: tuple[float | None, ...]


def target_lines(routes: Routes | None) -> int:
    """How many lines `targets_text` has at most."""
    return min(MOST, len(routes.model)) if routes else 0


def sent(routes: Routes, trials: Mapping[str, Trial], prompt: str | None) -> list[Sent]:
    """The targets that arms' labels lead to, the weakest first. An answer is as long as the table says of the
    gold label, else of the arm's own; without a label a prompt goes to the default."""
    arms: dict[str, dict[str, float | None]] = {}
    for arm, trial in trials.items():
        label = trial.routed if trial.routed in routes.routes else None
        gold = trial.gold if trial.gold in routes.routes else None
        target, length, cost = routes.target(label), gold or label, None
        if prompt is not None and length is not None:
            cost = 1000 * target.cost(*routes.tokens(prompt, length))
        if trial.status != "cancelled":
            arms.setdefault(target.name, {})[arm] = cost
    order = sorted(arms, key=lambda name: (routes.targets[name].tier, name))
    return [Sent(routes.targets[name], tuple(arms[name]), tuple(arms[name].values())) for name in order]


def targets_text(
    routes: Routes, trials: Mapping[str, Trial], prompt: str | None, width: int, p: Palette
) -> Content:
    """A line a target with its arms: an arrow where all go there, an unequal sign where arms part."""
    found = sent(routes, trials, prompt)
    lines = target_lines(routes)
    shown, more = found[:lines], sum(len(one.arms) for one in found[lines:])
    name = min(16, max((len(one.target.name) for one in shown), default=0))
    costs = [_cost(one, routes.currency) for one in shown]
    size = max(map(len, costs), default=0)
    rows: list[list[Part]] = []
    for one, cost in zip(shown, costs, strict=True):
        sign, style = ("→", p.dim) if len(found) == 1 else ("≠", f"bold {p.warn}")
        arms = "all arms" if len(found) == 1 else ", ".join(map(printable, one.arms))
        if more and one is shown[-1]:
            arms += f"; {plural(more, 'more arm')} elsewhere"
        left = max(0, width - name - size - 6)
        rows.append(
            [
                (f"{sign} ", style),
                (fit(printable(one.target.name), name), "bold"),
                (f"  {cost.rjust(size)}", ""),
                (f"  {fit(arms, left)}", p.dim),
            ]
        )
    return Content("\n").join(Content.assemble(*row) for row in rows)


def _cost(one: Sent, currency: str) -> str:
    """Such as "0.06 USD per 1,000", or "0.04-0.06 USD per 1,000" where the arms' labels differ in length."""
    known = [f"{cost:.3g}" for cost in sorted(x for x in one.costs if x is not None)]
    if not known:
        return "cost unknown"
    ends = known[0] if known[0] == known[-1] else f"{known[0]}-{known[-1]}"
    return f"{ends} {printable(currency)} per 1,000"
