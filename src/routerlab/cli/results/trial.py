"""The result of a trial: tables and lines that fit 80 columns for people, JSON for programs."""

from collections.abc import Iterator

import typer
from rich.table import Table

from routerlab.cli.results.tables import details as analysis_details
from routerlab.cli.results.tables import overview, verdict_lines
from routerlab.cli.shared.show import print_json, print_table
from routerlab.cli.shared.tables import cell, figures_table
from routerlab.core.text import printable
from routerlab.study.report import words as w
from routerlab.study.trial.analysis.flow import balance_line, flow_lines
from routerlab.study.trial.analysis.result import TrialResult

Part = Table | str


def show_trial(result: TrialResult, format_: str, details: bool) -> None:
    """Print the result; what makes it weaker than it looks goes to stderr."""
    for line in (*result.warnings, *result.analysis.warnings):
        typer.echo(f"note: {printable(line)}", err=True)
    if format_ == "json":
        print_json(result.model_dump(mode="json"))
        return
    for part in parts(result, details):
        if isinstance(part, str):
            typer.echo(printable(part))
        else:
            print_table(part)


def parts(result: TrialResult, details: bool) -> Iterator[Part]:
    """Everything in the order in which it is read; `details` adds what one asks next."""
    lock = result.lock
    yield f"trial {result.name}: {'over' if result.complete else 'NOT over'} ({result.ended or 'unfinished'})"
    commit = f", commit {lock.git_commit[:12]}" if lock.git_commit else ""
    before = f"{w.ago(result.locked_s)} before the run"
    yield f"locked {lock.locked_at:%Y-%m-%d %H:%M} UTC ({lock.sha256[:12]}{commit}), {before}"
    yield ""
    yield from flow_lines(result.flow)
    yield balance_line(result.balance)
    yield from overview(result.analysis)
    yield times_table(result)
    yield from hypothesis_lines(result)
    if any(one.tests for one in result.hypotheses):
        yield hypotheses_table(result)
    if result.effects:
        yield effects_table(result)
    if result.economics:
        yield economics_table(result)
        yield from (
            f"{one.arm}: {one.break_even_says}" for one in result.economics if one.arm != result.control
        )
    if details:
        yield from analysis_details(result.analysis)
        yield subgroups_table(result)
        if any(one.misroutes for one in result.economics):
            yield misroutes_table(result)
    yield from verdict_lines(result.analysis)
    yield from result.looks
    yield f"deviations: {len(result.deviations) or 'none'}"
    yield from (f"  {one.arm + ': ' if one.arm else ''}{one.reason}" for one in result.deviations)


def times_table(result: TrialResult) -> Table:
    """A row an arm: response, and of it queue and service; and the response with other arms' turns."""
    headings = ("response P50", "P95", "queue P50", "P95", "service P50", "P95", "lab P95")
    table = figures_table(
        "milliseconds from when a session was due; lab: the waits for other arms' turns are in it",
        ["arm"],
        ["n", *headings],
    )
    for one in result.times:
        figures = [part[q].value for part in (one.response, one.queue, one.service) for q in ("p50", "p95")]
        figures.append(one.lab["p95"].value)
        table.add_row(cell(one.arm), str(one.n), *(f"{value:.0f}" for value in figures))
    return table


def hypothesis_lines(result: TrialResult) -> Iterator[str]:
    """A line a hypothesis, as registered, with what came of it."""
    for one in result.hypotheses:
        yield f"{one.id}: {one.says} (alpha {one.alpha:g}, {one.correction}): {one.found}"
        yield from (f"  {test.subject}: {test.note}" for test in one.tests if test.note)


def hypotheses_table(result: TrialResult) -> Table:
    """A row a test."""
    table = figures_table(
        "p two-sided; adjusted as registered", ["", "tested"], ["value", "interval", "p", "adjusted"]
    )
    table.add_column("result", overflow="fold")
    for hypothesis in result.hypotheses:
        for i, test in enumerate(hypothesis.tests):
            table.add_row(
                hypothesis.id if i == 0 else "",
                cell(test.subject),
                w.number(test.value),
                f"{w.number(test.low)} to {w.number(test.high)}",
                w.p_value(test.p),
                w.p_value(test.p_adjusted),
                test.finding,
            )
    return table


def effects_table(result: TrialResult) -> Table:
    """A row a pair: Cohen's h and d with their intervals."""
    table = figures_table(
        "h: accuracies; d: logarithms of latencies; 0.2 is small, 0.5 medium, 0.8 large",
        ["arms"],
        ["h", "interval", "d", "interval"],
    )
    for one in result.effects:
        table.add_row(
            cell(f"{one.a} - {one.b}"),
            f"{one.h:+.2f}",
            w.signed(one.h_low, one.h_high),
            w.NONE if one.d is None else f"{one.d:+.2f}",
            w.signed(one.d_low, one.d_high),
        )
    return table


def economics_table(result: TrialResult) -> Table:
    """A row an arm: what 1,000 requests cost without it and with it, and at which accuracy it breaks even."""
    currency = result.economics[0].currency
    table = figures_table(
        f"{currency} for 1,000 requests; {result.routes}",
        ["arm"],
        ["default", "routed", "router", "saved", "ratio", "interval", "outcome", "even at"],
    )
    for one in result.economics:
        scale = 1000 / one.n
        table.add_row(
            cell(one.arm),
            f"{one.default * scale:.2f}",
            f"{one.routed * scale:.2f}",
            "?" if one.router is None else f"{one.router * scale:.3f}",
            f"{one.saved_per_1000:.2f}",
            f"{one.ratio:.2f}",
            w.interval(one.ratio_low, one.ratio_high),
            f"{one.outcome_accuracy.value:.2f}",
            w.number(one.break_even),
        )
    return table


def misroutes_table(result: TrialResult) -> Table:
    """A row a kind of misroute, the costliest of each arm first."""
    table = figures_table(
        "extra: beyond the right route, in all; weaker: its answer was not good enough",
        ["arm", "gold", "label", "went to"],
        ["n", "extra"],
    )
    table.add_column("", overflow="fold")
    for one in result.economics:
        for wrong in one.misroutes if one.arm != result.control else ():
            notes = [*(["weaker"] if wrong.weaker else []), *(["forbidden"] if wrong.forbidden else [])]
            table.add_row(
                cell(one.arm),
                cell(wrong.gold),
                cell(wrong.label or "(none)"),
                cell(wrong.went),
                str(wrong.n),
                f"{wrong.extra:.4f}",
                ", ".join(notes),
            )
    return table


def subgroups_table(result: TrialResult) -> Table:
    """A row a group of cases, a column an arm."""
    arms = list(dict.fromkeys(one.arm for one in result.subgroups))
    table = figures_table(
        "exploratory: accuracy by what a case is, not corrected for anything",
        ["by", "group"],
        ["cases", *arms],
    )
    rows: dict[tuple[str, str], dict[str, str]] = {}
    sizes: dict[tuple[str, str], int] = {}
    for one in result.subgroups:
        key = (one.by, one.group)
        rows.setdefault(key, {})[one.arm] = f"{one.share.value:.2f}"
        sizes[key] = max(sizes.get(key, 0), one.share.n)
    for (by, group), values in sorted(rows.items()):
        table.add_row(by, cell(group), str(sizes[by, group]), *(values.get(arm, "-") for arm in arms))
    return table
