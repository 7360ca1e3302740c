"""A trial's sessions as rows, and the parts of their latency: the wait for a turn, and the service."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from routerlab.core.prediction import Trial
from routerlab.study.figures.costs import MachinePrice
from routerlab.study.figures.rows import Log, Row
from routerlab.study.trial.protocol.session import Recorded

LAB = "lab"
"""Among a row's parts: the wait as it was in the lab, where other arms had their turns as well."""


class OwnQueue:
    """An arm's queue as it would be if the arm had the machine to itself.

    A session is served when it is due and one of the arm's servers is free, for as long as it was served in
    the lab (D. V. Lindley, "The theory of queues with a single server", Mathematical Proceedings of the
    Cambridge Philosophical Society 48, 1952, 277-289).
    """

    def __init__(self, servers: int = 1) -> None:
        self._free = [0.0] * servers
        self._begun = self._served_ms = 0.0
        self._places = 0
        """Of those that were decoded together, how many are still to come."""

    def wait(self, due: datetime, served_ms: float, together: int | None = None) -> float:
        """Milliseconds that this session would have waited. To be called in the order of dues.

        Sessions that were decoded `together` are served at once, as they were in the lab; the next is served
        when the last of them is over.
        """
        at = due.timestamp() * 1000
        joins = bool(together) and self._places > 0 and served_ms == self._served_ms
        free = heapq.heappop(self._free)
        begun = max(at, self._begun if joins else free)
        heapq.heappush(self._free, max(free, begun + served_ms))
        self._places = self._places - 1 if joins else (together or 1) - 1
        self._begun, self._served_ms = self._begun if joins else begun, served_ms
        return begun - at


def own_queue(sessions: Sequence[Trial], servers: int = 1) -> dict[str, float]:
    """Session id -> milliseconds in its arm's own queue. Those without a due time are left out."""
    queue = OwnQueue(servers)
    known = [(t.due, t.session, t.latency_ms.total, t.together) for t in sessions if t.due and t.session]
    known.sort(key=lambda one: one[0])
    return {session: queue.wait(due, served, together) for due, session, served, together in known}


def service_rows(trial: Recorded, log: Log) -> list[Row]:
    """The rows of sessions that were answered or given up, arm by arm in the protocol's order, with service
    times, queues and costs.

    Where arms took turns, the wait for other arms' turns is the lab's doing and is left out of the queue.
    Machine time costs while an arm works, not while a session waits; those decoded together share it.
    """
    answered = {t.key: t for t in trial.answered.values()}
    waits = _waits(trial)
    prices = trial.protocol.cost.by_arm if trial.protocol.cost else {}
    rows = []
    for row in log.rows:
        one = answered.get((row.case, row.arm, row.repeat))
        if row.status == "cancelled" or one is None:
            continue
        if row.latency_ms is not None or row.status == "timeout":
            # One that was given up in the queue was never served: it waited as long as it did in the lab.
            served = one.latency_ms.total > 0
            queue = waits.get(one.session or "", one.latency_ms.queue) if served else one.latency_ms.queue
            parts = {**(row.parts_ms or {}), "queue": queue, LAB: one.latency_ms.queue}
            row = replace(row, latency_ms=one.latency_ms.total, parts_ms=parts)
        price = prices.get(row.arm)
        if price is not None and row.cost is None:
            share = one.together or 1 if isinstance(price, MachinePrice) else 1
            cost = price.cost(row)
            row = replace(row, cost=cost and cost / share)
        rows.append(row)
    return sorted(rows, key=lambda row: trial.arms.index(row.arm))


def _waits(trial: Recorded) -> Mapping[str, float]:
    """Queues without other arms' turns; none where arms did not take turns: then they are as measured."""
    if trial.protocol.traffic.schedule == "parallel":
        return {}
    waits: dict[str, float] = {}
    for arm in trial.lock.arm:
        sessions = [t for t in trial.answered.values() if t.arm == arm.name]
        waits |= own_queue(sessions, arm.connections)
    return waits


def response(row: Row, part: str = "queue") -> Row:
    """The row with the time from when its session was due."""
    if row.latency_ms is None or row.parts_ms is None:
        return row
    return replace(row, latency_ms=row.latency_ms + row.parts_ms[part])


def queue(row: Row) -> Row:
    """The row with the wait for its turn."""
    return replace(row, latency_ms=None if row.parts_ms is None else row.parts_ms["queue"])
