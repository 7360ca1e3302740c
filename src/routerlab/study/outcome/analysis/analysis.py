"""The whole analysis: from a matrix, labels, a table and features to a result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from routerlab.core.errors import LabError
from routerlab.core.text import plural
from routerlab.study.figures.arm import Estimate, Settings
from routerlab.study.outcome.analysis import policies as p
from routerlab.study.outcome.analysis.direct import predicted
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.effects import right_label
from routerlab.study.outcome.analysis.figures import curve, expected, standings
from routerlab.study.outcome.analysis.forward import gap_over_costs
from routerlab.study.outcome.analysis.labels import Labelled, joined
from routerlab.study.outcome.analysis.result import Curve, Failure, OutcomeResult
from routerlab.study.outcome.analysis.signal import codes, signal
from routerlab.study.outcome.analysis.table import cross_fitted, priced, swept
from routerlab.study.outcome.analysis.verdict import WORTH, verdict
from routerlab.study.outcome.matrix import Floats, Matrix
from routerlab.study.routing_table import Routes
from routerlab.version import __version__


@dataclass(frozen=True)
class Features:
    """What a model computes of prompts, by their hash: (d,) each."""

    name: str
    by_sha256: Mapping[str, Floats]


def analyse(
    whole: Matrix,
    session: str,
    labelled: Sequence[Labelled] = (),
    routes: Routes | None = None,
    features: Features | None = None,
    settings: Settings | None = None,
    worth: float = WORTH,
    session_sha256: str | None = None,
) -> OutcomeResult:
    """The result; LabError where there is nothing to judge, or labels, table and matrix do not fit together.

    Without a table there is none whose labels could be right or wrong about models: then every labeller is
    judged by the table that suits it, fitted to other tasks, and the control is the best model.
    """
    matrix, left_out = p.complete(whole)
    if len(matrix.models) < 2:
        raise LabError(f"{whole.name}: has one model only; routing needs two to choose from")
    if routes:
        p.check_models(matrix, routes)
    tasks = Tasks(matrix.group, settings or Settings())
    notes: list[str] = []
    givers, gold = _givers(matrix, labelled, notes)
    found = _policies(matrix, tasks, givers, routes)
    curves = _curves(matrix, tasks, givers)
    if features is not None:
        rival, line = _direct(matrix, tasks, features)
        found.insert(-1, rival)
        curves.insert(-1, line)
        notes += [*_rivalry(matrix, tasks, found, rival), *_orders(curves)]
    told = standings(matrix, tasks, found, gold)
    right = next((one for one in found if one.kind == "gold"), None)
    effects = [
        effect
        for one in found
        if right and one.kind in ("router", "annotator")
        if (effect := right_label(matrix, tasks, one, right, found[0]))
    ]
    signals = [signal(name, matrix, tasks, labels) for name, _, labels in givers]
    said = verdict(told, effects, signals, curves, worth, len(matrix.tasks))
    subject = next((one for one in found if one.name == said.router), None)
    if left_out:
        notes.append(
            f"{plural(left_out, 'task is', 'tasks are')} left out: some model's answer to them has no score"
        )
    weak, strong = _ends(matrix)
    return OutcomeResult(
        lab_version=__version__,
        session=session,
        session_sha256=session_sha256,
        name=matrix.name,
        tasks=len(matrix.tasks),
        groups=tasks.n_groups,
        left_out=left_out,
        models=matrix.models,
        weak=matrix.models[weak],
        strong=matrix.models[strong],
        currency=matrix.currency,
        routes=routes.name if routes else None,
        worth=worth,
        settings=tasks.settings,
        verdict=said,
        policies=told,
        effects=tuple(effects),
        signals=tuple(signals),
        curves=tuple(curves),
        failures=_failures(matrix, subject) if subject else (),
        notes=tuple(notes),
    )


Giver = tuple[str, p.Kind, tuple[str | None, ...]]
"""Who gave labels, and one a task."""


def _givers(
    matrix: Matrix, labelled: Sequence[Labelled], notes: list[str]
) -> tuple[list[Giver], tuple[str | None, ...]]:
    """Gold first, if there is any, then the others; and gold."""
    gold: tuple[str | None, ...] = matrix.labels
    found: list[Giver] = [("gold labels", "gold", gold)] if any(gold) else []
    for one in labelled:
        labels, missing = joined(matrix, one)
        if missing == len(labels):
            raise LabError(f"{one.name}: none of its labels is of a task of {matrix.name!r}")
        if missing:
            notes.append(
                f"{one.name} has no label for {missing} of {len(labels)} tasks: they go to the default"
            )
        found.append((one.name, one.kind, labels))
    names = [name for name, _, _ in found]
    if twice := sorted({name for name in names if names.count(name) > 1} | set(names) & set(matrix.models)):
        raise LabError(f"two have the name {twice[0]!r}; give the labels of one of them only")
    return found, gold


def _policies(matrix: Matrix, tasks: Tasks, givers: Sequence[Giver], routes: Routes | None) -> list[p.Policy]:
    """The control first, the oracle last."""
    found = [p.control(matrix, routes), *(p.single(matrix, model) for model in matrix.models)]
    for name, kind, labels in givers:
        if routes:
            own = p.by_labels(name, kind, matrix, labels, routes)
            found += [own, p.like(own, matrix)]
    for name, _, labels in givers:
        shares = cross_fitted(matrix, tasks, codes(labels))
        found.append(p.Policy(f"learned table by {name}", "table", shares, labels))
    return [*found, p.oracle(matrix)]


def _curves(matrix: Matrix, tasks: Tasks, givers: Sequence[Giver]) -> list[Curve]:
    """Tables at all prices by each labeller; before them the models alone, after them the oracle."""
    ends = _ends(matrix)
    singles = [p.single(matrix, model).shares for model in matrix.models]
    level = np.zeros(len(matrix.tasks))
    found = [curve("random mixes of models", "random", matrix, tasks, singles, level, ends)]
    for name, _, labels in givers:
        shares, score = swept(matrix, tasks, codes(labels))
        priority = score[:, ends[1]] - score[:, ends[0]]
        more = gap_over_costs(matrix, tasks, codes(labels))
        found.append(curve(f"tables by {name}", "table", matrix, tasks, shares, priority, ends, more))
    score = matrix.score
    known = np.nan_to_num(matrix.cost)
    gain = score[:, ends[1]] - score[:, ends[0]]
    return [*found, curve("oracle", "oracle", matrix, tasks, priced(matrix, score, known), gain, ends)]


def _ends(matrix: Matrix) -> tuple[int, int]:
    """The columns of the weakest and the strongest model: by tier where all have one, else by score."""
    means = matrix.score.mean(axis=0)
    tiers = [tier or 0 for tier in matrix.tiers] if all(matrix.tiers) else [0] * len(means)
    order = sorted(range(len(means)), key=lambda i: (tiers[i], means[i]))
    return order[0], order[-1]


def _direct(matrix: Matrix, tasks: Tasks, features: Features) -> tuple[p.Policy, Curve]:
    known = [features.by_sha256.get(sha or "") for sha in matrix.prompt_sha256]
    if missing := sum(one is None for one in known):
        raise LabError(
            f"{features.name}: has no features of {missing} of {len(known)} tasks; read them with "
            "`routerlab outcome labels PROMPTS --arm ROUTER --features FILE`"
        )
    score, cost = predicted(matrix, tasks, np.stack([one for one in known if one is not None]))
    name = f"direct, by {features.name}"
    ends = _ends(matrix)
    gain = score[:, ends[1]] - score[:, ends[0]]
    line = curve(name, "direct", matrix, tasks, priced(matrix, score, cost), gain, ends)
    return p.Policy(name, "direct", p.one_hot(matrix, score.argmax(axis=1))), line


def _rivalry(matrix: Matrix, tasks: Tasks, found: Sequence[p.Policy], rival: p.Policy) -> list[str]:
    """Whether the direct router beats the best of the tables by labels."""
    tables = [one for one in found if one.kind == "table"]
    if not tables:
        return []
    scores = expected([rival, *tables], matrix.score)
    best = 1 + int(scores[:, 1:].mean(axis=0).argmax())
    draws = tasks.means(scores[:, [0, best]])
    gap = tasks.estimate(scores[:, 0].mean() - scores[:, best].mean(), draws[:, 0] - draws[:, 1])
    ends = "" if gap.low is None or gap.high is None else f" ({gap.low:+.3f} to {gap.high:+.3f})"
    wins = gap.low is not None and gap.low > 0
    loses = gap.high is not None and gap.high < 0
    says = "beats" if wins else "loses to" if loses else "is not told apart from"
    return [f"the direct router {says} the {tables[best - 1].name}: {gap.value:+.3f}{ends}"]


def _orders(curves: Sequence[Curve]) -> list[str]:
    """Which of them better tells the tasks that need the strong model: the direct router, or labels."""
    rival = next(one for one in curves if one.kind == "direct")
    tables = [one for one in curves if one.kind == "table" and one.apgr]
    if not rival.apgr or not tables:
        return []
    best = max(tables, key=lambda one: one.apgr.value if one.apgr else 0.0)
    told = [f"{one.apgr.value:.2f}{_interval(one.apgr)}" for one in (rival, best) if one.apgr]
    return [
        f"of the gap between models the direct router recovers {told[0]} on average, {best.name} {told[1]}"
    ]


def _interval(found: Estimate) -> str:
    return "" if found.low is None or found.high is None else f" ({found.low:.2f} to {found.high:.2f})"


def _failures(matrix: Matrix, subject: p.Policy, most: int = 20) -> tuple[Failure, ...]:
    """The kinds of tasks on which the router's models lose most to the best model for each task."""
    labels = matrix.labels if any(matrix.labels) else subject.labels or matrix.labels
    got = (subject.shares * matrix.score).sum(axis=1)
    lost = matrix.score.max(axis=1) - got
    kinds = list(zip(labels, matrix.difficulty, strict=True))
    order = sorted(range(len(kinds)), key=lambda i: tuple(part or "" for part in kinds[i]))
    found = []
    for kind, rows in groupby(order, key=lambda i: kinds[i]):
        own = np.array(list(rows))
        found.append(
            Failure(
                router=subject.name,
                label=kind[0],
                difficulty=kind[1],
                tasks=len(own),
                quality=float(got[own].mean()),
                lost=float(lost[own].mean()),
            )
        )
    return tuple(sorted(found, key=lambda one: -one.lost * one.tasks)[:most])
