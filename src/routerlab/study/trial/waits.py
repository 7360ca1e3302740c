"""A trial's sessions as rows, and the parts of their latency: the wait for a turn, and the service."""

from dataclasses import replace

from routerlab.study.costs import MachinePrice
from routerlab.study.rows import Log, Row
from routerlab.study.trial.recorded import Recorded

_MS_PER_HOUR = 3_600_000


def service_rows(trial: Recorded, log: Log) -> list[Row]:
    """The rows of sessions that were answered or given up, arm by arm in the protocol's order, with service
    times and costs.

    One that timed out has the time until then: leaving it out would make a slow arm look quick. Machine time
    costs while an arm works, not while a session waits.
    """
    waited = {t.key: t.latency_ms for t in trial.answered.values() if t.status == "timeout"}
    prices = trial.protocol.cost.by_arm if trial.protocol.cost else {}
    rows = []
    for row in log.rows:
        if row.status == "cancelled":
            continue
        if (late := waited.get((row.case, row.arm, row.repeat))) is not None:
            row = replace(row, latency_ms=late.total, parts_ms={"queue": late.queue})
        price = prices.get(row.arm)
        if isinstance(price, MachinePrice) and row.cost is None and row.latency_ms is not None:
            row = replace(row, cost=row.latency_ms * price.per_hour / _MS_PER_HOUR)
        rows.append(row)
    return sorted(rows, key=lambda row: trial.arms.index(row.arm))


def response(row: Row) -> Row:
    """The row with the time from when its session was due."""
    if row.latency_ms is None or row.parts_ms is None:
        return row
    return replace(row, latency_ms=row.latency_ms + row.parts_ms["queue"])


def queue(row: Row) -> Row:
    """The row with the wait for its turn."""
    return replace(row, latency_ms=None if row.parts_ms is None else row.parts_ms["queue"])
