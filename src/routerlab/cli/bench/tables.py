"""What the benchmarks found, for the terminal: tables, and cost against length as a plot."""

from collections.abc import Sequence

from rich.table import Table

from routerlab.bench.length import LengthRow, LengthRun, length_rows
from routerlab.bench.memory import FLAT, MemoryRun, flat, slope
from routerlab.bench.peers.kinds import PEERS
from routerlab.bench.summary import WRITERS, ExemplarCost, Figures, Slower
from routerlab.bench.throughput import ThroughputRun, throughput_row
from routerlab.cli.shared.tables import cell, figures_table, number
from routerlab.models.progress import human


def ways_table(figures: Figures) -> Table:
    """A row a way: accuracy, times, tokens, memory, start."""
    names = [
        f"{kind}: {one.about}" for kind, one in PEERS.items() if any(r.way == kind for r in figures.ways)
    ]
    fits = [f"{r.way} {r.fit_s:.1f} s" for r in figures.ways if r.fit_s]
    if fits:
        names.append(f"fitting to the pool, not in the start: {', '.join(fits)}")
    units = "times in ms, of a bare decode llama_decode alone; memory of all its processes; start in s"
    caption = "; ".join([f"{figures.model}; {units}", *names])
    headings = ("n", "acc.", "P50", "P95", "worker", "read", "wrote", "MiB", "start")
    table = figures_table(caption, ["way"], headings)
    for r in figures.ways:
        table.add_row(
            cell(r.way),
            str(r.n),
            number(r.accuracy, 2),
            number(r.p50, 1),
            number(r.p95, 1),
            number(r.worker_p50, 1),
            f"{r.evaluated:.0f}" if r.evaluated else "-",
            f"{r.generated:.0f}" if r.generated else "-",
            number(r.resident and r.resident / 2**20, 0),
            number(r.start_s, 1),
        )
    return table


def ratio_tables(figures: Figures) -> list[Table]:
    """Ours over the bare decode, the others over ours, what exemplars cost: as far as it was measured."""
    tables = []
    if figures.over_bare:
        caption = "over the bare decode of the same tokens: ratios prompt by prompt, medians"
        table = figures_table(caption, ["way"], ("worker", "ms more", "lab", "ms more", "own work"))
        for r in figures.over_bare:
            table.add_row(
                cell(r.way),
                f"{r.worker:.3f} x",
                f"{r.worker_ms:.2f}",
                f"{r.lab:.3f} x",
                f"{r.lab_ms:.2f}",
                f"{r.besides_ms:.2f} ms",
            )
        tables.append(table)
    if figures.slower:
        tables.append(_slower_table(figures.slower))
    if figures.exemplars:
        tables.append(_exemplars_table(figures.exemplars))
    return tables


def _slower_table(rows: Sequence[Slower]) -> Table:
    others = list(dict.fromkeys(r.way for r in rows))
    table = figures_table(
        "how many times as long as ours the others take", ["ours"], [*others, "fastest peer"]
    )
    for ours in dict.fromkeys(r.than for r in rows):
        found = {r.way: r for r in rows if r.than == ours}
        for name, ratios in (
            (f"{ours}, P50", {way: found[way].p50 for way in others}),
            (f"{ours}, P95", {way: found[way].p95 for way in others}),
        ):
            fastest = min((ratio for way, ratio in ratios.items() if way in WRITERS), default=None)
            cells = [f"{ratios[way]:.2f} x" for way in others]
            table.add_row(cell(name), *cells, "-" if fastest is None else f"{fastest:.2f} x")
    return table


def _exemplars_table(costs: Sequence[ExemplarCost]) -> Table:
    table = figures_table(
        "exemplars in the prefix: medians in the worker", ["way"], ("with", "without", "ratio")
    )
    for cost in costs:
        table.add_row(cell(cost.way), f"{cost.with_ms:.1f}", f"{cost.without_ms:.1f}", f"{cost.ratio:.3f} x")
    return table


def profile_table(figures: Figures) -> Table:
    """A row a step of our ways, medians."""
    table = figures_table("where the time goes: medians in ms", ["step"], list(figures.steps))
    for step in dict.fromkeys(step for steps in figures.steps.values() for step in steps):
        table.add_row(step, *(number(steps.get(step), 3) for steps in figures.steps.values()))
    return table


def length_table(run: LengthRun) -> Table:
    """A row a length: read whole, and through the window."""
    table = figures_table(
        f"{run.name}: P50 in ms; context of {run.info.n_ctx} tokens",
        ["tokens of the prompt"],
        ("whole", f"window of {run.window}"),
    )
    for r in length_rows(run):
        table.add_row(str(r.tokens), *("refused" if v is None else f"{v:.0f}" for v in (r.whole, r.windowed)))
    return table


def length_plot(run: LengthRun, width: int = 72, height: int = 16) -> str:
    """Time against length, both logarithmic, as text without colours."""
    import plotext

    rows = length_rows(run)
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, height)
    plotext.title(f"{run.name}: ms by tokens of the prompt")
    plotext.xscale("log")
    plotext.yscale("log")
    for label, marker, points in (
        ("whole", "o", [(r.tokens, r.whole) for r in rows]),
        (f"window of {run.window}", "x", [(r.tokens, r.windowed) for r in rows]),
    ):
        known = [(n, ms) for n, ms in points if ms is not None]
        plotext.plot([n for n, _ in known], [ms for _, ms in known], marker=marker, label=label)
    plotext.xticks([r.tokens for r in rows], [str(r.tokens) for r in rows])
    ticks = _ticks(rows)
    plotext.yticks(ticks, [f"{t:g}" for t in ticks])
    return str(plotext.uncolorize(plotext.build()))


def _ticks(rows: Sequence[LengthRow]) -> list[float]:
    """1, 2 and 5 times powers of ten within the times."""
    times = [ms for r in rows for ms in (r.whole, r.windowed) if ms is not None]
    steps = [m * 10.0**e for e in range(7) for m in (1, 2, 5)]
    return [s for s in steps if times and min(times) <= s <= max(times)]


def memory_table(runs: Sequence[MemoryRun]) -> Table:
    """A row an arm: the worker's memory before, after loading and at the end, and whether it grows."""
    table = figures_table(
        "after n predictions; own: without the pages of the weights file; flat: own memory rises by less "
        f"than {FLAT} bytes a prediction in the second half",
        ["arm"],
        ("before", "loaded", "after", "n", "own", "per 1,000", "flat"),
    )
    for run in runs:
        last, rise, is_flat = run.samples[-1], slope(run), flat(run)
        table.add_row(
            cell(run.name),
            human(run.before.resident),
            human(run.samples[0].resident),
            human(last.resident),
            f"{last.predictions:,}",
            "-" if last.own is None else human(last.own),
            "-" if rise is None else f"{rise:+,.0f} B",
            "-" if is_flat is None else "yes" if is_flat else "no",
        )
        for device, free in last.free.items():
            used = run.samples[0].free.get(device, free) - free
            table.add_row(cell(f"  {device}"), "", "", f"{human(free)} free", "", "", f"{used:+,} B", "")
    return table


def throughput_table(runs: Sequence[ThroughputRun]) -> Table:
    """A row an arm: prompts a second one by one and together, and whether the answers are the same."""
    table = figures_table(
        "times faster: the median over chunks that were asked both ways in turn; "
        "apart: the largest difference of a label's probability",
        ["arm"],
        ("slots", "one by one /s", "together /s", "times faster", "same label", "apart"),
    )
    for run in runs:
        r = throughput_row(run)
        table.add_row(
            cell(run.name),
            str(run.slots),
            f"{r.single:.2f}",
            f"{r.bulk:.2f}",
            f"{r.ratio:.2f}",
            f"{r.equal}/{r.n}",
            f"{r.far:.4f}",
        )
    return table
