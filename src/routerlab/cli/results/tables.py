"""An analysis for people: tables that fit 80 columns."""

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table

from routerlab.cli.shared.tables import cell, figures_table
from routerlab.core.statistics.agreement import Pair
from routerlab.study.figures.arm import ArmFigures, GateFigure, QuantileFigure
from routerlab.study.figures.result import Analysis, Decision
from routerlab.study.report import words as w

FEW = 12
"""Labels that a confusion matrix may have to fit the screen."""
ABREAST = 4
"""Arms that are columns of one table."""
LISTED = 10
"""Corridors that are shown of an arm; analysis.json has all."""
MEMORY = ("cold start, ms", "memory", "own", "at the end")


def overview(analysis: Analysis) -> Iterator[Table]:
    """What everybody wants to know: accuracy, latency and cost, pairs of arms, gates."""
    yield accuracy_table(analysis)
    yield latency_table(analysis)
    if analysis.pairs:
        yield pairs_table(analysis)
        yield agreement_table(analysis)
    yield gates_table(analysis.arms)


def details(analysis: Analysis) -> Iterator[Table]:
    """What one asks next: start and memory, F1 of labels and families, confusion, corridors, calibration."""
    if started := [arm for arm in analysis.arms if arm.record]:
        yield start_table(started)
    judged = [arm for arm in analysis.arms if arm.accuracy]
    for i in range(0, len(judged), ABREAST):
        yield labels_table(analysis, judged[i : i + ABREAST])
    for arm in judged:
        if len(analysis.labels) <= FEW:
            yield confusion_table(arm, analysis.labels)
        if arm.corridors:
            yield corridors_table(arm)
    if any(arm.calibration for arm in judged):
        yield calibration_table(judged)


def accuracy_table(analysis: Analysis) -> Table:
    """A row an arm: accuracy with Wilson's interval, both weightings, families, macro F1, parse rate."""
    repeated = any(arm.repeats[1] > 1 for arm in analysis.arms)
    caption = (
        "repeats are averaged within a case; by trial: every trial counts the same" if repeated else None
    )
    headings = ("cases", "acc.", "95 %", *(("by trial",) if repeated else ()), "task", "F1", "parse")
    table = figures_table(caption, ["arm"], headings)
    for arm in analysis.arms:
        accuracy = arm.accuracy
        table.add_row(
            cell(arm.arm),
            str(accuracy.n if accuracy else arm.cases),
            w.share(accuracy.value if accuracy else None),
            f"{accuracy.wilson[0]:.2f}-{accuracy.wilson[1]:.2f}" if accuracy else "",
            *((w.share(accuracy.by_trial if accuracy else None),) if repeated else ()),
            w.share(arm.task_accuracy.value if arm.task_accuracy else None),
            w.share(arm.macro_f1.value if arm.macro_f1 else None),
            w.share(arm.parse_rate.value if arm.parse_rate else None),
        )
    return table


def latency_table(analysis: Analysis) -> Table:
    """A row an arm: answers, quantiles in milliseconds with their intervals, length of answers, cost."""
    costs = [arm.cost for arm in analysis.arms if arm.cost]
    caption = f"ms; percentiles: {analysis.settings.percentile}; in brackets 95 %, ... where it is open"
    headings = ["answers", "P50", "P95", "P99", "chars"]
    table = figures_table(caption, ["arm"], (*headings, *((f"{costs[0].currency}/1000",) if costs else ())))
    for arm in analysis.arms:
        times = arm.latency
        quantiles = (times.p50, times.p95) if times else (None, None)
        table.add_row(
            cell(arm.arm),
            str(times.n if times else 0),
            *map(_quantile, quantiles),
            f"{times.p99.value:.0f}" if times else "-",
            f"{arm.chars_out.p50:.0f}" if arm.chars_out else "-",
            *((f"{arm.cost.per_1000:.3g}" if arm.cost else "-",) if costs else ()),
        )
    return table


def start_table(arms: Iterable[ArmFigures]) -> Table:
    """A row an arm: how long it took to be ready, and the resident memory of its workers."""
    table = figures_table("memory: resident, in MiB; own: without pages of files", ["arm"], MEMORY)
    for arm in arms:
        loaded, end = arm.memory.get("loaded", {}), arm.memory.get("end", {})
        sizes = (loaded.get("resident"), loaded.get("own"), end.get("resident"))
        took = f"{arm.record.load_ms:.0f}" if arm.record else "-"
        table.add_row(cell(arm.arm), took, *(f"{size / 2**20:.0f}" if size else "-" for size in sizes))
    return table


def pairs_table(analysis: Analysis) -> Table:
    """A row a pair of arms: discordant cases, exact McNemar, Holm, the difference with its interval."""
    q = analysis.cochran
    caption = "only: cases that only the first, only the second gets right; p: exact McNemar"
    if q:
        caption += (
            f"\nall arms: Cochran's Q {q.q:.2f}, {q.df} degrees of freedom, p {w.p_value(q.p)}, {q.n} cases"
        )
    table = figures_table(caption, ["arms"], ("cases", "only", "p", "Holm", "diff.", "95 %"))
    for pair in analysis.pairs:
        ends = "" if pair.low is None or pair.high is None else f"{pair.low:+.2f} {pair.high:+.2f}"
        table.add_row(
            cell(f"{pair.a} & {pair.b}"),
            str(pair.n),
            f"{pair.only_a}, {pair.only_b}",
            w.p_value(pair.p),
            w.p_value(pair.p_holm),
            f"{pair.difference:+.3f}",
            ends,
        )
    return table


def agreement_table(analysis: Analysis) -> Table:
    """A row a pair of arms, and one for all: how often they agree, and how often that is right."""
    table = figures_table(None, ["arms"], ("both answered", "agree", "right where they agree"))
    rows = [Pair(p.a, p.b, p.answered, p.agreed, p.agreed_scored, p.agreed_right) for p in analysis.pairs]
    named = [(f"{p.a} & {p.b}", p) for p in rows]
    if every := analysis.unanimity:
        named.append(("all", Pair("", "", every.answered, every.agreed, every.scored, every.right)))
    for name, p in named:
        table.add_row(
            cell(name),
            str(p.n),
            f"{w.share(p.agree_rate)} ({p.agreed}/{p.n})",
            f"{w.share(p.right_rate)} ({p.right}/{p.scored})",
        )
    return table


def gates_table(arms: Iterable[ArmFigures]) -> Table:
    """A row a gate of an arm: the figure with its interval, the answer, what would decide."""
    arms = list(arms)
    unknown = any(gate.undecidable for arm in arms for gate in arm.gates)
    caption = (
        "undecided without a number: not computed for F1, or no number would decide" if unknown else None
    )
    table = figures_table(caption, ["arm"], ("gate", "value", "95 %", "answer"))
    for arm in arms:
        for gate in arm.gates:
            table.add_row(
                cell(arm.arm), cell(gate.gate), number(gate.gate, gate.value), ends(gate), answer(gate)
            )
    return table


def labels_table(analysis: Analysis, arms: Sequence[ArmFigures]) -> Table:
    """F1 of every label, and accuracy of every family, a column an arm."""
    table = figures_table("labels: F1; families: accuracy", ["label"], [arm.arm for arm in arms])
    for label in analysis.labels:
        scores = [next((s.f1 for s in arm.labels if s.label == label), None) for arm in arms]
        table.add_row(cell(label), *map(w.share, scores))
    for family in dict.fromkeys(analysis.families.values()):
        found = [arm.families.get(family) for arm in arms]
        table.add_row(cell(f"family {family}"), *(w.share(f.value if f else None) for f in found))
    return table


def confusion_table(arm: ArmFigures, labels: Sequence[str]) -> Table:
    """Gold in rows, answers in columns, in cases; columns are called by the letters of the rows."""
    letters = "abcdefghijkl"[: len(labels)]
    counts = {(c.gold, c.label): c.n for c in arm.confusion}
    none = any(c.label is None for c in arm.confusion)
    table = figures_table(None, [f"{arm.arm}: gold"], (*letters, *(("none",) if none else ())))
    for letter, gold in zip(letters, labels, strict=True):
        said = [counts.get((gold, label), 0.0) for label in (*labels, *((None,) if none else ()))]
        table.add_row(cell(f"{letter} {gold}"), *(f"{n:.3g}" if n else "." for n in said))
    return table


def corridors_table(arm: ArmFigures) -> Table:
    """Where cases go wrong, the busiest corridor first."""
    table = figures_table(None, [f"{arm.arm}: gold -> answer"], ("cases",))
    table.add_column("which", overflow="fold")
    for c in arm.corridors[:LISTED]:
        table.add_row(cell(f"{c.gold} -> {c.label or 'none'}"), f"{c.n:.3g}", cell(" ".join(c.cases)))
    if more := len(arm.corridors) - LISTED:
        table.add_row(f"and {more} more" if more > 0 else "", "", "")
    return table


def calibration_table(arms: Sequence[ArmFigures]) -> Table:
    """A row an arm: confidence against accuracy, and accuracy among the most confident answers."""
    caption = "half, most: accuracy among the most confident answers, at least 50 % and 80 % of all trials"
    headings = ("answers", "confidence", "accuracy", "ECE", "Brier", "half", "most")
    table = figures_table(caption, ["arm"], headings)
    for arm in arms:
        if c := arm.calibration:
            kept = [next((k.accuracy for k in c.kept if k.coverage >= least), None) for least in (0.5, 0.8)]
            claimed = " (claimed)" if c.source == "self-reported" else ""
            table.add_row(
                cell(arm.arm + claimed),
                str(c.n),
                *map(w.share, (c.confidence, c.accuracy, c.ece, c.brier, *kept)),
            )
    return table


def verdict_lines(analysis: Analysis) -> Iterator[str]:
    """The verdict in words."""
    found = analysis.verdict
    for word, what in (("pass", "viable"), ("undecided", "undecided"), ("fail", "not viable")):
        arms = [arm for arm, said in found.viable.items() if said == word]
        if arms:
            yield f"{what} ({', '.join(analysis.gates)}): {', '.join(arms)}"
    if found.pareto:
        over = ", ".join(found.pareto.over)
        yield f"Pareto set over {over}: {', '.join(found.pareto.members)}"
        for arm, by in found.pareto.dominated.items():
            yield f"  {arm} is dominated by {by}"
    yield from _decision(found.decision)


def _decision(decision: Decision) -> Iterator[str]:
    yield f"decision: {decision.says} [{decision.row}]" if decision.row else decision.says
    if decision.primary:
        yield f"  first: {decision.primary}" + (
            f"; fallback: {decision.fallback}" if decision.fallback else ""
        )
    for reason in decision.reasons:
        yield f"  because {reason}"


def number(gate: str, value: float | None) -> str:
    """A figure of a gate as people read it: milliseconds whole, shares and costs with three digits."""
    if value is None:
        return "-"
    return f"{value:.0f}" if gate.startswith("p") and not gate.startswith("parse") else f"{value:.3f}"


def ends(gate: GateFigure) -> str:
    """The interval of a gate's figure, "..." for an open end."""
    if gate.value is None or gate.low == gate.high:
        return ""
    low, high = ("..." if end is None else number(gate.gate, end) for end in (gate.low, gate.high))
    return f"{low} to {high}"


def answer(gate: GateFigure) -> str:
    """The gate's answer, with what would decide it where it is undecided."""
    if gate.value is None:
        return "not measured"
    if gate.answer != "undecided":
        return gate.answer
    return "undecided" + (f": {w.plural(gate.more, 'more case')}" if gate.more is not None else "")


def _quantile(found: QuantileFigure | None) -> str:
    if found is None:
        return "-"
    low, high = ("..." if end is None else f"{end:.0f}" for end in (found.low, found.high))
    return f"{found.value:.0f} [{low}, {high}]"
