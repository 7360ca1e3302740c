"""The sections of an analysis of outcomes: does right routing give better answers."""

from collections.abc import Sequence

from routerlab.core.text import plural
from routerlab.study.figures.arm import Estimate
from routerlab.study.outcome.analysis.policies import Kind
from routerlab.study.outcome.analysis.result import OutcomeResult, RightLabel, Standing
from routerlab.study.report import words as w
from routerlab.study.report.blocks import (
    Block,
    Cell,
    Figure,
    Lines,
    Mark,
    Row,
    Section,
    Table,
    facts,
    table,
)
from routerlab.study.report.sections.judge import judges

MARKS: dict[str, Mark] = {"supported": "pass", "refuted": "fail", "undecided": "undecided"}
KINDS: dict[Kind, str] = {
    "control": "no router",
    "model": "one model",
    "random": "random",
    "router": "router",
    "annotator": "annotator",
    "gold": "right labels",
    "table": "learned table",
    "direct": "no labels",
    "oracle": "knows the answers",
}
"""What the kinds of policies are called."""


def heading(result: OutcomeResult) -> tuple[str, list[str]]:
    """The title of a report, and the facts below it."""
    counts = [plural(result.tasks, "task"), plural(len(result.models), "model")]
    return f"Does right routing give better answers? {result.name}", [" · ".join(counts)]


def sections(result: OutcomeResult) -> list[Section]:
    """All sections, the verdict first; what there is nothing to say of is left out."""
    found = (
        _verdict(result),
        _plane(result),
        Section("Ways of routing", (policies_table(result.policies, result.currency),)),
        _effects(result),
        _signals(result),
        _curves(result),
        _failures(result),
        judges(result.judged),
        _origin(result),
    )
    return [section for section in found if section]


def _verdict(result: OutcomeResult) -> Section:
    said = result.verdict
    blocks: list[Block] = [Lines(said.sentences)]
    rows: list[Row] = [
        (
            one.says,
            Cell(one.finding, mark=MARKS[one.finding]),
            difference(one.effect),
            "" if one.needed is None else f"{one.needed:,}",
        )
        for one in said.statements
    ]
    if rows:
        note = (
            f"Supported: the whole {result.settings.confidence:.0%} interval is above 0; refuted: all of it "
            f"is below {result.worth:g}, the least difference of scores that matters. Tasks: so many would "
            "decide, if they came out as these."
        )
        heads = ("Statement", "Finding", "Difference of scores", "Tasks")
        blocks.append(table(heads, rows, names=2, caption=note))
    if result.notes:
        blocks.append(Lines(result.notes))
    return Section("Verdict", tuple(blocks))


def _plane(result: OutcomeResult) -> Section | None:
    shown = [one for one in result.policies if one.cost is not None]
    if not shown:
        return None

    def draw() -> str:
        from routerlab.study.report.plots.tradeoff import plane

        return plane("plane", result)

    figure = Figure(
        "plane",
        "Mean score against cost, of every way of routing",
        draw,
        caption="Line: the best that random mixes of the models get for the money. Dots: routers and "
        "tables; squares: one model alone; hollow: random routing; triangle: the oracle. Bars are intervals.",
        key=tuple(one.name for one in shown),
    )
    return Section("Quality against cost", (figure,))


def policies_table(policies: Sequence[Standing], currency: str) -> Table:
    """A row a policy."""
    priced = any(one.cost for one in policies)
    timed = any(one.latency_ms for one in policies)
    rows: list[Row] = [
        (
            one.name,
            KINDS[one.kind],
            w.estimate(one.quality),
            w.share(one.good.value),
            *([_amount(one.cost)] if priced else []),
            *([_time(one.latency_ms), _time(one.p95_ms)] if timed else []),
            difference(one.vs_control),
            *([difference(one.vs_random)] if priced else []),
            difference(one.vs_mix),
            w.share(one.accuracy),
        )
        for one in policies
    ]
    heads = (
        "Way",
        "Kind",
        "Mean score",
        "Good enough",
        *([f"{currency} per 1,000"] if priced else []),
        *(["Mean, ms", "P95, ms"] if timed else []),
        "Against control",
        *(["Against random at its cost"] if priced else []),
        "Against its mix at random",
        "Labels right",
    )
    note = (
        "Costs and times are the answers', without the router's own. Differences are of mean scores, paired."
    )
    return table(heads, rows, names=2, caption=note, searched=True)


def _effects(result: OutcomeResult) -> Section | None:
    if not result.effects:
        return None
    rows: list[Row] = [
        (
            one.router,
            f"{one.wrong} of {one.tasks}",
            str(one.strayed),
            difference(one.matched),
            w.p_value(one.p),
            difference(one.net),
            difference(one.apart),
            "" if one.per_point is None else f"{one.per_point:+.4f}",
            w.share(one.break_even),
            w.share(one.break_even_random),
        )
        for one in result.effects
    ]
    heads = (
        "Router",
        "Wrong labels",
        "To another model",
        "Right minus wrong, same task",
        "p",
        "At equal cost",
        "Right minus wrong, other tasks",
        "A point of accuracy",
        "Break-even, control",
        "Break-even, random",
    )
    note = (
        "Same task: its score under the right label minus that under the wrong one, mean over wrong labels; "
        "all else is equal. At equal cost: less what random routing would get for what the right label costs "
        "more. Other tasks: of the same label and difficulty, which may still be harder. "
        "Break-even: the accuracy from which routing is as good as that."
    )
    lines = Lines(tuple(map(_sentence, result.effects)))
    return Section("The effect of a right label", (table(heads, rows, caption=note), lines))


def _sentence(one: RightLabel) -> str:
    return f"{one.router}: {one.says}."


def _signals(result: OutcomeResult) -> Section | None:
    if not result.signals:
        return None
    rows: list[Row] = [
        (
            one.labels,
            f"{one.eta_squared:.3f}",
            w.p_value(one.p),
            "" if one.within is None else f"{one.within:.3f}",
            "" if one.p_within is None else w.p_value(one.p_within),
            w.share(one.best_single.value),
            w.share(one.by_label.value),
            w.estimate(one.by_label_cross),
            w.share(one.by_task.value),
            _percent(one.reach),
        )
        for one in result.signals
    ]
    heads = (
        "Labels",
        "Variance explained",
        "p",
        "Within sets",
        "p",
        "Best model",
        "Best table, same tasks",
        "On other tasks",
        "Best for each task",
        "Reached",
    )
    note = (
        "Variance of the models' scores relative to each other that labels explain (eta squared), and the p "
        "of labels that were shuffled doing as well; within the sets that tasks are from, too. Reached: the "
        "part of the gain from the best model to the best for each task that a table by these labels gets."
    )
    return Section("What labels say of the models", (table(heads, rows, caption=note),))


def _curves(result: OutcomeResult) -> Section | None:
    rows: list[Row] = [
        (
            one.name,
            w.estimate(one.aiq),
            difference(one.vs_random),
            w.estimate(one.apgr),
            w.share(one.cpt50),
            w.share(one.cpt80),
        )
        for one in result.curves
    ]
    heads = ("Way", "AIQ", "Against random", "APGR", "CPT 50 %", "CPT 80 %")
    note = (
        "AIQ: the mean height of the hull over the models' costs (RouterBench, arXiv 2403.12031). APGR: the "
        f"mean part recovered of the gap from {result.weak} to {result.strong} when ever more tasks go to "
        "the latter; CPT: the share that does for 50 % and 80 % (RouteLLM, arXiv 2406.18665). Random: 0.5, "
        "0.5, 0.8. Against random, tables are judged on tasks that come, by lot, after those they were "
        "fitted to, for a hull is too high on the tasks whose hull it is; others by their AIQ."
    )
    return Section(
        "At all prices",
        (table(heads, rows, caption=note),),
    )


def _failures(result: OutcomeResult) -> Section | None:
    rows: list[Row] = [
        (
            one.label or w.NONE,
            one.difficulty or w.NONE,
            str(one.tasks),
            w.share(one.quality),
            w.share(one.lost),
        )
        for one in result.failures
    ]
    if not rows:
        return None
    note = (
        f"{result.failures[0].router}: what it loses to the best model for each task, the most in all first."
    )
    heads = ("Label", "Difficulty", "Tasks", "Mean score", "Lost a task")
    return Section("Where it fails", (table(heads, rows, names=2, caption=note),))


def _origin(result: OutcomeResult) -> Section:
    drawn = f"{result.settings.resamples:,} draws, seed {result.settings.seed}"
    pinned = f", SHA-256 {result.session_sha256}" if result.session_sha256 else ""
    rows = [
        ("Outcomes", f"{result.session}{pinned}"),
        ("Models", ", ".join(result.models)),
        (
            "Routing table",
            result.routes or "none: each labeller got the table that suits it, fitted to other tasks",
        ),
        ("Tasks", f"{result.tasks:,} in {plural(result.groups, 'group')}, {result.left_out:,} left out"),
        ("Intervals", f"percentile bootstrap over groups of tasks, {drawn}"),
        ("Lab", result.lab_version),
    ]
    return Section("Where it is from", (facts(rows),), detail=True)


def difference(found: Estimate | None) -> Cell:
    """A difference with its interval, three digits."""
    if found is None:
        return Cell(w.NONE)
    ends = "" if found.low is None or found.high is None else f"{found.low:+.3f} to {found.high:+.3f}"
    return Cell(f"{found.value:+.3f}", ends)


def _percent(found: Estimate | None) -> Cell:
    if found is None:
        return Cell(w.NONE)
    ends = "" if found.low is None or found.high is None else f"{found.low:.0%} to {found.high:.0%}"
    return Cell(f"{found.value:.0%}", ends)


def _amount(found: Estimate | None) -> Cell:
    if found is None:
        return Cell(w.NONE)
    ends = "" if found.low is None or found.high is None else f"{w.money(found.low)} to {w.money(found.high)}"
    return Cell(w.money(found.value), ends)


def _time(found: Estimate | None) -> Cell:
    return (
        Cell(w.NONE) if found is None else Cell(w.milliseconds(found.value), w.times(found.low, found.high))
    )
