"""From the session of a trial to everything that is said about it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from routerlab.core.corpus import Corpus
from routerlab.core.session.file import read_session
from routerlab.core.statistics.gates import parse_gate
from routerlab.study.figures.analysis import analyse
from routerlab.study.figures.arm import ArmFigures, Settings
from routerlab.study.figures.costs import MachinePrice
from routerlab.study.figures.labels import share
from routerlab.study.figures.rows import Log, Row, by_arm, grouped, judged, session_log
from routerlab.study.figures.times import times
from routerlab.study.outcome.matrix import Matrix
from routerlab.study.routing_table import Routes
from routerlab.study.trial.analysis.economics import drawn_ratio, economics, requests
from routerlab.study.trial.analysis.effects import effects
from routerlab.study.trial.analysis.flow import flow
from routerlab.study.trial.analysis.hypotheses import Evidence, hypothesis_results
from routerlab.study.trial.analysis.result import ArmTimes, Deviation, Subgroup, TrialResult
from routerlab.study.trial.analysis.waits import LAB, queue, response, service_rows
from routerlab.study.trial.protocol.assignment import balance
from routerlab.study.trial.protocol.peeks import waiting_peeks
from routerlab.study.trial.protocol.protocol import Protocol
from routerlab.study.trial.protocol.session import Recorded, recorded, trial_runs
from routerlab.version import __version__


def analyse_trial(
    path: Path, corpus: Corpus | None, routes: Routes | None, outcomes: Matrix | None = None
) -> TrialResult:
    """Everything about the trial in `path`; LabError when it is no trial's.

    `corpus` is the one it was run with, None where that is not at hand: then there are no economics and no
    subgroups but families and labels. `outcomes` are measured answers to its cases (see `load_outcomes`).
    """
    opened = read_session(path)
    trial = recorded(path, opened.session)
    protocol = trial.protocol
    log = session_log(path, opened)
    service = service_rows(trial, log)
    rows = [response(row) for row in service] if protocol.latency == "response" else service
    settings = Settings(
        percentile=protocol.percentile,
        confidence=protocol.confidence,
        resamples=protocol.resamples,
        seed=protocol.seed,
    )
    gates = [parse_gate(text) for text in protocol.gates]
    notes = tuple(note for note in log.notes if "unfinished record" in note)  # marks are told apart
    analysis = analyse(replace(log, rows=tuple(rows), notes=notes), settings, gates, protocol.cost)
    paid = {row.arm for row in log.rows if row.cost is not None}
    arms = tuple(arm if arm.arm in paid else _basis(arm, protocol) for arm in analysis.arms)
    analysis = analysis.model_copy(update={"arms": arms})
    groups = by_arm(rows, trial.arms)
    prompts = {case.id: case.prompt for case in corpus.case} if corpus else {}
    bills, ratios = {}, {}
    for arm, own in groups.items():
        asked = requests(own, routes, prompts) if routes and prompts else []
        if routes and asked:
            ratios[arm] = drawn_ratio(asked, settings)
            bills[arm] = economics(arm, asked, routes, settings, ratios[arm])
    evidence = Evidence(trial, analysis, settings, groups, bills, ratios, routes, outcomes)
    runs = trial_runs(opened.session)
    begun = runs[0].at
    return TrialResult(
        lab_version=__version__,
        session=str(path),
        session_sha256=sha256(path.read_bytes()).hexdigest(),
        name=protocol.name,
        lock=trial.lock,
        begun_at=begun,
        locked_s=(begun - trial.lock.locked_at).total_seconds(),
        runs=len(runs),
        commands=tuple(dict.fromkeys(run.command for run in runs)),
        versions=runs[-1].versions,
        ended=trial.ended,
        complete=trial.ended is not None,
        control=trial.control,
        flow=flow(trial),
        balance=balance(trial.planned, trial.lock.cases, trial.arms),
        analysis=analysis,
        times=_times(by_arm(service, trial.arms), settings),
        effects=effects(groups, settings),
        hypotheses=hypothesis_results(evidence),
        subgroups=_subgroups(groups, log, corpus, settings),
        routes=f"{routes.name}, prices of {routes.date} in {routes.currency}" if routes else None,
        outcomes=f"{outcomes.name}, {', '.join(outcomes.models)}" if outcomes else None,
        economics=tuple(bills.values()),
        looks=tuple(mark.reason or "" for mark in trial.marks("look")),
        dropped=dict(trial.standing.dropped),
        deviations=tuple(_deviations(trial)),
        warnings=tuple(_warnings(trial)),
    )


def _basis(arm: ArmFigures, protocol: Protocol) -> ArmFigures:
    """The cost's basis, as it is: `service_rows` has priced them."""
    price = protocol.cost.by_arm.get(arm.arm) if protocol.cost else None
    if arm.cost is None or price is None:
        return arm
    basis = "machine time" if isinstance(price, MachinePrice) else "tokens"
    return arm.model_copy(update={"cost": arm.cost.model_copy(update={"basis": basis})})


def _times(groups: Mapping[str, Sequence[Row]], settings: Settings) -> tuple[ArmTimes, ...]:
    found = []
    for arm, rows in groups.items():
        parts = {
            "response": [response(row) for row in rows],
            "lab": [response(row, LAB) for row in rows],
            "queue": [queue(row) for row in rows],
            "service": rows,
        }
        timed = {name: t for name, own in parts.items() if (t := times(own, settings))}
        if len(timed) == len(parts):
            quantiles = {name: {"p50": t.p50, "p95": t.p95, "p99": t.p99} for name, t in timed.items()}
            found.append(ArmTimes(arm=arm, n=timed["service"].n, **quantiles))
    return tuple(found)


def _subgroups(
    groups: Mapping[str, Sequence[Row]], log: Log, corpus: Corpus | None, settings: Settings
) -> tuple[Subgroup, ...]:
    """Accuracy by what a case is; exploratory."""
    found = []
    cases = corpus.by_id if corpus else {}
    for arm, rows in groups.items():
        members = []
        for case, own in judged(rows).items():
            gold = own[0].gold or ""
            kinds = {"family": log.families.get(gold), "label": gold}
            if case in cases:
                kinds |= {"difficulty": cases[case].difficulty, "language": cases[case].language}
            right = [row.right is True for row in own]
            members += [((by, group), right) for by, group in kinds.items() if group is not None]
        for (by, group), right_of in sorted(grouped(members).items()):
            figure = {"arm": arm, "by": by, "group": group, "share": share(right_of, settings)}
            found.append(Subgroup.model_validate(figure))
    return tuple(found)


def _deviations(trial: Recorded) -> list[Deviation]:
    marks = [
        Deviation(at=mark.at, arm=mark.arm, reason=mark.reason or "") for mark in trial.marks("deviation")
    ]
    return marks + [Deviation(at=None, arm=None, reason=peek) for peek in waiting_peeks(trial.path)]


def _warnings(trial: Recorded) -> list[str]:
    """What makes the result weaker than it looks."""
    lines = [f"{mark.kind}: {mark.reason}" for kind in ("difference", "leak") for mark in trial.marks(kind)]
    told = {mark.reason for mark in trial.marks("look")}
    lines += [f"not in the session: {look}" for look in map(str, trial.standing.looks) if look not in told]
    if trial.ended is None:
        lines.append("the trial is not over: this is a look that the protocol does not have")
    n, cases = trial.protocol.sessions, len(trial.lock.cases)
    if n < cases:
        lines.append(f"{n} sessions an arm are fewer than the {cases} cases: the rest was never asked")
    return lines
