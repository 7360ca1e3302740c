"""From rows to everything that is said about them."""

from collections import Counter
from collections.abc import Mapping, Sequence

from routerlab.core.session.arm import AnyArmRecord, ArmRecord
from routerlab.core.statistics.gates import Gate
from routerlab.study.figures.arm import ArmFigures, Settings
from routerlab.study.figures.compare import cochran, comparisons, unanimity
from routerlab.study.figures.confidence import calibration, sure
from routerlab.study.figures.costs import CostTable, cost_figure, currency_of, hosting, strangers
from routerlab.study.figures.gates import DEFAULT_GATES, apply
from routerlab.study.figures.kinds import apart, kinds
from routerlab.study.figures.labels import (
    accuracy,
    answered_error,
    confusion,
    determinism,
    family_accuracy,
    label_scores,
    share,
    task_accuracy,
)
from routerlab.study.figures.result import Analysis
from routerlab.study.figures.rows import UNJUDGED, Log, Row, by_arm, check_gold, grouped, judged, share_right
from routerlab.study.figures.times import spread, times
from routerlab.study.figures.verdict import verdict
from routerlab.study.figures.warnings import warnings
from routerlab.version import __version__


def analyse(
    log: Log,
    settings: Settings | None = None,
    gates: Sequence[Gate] = DEFAULT_GATES,
    costs: CostTable | None = None,
) -> Analysis:
    """Everything about the log's arms; LabError where a case has two gold labels.

    Repeats are averaged within a case first, and a parse failure is an error like any other. Trials that a
    person cut short do not count.
    """
    settings = settings or Settings()
    check_gold(log.rows)
    rows = [row for row in log.rows if row.status != "cancelled"]
    labels = _labels(rows, log.families)
    groups = by_arm(rows, log.arms)
    arms = []
    for name, own in groups.items():
        figures = _figures(name, own, log, labels, settings, costs)
        arms.append(figures.model_copy(update={"gates": apply(gates, figures, settings)}))
    means = {name: share_right(cases) for name, own in groups.items() if (cases := judged(own))}
    pairs = comparisons(rows, means, settings)
    return Analysis(
        lab_version=__version__,
        source=log.source,
        settings=settings,
        labels=tuple(labels),
        families=dict(log.families),
        trials=len(rows),
        cases=len({row.case for row in rows}),
        cancelled=len(log.rows) - len(rows),
        priced=str(costs) if costs else None,
        arms=tuple(arms),
        pairs=pairs,
        cochran=cochran(means),
        unanimity=unanimity(rows, list(means)),
        gates=tuple(str(gate) for gate in gates),
        verdict=verdict(arms, pairs, settings.alpha),
        warnings=(
            *log.notes,
            *warnings(arms, log.families),
            *(f"the prices name {arm!r}, which is no arm here" for arm in strangers(groups, costs)),
        ),
    )


def _labels(rows: Sequence[Row], families: Mapping[str, str]) -> list[str]:
    """The taxonomy's labels, then those that gold, answers or probabilities have besides, in the order of the
    alphabet."""
    seen = {label for row in rows for label in (row.gold, row.label, *(row.probabilities or ())) if label}
    return list(dict.fromkeys([*families, *sorted(seen)]))


def _abstains(rows: Sequence[Row], record: AnyArmRecord | None) -> bool:
    promised = isinstance(record, ArmRecord) and record.max_error is not None
    return promised or any(row.abstained for row in rows)


def _figures(
    name: str,
    rows: Sequence[Row],
    log: Log,
    labels: Sequence[str],
    settings: Settings,
    costs: CostTable | None,
) -> ArmFigures:
    cases = judged(rows)
    scores, macro = label_scores(cases, labels, settings)
    asked = Counter(row.case for row in rows)
    confident = sure(rows, labels)
    answered = [row for row in rows if row.status not in UNJUDGED]
    parsed = grouped((row.case, row.status == "ok" and row.strict is not False) for row in answered)
    lenient = any(row.strict is not None for row in rows)
    found = grouped((row.case, row.status == "ok") for row in answered) if lenient else {}
    return ArmFigures(
        arm=name,
        contract=rows[0].contract,
        hosting=hosting(name, log.arms.get(name), costs),
        trials=len(rows),
        cases=len(asked),
        repeats=(min(asked.values()), max(asked.values())),
        statuses=dict(Counter(row.status for row in rows)),
        accuracy=accuracy(cases, settings),
        task_accuracy=task_accuracy(cases, log.families, settings) if cases else None,
        macro_f1=macro,
        labels=scores,
        families=family_accuracy(cases, log.families, settings),
        answered_error=answered_error(cases, settings) if _abstains(rows, log.arms.get(name)) else None,
        parse_rate=share(list(parsed.values()), settings),
        lenient_rate=share(list(found.values()), settings),
        confusion=confusion(cases, labels),
        latency=times(rows, settings),
        tokens_out=spread([row.tokens_out for row in rows], settings),
        chars_out=spread([row.chars for row in rows], settings),
        cost=cost_figure(name, rows, costs, currency_of(log.currency, costs)),
        calibration=calibration(confident, rows, labels) if confident else None,
        determinism=determinism(rows),
        kinds=kinds(cases, log.cases, confident, settings),
        apart=apart(cases, log.cases, settings),
        record=log.arms.get(name),
        memory={when: dict(parts) for when, parts in log.memory.get(name, {}).items()},
    )
