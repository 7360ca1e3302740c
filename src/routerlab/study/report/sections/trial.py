"""The sections that only a trial has: what was registered and what came of it, the flow of sessions, waiting,
effects, what routing saves, subgroups, and the lock."""

import json
from collections.abc import Iterator

from routerlab.study.figures.arm import QuantileFigure
from routerlab.study.report import words as w
from routerlab.study.report.blocks import Block, Cell, Code, Figure, Fold, Lines, Mark, Section, facts, table
from routerlab.study.trial.analysis.flow import balance_line, flow_lines
from routerlab.study.trial.analysis.result import Economics, Finding, HypothesisResult, Tested, TrialResult

_MARKS: dict[Finding, Mark] = {
    "supported": "pass",
    "refuted": "fail",
    "undecided": "undecided",
    "not tested": "",
}


def hypotheses(trial: TrialResult) -> Section | None:
    """Every hypothesis as it was registered, its tests, and what they found."""
    if not trial.hypotheses:
        return None
    registered = [
        (
            Cell(one.id),
            Cell(one.says),
            Cell(one.endpoint),
            Cell(one.found),
            _limit(one),
            f"{one.alpha:g}",
            Cell(one.correction),
        )
        for one in trial.hypotheses
    ]
    blocks: list[Block] = [
        table(
            ("", "Registered", "Endpoint", "Result", "Limit", "Alpha", "Correction"),
            registered,
            names=4,
            caption=f"Registered by the lock of {w.date(trial.lock.locked_at)}."
            + (f" Measured answers: {trial.outcomes}." if trial.outcomes else ""),
        )
    ]
    if tests := [_tested(one, test) for one in trial.hypotheses for test in one.tests]:
        blocks.append(
            table(
                ("", "Tested", "Result", "Value", "p", "p adjusted"),
                tests,
                names=3,
                caption="Two-sided p, then as the registered correction leaves it.",
            )
        )
    notes = [f"{one.id}, {t.subject}: {t.note}" for one in trial.hypotheses for t in one.tests if t.note]
    if notes:
        blocks.append(Fold("Notes on the tests", (Lines(tuple(notes)),)))
    return Section("Hypotheses", tuple(blocks))


def _limit(one: HypothesisResult) -> str:
    """What it is held against, such as "not-worse by 0.02"."""
    if one.direction:
        return f"{one.direction} by {one.margin:g}"
    return w.NONE if one.limit is None else f"{one.limit:g}"


def _tested(one: HypothesisResult, test: Tested) -> tuple[Cell | str, ...]:
    ends = "" if test.low is None and test.high is None else f"{w.number(test.low)} to {w.number(test.high)}"
    return (
        Cell(one.id),
        Cell(test.subject),
        Cell(test.finding, mark=_MARKS[test.finding]),
        Cell(w.number(test.value), ends),
        w.p_value(test.p),
        w.p_value(test.p_adjusted),
    )


def flow(trial: TrialResult, name: str) -> Section:
    """What became of every session, as a diagram and as text; and how even the assignment was."""
    found = trial.flow

    def draw() -> str:
        from routerlab.study.report.plots.consort import consort

        return consort(f"{name}-flow", found)

    lines = flow_lines(found)
    figure = Figure(
        f"{name}-flow",
        "Flow of sessions: " + "; ".join(" ".join(line.split()) for line in lines),
        draw,
        caption="From the sessions that were generated to those that were analysed. A session without an "
        "answer is analysed as a wrong one.",
    )
    return Section(
        "Flow of sessions",
        (
            figure,
            Fold("The same as text", (Code("\n".join(lines)),)),
            Lines((f"{balance_line(trial.balance)}.",)),
        ),
    )


def times(trial: TrialResult) -> Section | None:
    """Response, and of it queue and service."""
    parts = (("response", "response"), ("queue", "queue"), ("service", "service"), ("lab", "as it was here"))
    rows: list[tuple[Cell | str, ...]] = []
    for one in trial.times:
        for part, title in parts:
            quantiles: dict[str, QuantileFigure] = getattr(one, part)
            first, n = (one.arm, str(one.n)) if part == "response" else ("", "")
            rows.append((first, title, *(w.quantile(quantiles[q]) for q in ("p50", "p95", "p99")), n))
    if not rows:
        return None
    caption = (
        "Milliseconds. Response counts from when a session was due: the wait behind the arm's own sessions, "
        "and the service. As it was here, the turns of other arms on this machine are in it. Gates and the "
        f"other sections count the {trial.lock.content.latency}."
    )
    heads = ("Arm", "", "P50", "P95", "P99", "Sessions")
    return Section("Waiting and service", (table(heads, rows, names=2, caption=caption),))


def effects(trial: TrialResult) -> Section | None:
    """How large differences are."""
    rows = [
        (
            f"{one.a} - {one.b}",
            Cell(f"{one.h:+.2f}", w.signed(one.h_low, one.h_high)),
            Cell(w.NONE if one.d is None else f"{one.d:+.2f}", w.signed(one.d_low, one.d_high)),
        )
        for one in trial.effects
    ]
    if not rows:
        return None
    caption = (
        "Cohen's h of the accuracies, d of the logarithms of the latencies; positive: the first is higher. "
        "0.2 is called small, 0.5 medium, 0.8 large (J. Cohen, Statistical Power Analysis, 1988)."
    )
    return Section("Effect sizes", (table(("Arms", "h (accuracy)", "d (latency)"), rows, caption=caption),))


def economics(trial: TrialResult) -> Section | None:
    """What routing costs and saves downstream."""
    if not trial.economics:
        return None
    currency = trial.economics[0].currency
    heads = ("Arm", "No router", "Routed", "Router", "Saved", "Ratio", "Right model", "Even at")
    caption = (
        f"{currency} for 1,000 requests, by {trial.routes}. Ratio: routed and router to no router. Right "
        "model: a wrong label that leads to the right model counts as right. Even at: the accuracy at which "
        "nothing is saved, if mistakes stay as costly."
    )
    rows = [_saved(one) for one in trial.economics]
    routers = [one for one in trial.economics if one.arm != trial.control]
    blocks: list[Block] = [
        table(heads, rows, caption=caption),
        Lines(tuple(f"{one.arm}: {one.break_even_says}." for one in routers)),
    ]
    return Section("What routing saves", tuple(blocks))


def misroutes(trial: TrialResult) -> Section | None:
    """What the mistakes of each arm cost, the costliest first."""
    wrong = [
        (
            Cell(one.arm),
            Cell(miss.gold),
            Cell(miss.label or "(no label)"),
            Cell(miss.right),
            Cell(miss.went, "weaker" if miss.weaker else ""),
            str(miss.n),
            w.money(miss.extra),
            str(miss.forbidden or w.NONE),
        )
        for one in trial.economics
        for miss in one.misroutes
        if one.arm != trial.control
    ]
    if not wrong:
        return None
    extra = f"Extra {trial.economics[0].currency}"
    heads = ("Arm", "Gold", "Label", "Right model", "Went to", "n", extra, "Forbidden")
    note = "Extra: beyond the right route, in all. Forbidden: went where their label may not go."
    inner = Fold("What each of them cost", (table(heads, wrong, names=5, caption=note),))
    return Section("Misroutes", (inner,), detail=True)


def _saved(one: Economics) -> tuple[Cell | str, ...]:
    scale = 1000 / one.n
    return (
        one.arm,
        w.money(one.default * scale),
        w.money(one.routed * scale),
        "?" if one.router is None else w.money(one.router * scale),
        w.money(one.saved_per_1000),
        Cell(w.NONE if one.ratio is None else f"{one.ratio:.2f}", w.interval(one.ratio_low, one.ratio_high)),
        w.estimate(one.outcome_accuracy),
        w.share(one.break_even),
    )


def subgroups(trial: TrialResult) -> Section | None:
    """Accuracy by what a case is."""
    arms = list(dict.fromkeys(one.arm for one in trial.subgroups))
    by_size = sorted(trial.subgroups, key=lambda one: one.share.n)
    cases = {(one.by, one.group): one.share.n for one in by_size}  # the most that an arm has of the group
    if not cases:
        return None
    found = {(one.by, one.group, one.arm): one.share for one in trial.subgroups}
    rows: list[tuple[Cell | str, ...]] = [
        (by, group, str(n), *(w.estimate(found.get((by, group, arm))) for arm in arms))
        for (by, group), n in sorted(cases.items())
    ]
    note = "Exploratory: not registered, and not corrected for how many groups there are."
    inner = table(("By", "Group", "Cases", *arms), rows, names=2, caption=note)
    return Section("Subgroups (exploratory)", (Fold("Accuracy by what a case is", (inner,)),), detail=True)


def looks(trial: TrialResult) -> Section | None:
    """Looks before the end that the protocol has, and arms that were dropped by them."""
    lines = [*trial.looks, *(f"{arm}: dropped, {why}" for arm, why in trial.dropped.items())]
    planned = trial.lock.content.looks
    if not lines and planned.rule == "none":
        return None
    lines = list(dict.fromkeys(lines)) or ["None was taken."]
    return Section(f"Looks ({planned.rule})", (Lines(tuple(lines)),))


def protocol(trial: TrialResult) -> Section:
    """What was locked, when, and all of it."""
    lock = trial.lock
    commit = lock.git_commit and lock.git_commit + ("" if lock.git_clean else ", and uncommitted changes")
    pinned = facts([(what, sha256) for what, sha256 in lock.pins.items()])
    text = json.dumps(json.loads(lock.protocol), indent=2, ensure_ascii=False)
    return Section(
        "Protocol",
        (
            facts(
                [
                    ("Trial", f"{trial.name}: {trial.ended or 'not over'}"),
                    ("Locked", w.date(lock.locked_at)),
                    ("Lock SHA-256", lock.sha256),
                    ("Replaces", lock.replaces),
                    ("Commit", commit),
                    ("First run", f"{w.date(trial.begun_at)}, {w.ago(trial.locked_s)} after the lock"),
                    ("Runs", str(trial.runs)),
                    *((f"Command {i}", line) for i, line in enumerate(trial.commands, 1)),
                    ("Versions", ", ".join(f"{what} {version}" for what, version in trial.versions.items())),
                ]
            ),
            Fold("What the lock pins", (pinned, *_arms(trial)), long=True),
            Fold("The protocol as it was locked", (Code(text),), long=True),
        ),
    )


def _arms(trial: TrialResult) -> Iterator[Block]:
    for arm in trial.lock.arm:
        rows = [("Arm", arm.name), ("Asked", arm.ask), ("Contract", arm.contract), ("Endpoint", arm.endpoint)]
        yield facts([*rows, *arm.files.items()])


def sections(trial: TrialResult, name: str) -> dict[str, Section | None]:
    """The sections by what the others are placed around; `name` begins the names of figures."""
    return {
        "hypotheses": hypotheses(trial),
        "flow": flow(trial, name),
        "effects": effects(trial),
        "times": times(trial),
        "economics": economics(trial),
        "misroutes": misroutes(trial),
        "subgroups": subgroups(trial),
        "looks": looks(trial),
        "protocol": protocol(trial),
    }
