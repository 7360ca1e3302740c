"""The sections that say what came out: the verdict, gates, accuracy against latency, pairs of arms."""

from collections.abc import Iterator, Sequence

from routerlab.core.statistics.agreement import Pair
from routerlab.core.text import plural
from routerlab.study.figures.arm import ArmFigures
from routerlab.study.figures.result import Analysis
from routerlab.study.report import words as w
from routerlab.study.report.blocks import Block, Cell, Figure, Fold, Lines, Row, Section, Table, table
from routerlab.study.report.plots.points import Point, Viable, points, viable
from routerlab.study.report.subject import Subject

MANY = 20
"""Pairs from which their tables are folded."""
FEW = 6
"""Arms that a sentence names."""
_WORDS = (("pass", "Viable"), ("undecided", "Undecided"), ("fail", "Not viable"))


def verdict(subject: Subject) -> Section:
    """Who is viable, who is dominated, what the decision matrix asks for, and what speaks against the run."""
    analysis = subject.analysis
    blocks: list[Block] = [Lines(tuple(_verdict_lines(subject))), _summary_table(analysis)]
    if decision := analysis.verdict.decision.reasons:
        blocks.append(Fold("Why this decision", (Lines(decision),)))
    return Section("Verdict", tuple(blocks))


def _verdict_lines(subject: Subject) -> Iterator[str]:
    analysis, found = subject.analysis, subject.analysis.verdict
    if subject.owed:
        yield f"Not finished: {missing(subject)}."
    for answer, word in _WORDS:
        arms = [arm for arm, said in found.viable.items() if said == answer]
        if arms:
            names = ", ".join(arms) if len(arms) <= FEW else plural(len(arms), "arm")
            yield f"{word} ({', '.join(analysis.gates)}): {names}."
    decision = found.decision
    says = f"Decision: {decision.says} (rule {decision.row})" if decision.row else decision.says
    yield f"{says[:1].upper()}{says[1:]}."
    if decision.primary:
        fallback = f", with {decision.fallback} as the fallback" if decision.fallback else ""
        yield f"First: {decision.primary}{fallback}."
    if subject.notes:
        yield f"{plural(len(subject.notes), 'note')} on these figures: see Harmony and deviations."


def missing(subject: Subject) -> str:
    """What a benchmark still owes its plan."""
    verb = "is" if subject.owed == 1 else "are"
    return f"{plural(subject.owed, 'answer')} that the plan asks for {verb} missing"


def _summary_table(analysis: Analysis) -> Block:
    pareto, costs = analysis.verdict.pareto, any(arm.cost for arm in analysis.arms)
    rows = []
    for arm in analysis.arms:
        viable = analysis.verdict.viable.get(arm.arm)
        standing = ""
        if pareto and arm.arm in pareto.members:
            standing = "in the set"
        elif pareto and arm.arm in pareto.dominated:
            standing = f"dominated by {pareto.dominated[arm.arm]}"
        rows.append(
            (
                Cell(arm.arm),
                Cell(viable, mark=viable) if viable else Cell(w.NONE),
                Cell(standing or w.NONE),
                accuracy_cell(arm),
                w.quantile(arm.latency.p95 if arm.latency else None),
                *([Cell(w.money(arm.cost.per_1000 if arm.cost else None))] if costs else []),
            )
        )
    over = f" over {', '.join(pareto.over)}" if pareto else ""
    currency = next((arm.cost.currency for arm in analysis.arms if arm.cost), "")
    heads = (
        "Arm",
        "Gates",
        f"Pareto{over}",
        "Accuracy",
        "P95, ms",
        *([f"{currency} per 1,000"] if costs else []),
    )
    return table(heads, rows, names=3, searched=True)


def accuracy_cell(arm: ArmFigures) -> Cell:
    """Accuracy with Wilson's interval."""
    found = arm.accuracy
    return Cell(w.share(found.value), w.interval(*found.wilson)) if found else Cell(w.NONE)


def against(subject: Subject, name: str) -> Section | None:
    """Accuracy against P95; None where no arm has both."""
    found, region = points(subject.analysis), viable(subject.analysis.gates)
    left_out = [arm.arm for arm in subject.analysis.arms if arm.arm not in {p.name for p in found}]
    if not found:
        return None
    blocks: list[Block] = [scatter_figure(f"{name}-against", found, region)]
    if left_out:
        blocks.append(Lines((f"Without an accuracy or a latency, and so not here: {', '.join(left_out)}.",)))
    return Section("Accuracy against latency", tuple(blocks))


def scatter_figure(name: str, found: Sequence[Point], region: Viable) -> Figure:
    """The scatter plot of these points."""

    def draw() -> str:
        from routerlab.study.report.plots.latency import scatter

        return scatter(name, found, region)

    return Figure(
        name,
        "Scatter plot of accuracy against P95 of latency",
        draw,
        caption="Bars are the intervals, dotted towards an open end. Green: passes all gates; amber: "
        "undecided; grey: fails. Hollow: dominated by another arm.",
        key=tuple(p.name for p in found),
    )


def gates(subject: Subject) -> Section | None:
    """Every gate of every arm, with what would decide it."""
    rows = []
    arms = subject.analysis.arms
    for arm in [arm for arm in arms if arm.accuracy] or arms:
        for gate in arm.gates:
            more = f"{gate.more:,}" if gate.more is not None else "?" if gate.undecidable else ""
            rows.append((arm.arm, Cell(gate.gate), w.answer(gate), w.gated(gate), more))
    if not rows:
        return None
    confidence = f"{subject.analysis.settings.confidence:.0%}"
    note = (
        f"A gate passes when all of the {confidence} interval keeps the limit and fails when none of it "
        "does. More cases: so many would decide, if they came out as those so far; "
        "?: not computed for F1, or no number would decide."
    )
    heads = ("Arm", "Gate", "Answer", "Figure", "More cases")
    return Section("Gates", (table(heads, rows, names=3, caption=note),))


def pairs(subject: Subject) -> Section | None:
    """Arms against each other: exact McNemar, Holm, differences, agreement; None for fewer than two."""
    analysis = subject.analysis
    if not analysis.pairs:
        return None
    blocks: list[Block] = []
    if q := analysis.cochran:
        blocks.append(
            Lines(
                (
                    f"Cochran's Q over all arms: {q.q:.2f}, {q.df} degrees of freedom, p {w.p_value(q.p)}, "
                    f"{plural(q.n, 'case')}.",
                )
            )
        )
    tests = [
        (
            f"{p.a} & {p.b}",
            str(p.n),
            str(p.only_a),
            str(p.only_b),
            w.p_value(p.p),
            w.p_value(p.p_holm),
            Cell(f"{p.difference:+.3f}", w.signed(p.low, p.high)),
        )
        for p in analysis.pairs
    ]
    tested = table(
        ("Arms", "Cases", "Only first right", "Only second right", "p, McNemar", "p, Holm", "Difference"),
        tests,
        caption="Exact McNemar, two-sided; Holm over all pairs; difference of accuracies with the paired "
        "bootstrap's interval.",
    )
    named = [
        (f"{p.a} & {p.b}", Pair(p.a, p.b, p.answered, p.agreed, p.agreed_scored, p.agreed_right))
        for p in analysis.pairs
    ]
    if u := analysis.unanimity:
        named.append(("all", Pair("", "", u.answered, u.agreed, u.scored, u.right)))
    agreed = agreement(named)
    if len(tests) > MANY:
        blocks += [Fold(f"All {len(tests)} pairs", (tested,)), Fold("How often they agree", (agreed,))]
    else:
        blocks += [tested, agreed]
    return Section("Arms against each other", tuple(blocks))


def agreement(named: Sequence[tuple[str, Pair]]) -> Table:
    """How often arms agree, and how often that is right."""
    rows: list[Row] = [
        (
            name,
            str(p.n),
            Cell(w.share(p.agree_rate), f"{p.agreed} of {p.n}"),
            Cell(w.share(p.right_rate), f"{p.right} of {p.scored}"),
        )
        for name, p in named
    ]
    return table(("Arms", "Both answered", "Agree", "Right where they agree"), rows)
