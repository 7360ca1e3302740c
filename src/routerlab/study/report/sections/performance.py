"""The sections about what was measured besides labels: latency, memory, cost, confidence, determinism."""

from collections.abc import Sequence

from routerlab.core.familiarity import UNFAMILIAR
from routerlab.core.statistics.calibration import Kept
from routerlab.study.figures.arm import ArmFigures, Calibration, Spread
from routerlab.study.figures.rows import PARTS
from routerlab.study.report import words as w
from routerlab.study.report.blocks import Block, Cell, Figure, Grid, Lines, Row, Section, table
from routerlab.study.report.plots.points import viable
from routerlab.study.report.subject import Subject


def latency(subject: Subject, name: str) -> Section | None:
    """How latencies are distributed, quantiles, where the time goes, lengths of answers, start, memory."""
    analysis = subject.analysis
    timed = [arm for arm in analysis.arms if arm.latency]
    others = [*_split(analysis.arms), *_start(analysis.arms)]
    if not timed:
        return Section("Latency", tuple(others)) if others else None
    convention, limit = analysis.settings.percentile, viable(analysis.gates).p95

    def draw() -> str:
        from routerlab.study.report.plots.latency import latencies

        return latencies(f"{name}-latency", timed, convention, limit)

    boxes = Figure(
        f"{name}-latency",
        "Box plots of the latencies of all arms",
        draw,
        caption="Boxes: the middle half, with the median; whiskers: from the 5th to the 95th percentile; "
        "thin strokes: answers." + (" Dashed: what a gate asks of P95." if limit else ""),
    )
    rows: list[Row] = [
        (
            arm.arm,
            str(times.n),
            w.milliseconds(times.mean),
            w.quantile(times.p50),
            w.quantile(times.p95),
            w.quantile(times.p99),
            str(times.timed_out),
            str(times.unanswered),
            str(times.contended),
        )
        for arm in timed
        if (times := arm.latency)
    ]
    quantiles = table(
        ("Arm", "Answers", "Mean", "P50", "P95", "P99", "Timed out", "No latency", "Beside others"),
        rows,
        caption=f"Milliseconds; percentiles by the convention {convention!r}, with order-statistic "
        f"intervals, {w.OPEN} where they are open. Beside others: measured while other arms ran.",
    )
    drawn = [boxes] if any(arm.latency and arm.latency.values[-1] > 0 for arm in timed) else []
    return Section("Latency", (*drawn, quantiles, *others))


def _split(arms: Sequence[ArmFigures]) -> list[Block]:
    """Where the time goes, and how long answers are."""
    arms = [arm for arm in arms if arm.latency or arm.chars_out]
    parts = [part for part in PARTS if any(arm.latency and part in arm.latency.parts for arm in arms)]
    long = any(arm.tokens_out or arm.chars_out for arm in arms)
    if not parts and not long:
        return []
    rows: list[Row] = []
    for arm in arms:
        of_arm = arm.latency.parts if arm.latency else {}
        lengths = [_length(arm.tokens_out), _length(arm.chars_out)] if long else []
        rows.append((arm.arm, *(w.milliseconds(of_arm.get(part)) for part in parts), *lengths))
    heads = (
        "Arm",
        *(part.capitalize() for part in parts),
        *(("Tokens out", "Characters out") if long else ()),
    )
    caption = "Medians, in milliseconds." + (" Lengths: median, 95th percentile, longest." if long else "")
    return [table(heads, rows, caption=caption)]


def _length(found: Spread | None) -> Cell:
    if found is None:
        return Cell(w.NONE)
    return Cell(f"{found.p50:.0f}", f"{found.p95:.0f}, {found.most:.0f}")


def _start(arms: Sequence[ArmFigures]) -> list[Block]:
    """Cold start and memory of the arms that are on record."""
    arms = [arm for arm in arms if arm.record]
    if not arms:
        return []
    known = {part for arm in arms for found in arm.memory.values() for part in found}
    parts = sorted(known - {"resident", "own", "before"})
    rows = []
    for arm in arms:
        loaded, end = arm.memory.get("loaded", {}), arm.memory.get("end", {})
        sizes = [loaded.get("resident"), loaded.get("own"), end.get("resident"), *map(loaded.get, parts)]
        took = w.milliseconds(arm.record.load_ms if arm.record else None)
        rows.append((arm.arm, took, *(w.size(n) if n else w.NONE for n in sizes)))
    heads = ("Arm", "Cold start, ms", "Memory", "of it its own", "at the end", *parts)
    return [
        table(heads, rows, caption="Resident memory of an arm's workers; its own: without pages of files.")
    ]


def costs(subject: Subject) -> Section | None:
    """What routing costs; None where nobody said."""
    rows = [
        (arm.arm, arm.hosting, found.basis, w.money(found.per_1000), w.money(found.total), str(found.trials))
        for arm in subject.analysis.arms
        if (found := arm.cost)
    ]
    if not rows:
        return None
    currency = next(arm.cost.currency for arm in subject.analysis.arms if arm.cost)
    heads = ("Arm", "Hosting", "Counted by", f"{currency} per 1,000 prompts", f"{currency} here", "Trials")
    caption = (
        f"Costs by {subject.analysis.priced}." if subject.analysis.priced else "Costs as they were logged."
    )
    return Section("Cost", (table(heads, rows, names=3, caption=caption),))


def confidence(subject: Subject, name: str) -> Section | None:
    """Whether confidence means what it says: reliability, selective accuracy; None where no arm has any."""
    sure = [(arm, found) for arm in subject.analysis.arms if (found := arm.calibration)]
    if not sure:
        return None
    limit = viable(subject.analysis.gates).accuracy
    figures = tuple(
        _reliability(arm, found, f"{name}-confidence-{i}", limit) for i, (arm, found) in enumerate(sure)
    )
    caption = (
        "In percent. Left: accuracy of the answers of each bin of confidence, bars: their share of all; on "
        "the dashed diagonal confidence is what it says. Right: accuracy of the most confident answers, by "
        "the share of all trials that they are."
    )
    if rankings := _rankings(sure):
        caption += (
            " Dashed: of the most familiar instead. Dotted: of the most confident whose prompt is not "
            "unfamiliar."
        )
    rows = [
        (
            arm.arm,
            found.source,
            str(found.n),
            w.share(found.confidence),
            w.share(found.accuracy),
            w.share(found.ece),
            w.share(found.surely_wrong),
            w.share(found.brier),
            w.share(found.log_loss),
            str(found.distinct),
            *(w.share(_kept(found.kept, least)) for least in (0.5, 0.8)),
        )
        for arm, found in sure
    ]
    heads = (
        "Arm",
        "From",
        "Answers",
        "Confidence",
        "Accuracy",
        "ECE",
        "Wrong above .95",
        "Brier",
        "Log-loss",
        "Different",
        "Half",
        "Most",
    )
    told = table(
        heads,
        rows,
        names=2,
        caption="Wrong above .95: share of the answers that are wrong, and more confident than that. "
        "Different: how many confidences there are. Half, most: accuracy of the most confident answers, at "
        "least 50 % and 80 % of all trials.",
    )
    return Section("Confidence", (Grid(figures, caption), told, *rankings), detail=True)


def _rankings(sure: Sequence[tuple[ArmFigures, Calibration]]) -> list[Block]:
    """Accuracy against coverage by what answers are kept first; nothing where no arm tells a familiarity or
    abstains."""
    rows: list[Row] = []
    for arm, found in sure:
        curves = (
            ("confidence", found.kept),
            ("familiarity", found.by_familiarity),
            ("confidence, if not unfamiliar", found.among_familiar),
        )
        if found.by_familiarity:
            rows += [(arm.arm, by, *_at(kept)) for by, kept in curves if kept]
        if kept := arm.answered_error:
            right = Cell(w.share(1 - kept.value), f"{w.share(kept.n / arm.cases)} kept")
            rows.append((arm.arm, "all that it does not abstain from", right, w.NONE, w.NONE, w.NONE))
    if not rows:
        return []
    caption = (
        "Accuracy of the answers that are kept: all of them, and of the first by confidence or familiarity "
        "as many as are 90, 80 and 50 % of all trials. Unfamiliar: a familiarity below "
        f"{UNFAMILIAR:g}, as {100 * UNFAMILIAR:g} % of prompts like those fitted to have."
    )
    return [table(("Arm", "Kept first by", "All", "90 %", "80 %", "Half"), rows, names=2, caption=caption)]


def _at(kept: Sequence[Kept]) -> list[Cell | str]:
    all_of_them = Cell(w.share(kept[-1].accuracy), f"{w.share(kept[-1].coverage)} kept")
    return [all_of_them, *(w.share(_kept(kept, least)) for least in (0.9, 0.8, 0.5))]


def _reliability(arm: ArmFigures, found: Calibration, name: str, limit: float | None) -> Figure:
    def draw() -> str:
        from routerlab.study.report.plots.confusion import confidence as pair

        return pair(name, found, limit)

    says = f"Reliability, and accuracy against coverage, of {arm.arm}"
    return Figure(name, says, draw, title=arm.arm, caption=f"ECE {w.share(found.ece)}")


def _kept(kept: Sequence[Kept], least: float) -> float | None:
    return next((k.accuracy for k in kept if k.coverage >= least), None)


def determinism(subject: Subject) -> Section | None:
    """Whether repeats got the same label; None where nothing was repeated."""
    rows = [
        (arm.arm, w.some(same.changed) or w.NONE, str(same.cases), str(len(same.changed)))
        for arm in subject.analysis.arms
        if (same := arm.determinism)
    ]
    if not rows:
        return None
    if all(row[3] == "0" for row in rows):
        none = Lines(("No arm changed its label when it was asked a case again.",))
        return Section("Determinism", (none,), detail=True)
    heads = ("Arm", "Which changed their label", "Cases asked again", "Changed")
    return Section("Determinism", (table(heads, rows, names=2),), detail=True)
