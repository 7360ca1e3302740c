"""An arm's sessions so far: how many are over, how long they took, how quickly they come.

Never whether an answer is right, nor whether it could be read: before the end that is for the protocol's
looks only. Times may be seen: no look decides by them, and whoever watches a run has to see that an arm
cannot keep up.
"""

from bisect import insort
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Literal

from routerlab.core.prediction import Trial
from routerlab.core.statistics.gates import QUANTILES, Answer, Gate
from routerlab.core.statistics.quantiles import of_sorted
from routerlab.study.figures.arm import QuantileFigure, Settings
from routerlab.study.figures.rows import ANSWERED
from routerlab.study.figures.times import quantile
from routerlab.study.trial.analysis.waits import OwnQueue
from routerlab.study.trial.protocol.protocol import Protocol

WINDOW_S = 60.0
"""A rate is that of the latest so many seconds."""
SETTLE_S = 5.0
"""Seconds before there is a rate: of fewer it says nothing."""
Said = Answer | Literal["too few", "at the end"]
"""A gate so far. "too few" are answers that do not close the interval on the side of the limit."""


class Tally:
    """Takes trials one by one, each in next to no time; figures are computed when they are asked for."""

    def __init__(self, protocol: Protocol, gates: Sequence[Gate] = (), connections: int = 1) -> None:
        self.over = 0
        """Sessions that are over: answered, or given up."""
        self.lost: Counter[str] = Counter()
        """Those without an answer, by status."""
        self.served_ms = 0.0
        """The time that the arm served."""
        self._gates = gates
        self._response = protocol.latency == "response"
        self._settings = Settings(percentile=protocol.percentile, confidence=protocol.confidence)
        # Only an arm that takes turns waits for others, and that one has one connection.
        turns = protocol.traffic.schedule == "exclusive" and connections == 1
        self._queue = OwnQueue() if turns else None
        self._timed: list[tuple[str, float]] = []
        self._ordered: list[float] = []
        self._silent: list[str] = []
        """The cases of those that have no latency at all."""
        self._latest: deque[float] = deque()
        self._said: Mapping[str, Said] = gates_now(gates, {})
        self._judged = 0

    def add(self, trial: Trial, now: float | None = None) -> None:
        """One more session, in the order of dues; `now` is when it ended (time.monotonic()), None for one of
        an earlier run. A cancelled one is none: it is sent again."""
        if trial.status == "cancelled":
            return
        self.over += 1
        self.served_ms += trial.latency_ms.total / (trial.together or 1)
        if trial.status not in ANSWERED:
            self.lost[trial.status] += 1
        if now is not None:
            self._latest.append(now)
        wait = self._wait(trial)
        if (trial.status in ANSWERED and not trial.batched) or trial.status == "timeout":
            ms = trial.latency_ms.total + (wait if self._response else 0.0)
            self._timed.append((trial.case or "", ms))
            insort(self._ordered, ms)
        elif trial.status not in ANSWERED:
            self._silent.append(trial.case or "")

    def _wait(self, trial: Trial) -> float:
        """As `waits.service_rows` has it."""
        measured = trial.latency_ms.queue
        if self._queue is None or trial.due is None:
            return measured
        own = self._queue.wait(trial.due, trial.latency_ms.total, trial.together)
        return own if trial.latency_ms.total > 0 else measured

    def percentile(self, q: float) -> float | None:
        """The q-quantile in milliseconds; None before the first answer."""
        return of_sorted(self._ordered, q, self._settings.percentile)

    @property
    def gates(self) -> Mapping[str, Said]:
        """Each gate's answer so far. Computed when there are new answers: 1.4 ms for one about latency and
        10,000 answers."""
        if self._judged != self.over and self._timed:
            self._judged = self.over
            names = {gate.metric for gate in self._gates} & QUANTILES.keys()
            timed = (self._timed, self._ordered)
            figures = {n: quantile(*timed, QUANTILES[n], self._settings, self._silent) for n in names}
            self._said = gates_now(self._gates, figures)
        return self._said

    def per_minute(self, now: float, active_s: float) -> float | None:
        """Sessions a minute of late; None before it can be told. The first was due `active_s` ago."""
        while self._latest and self._latest[0] < now - WINDOW_S:
            self._latest.popleft()
        span = min(WINDOW_S, active_s)
        return None if span < SETTLE_S else len(self._latest) * 60.0 / span


def gates_now(gates: Sequence[Gate], figures: Mapping[str, QuantileFigure]) -> dict[str, Said]:
    """Each gate's answer so far; those that are not about latency are answered at the end."""
    return {
        str(gate): _now(gate, figures.get(gate.metric)) if gate.metric in QUANTILES else "at the end"
        for gate in gates
    }


def _now(gate: Gate, figure: QuantileFigure | None) -> Said:
    if figure is None:
        return "too few"
    answer = gate.answer(*figure.ends)
    needed = figure.high if gate.op in ("<=", "<") else figure.low
    return "too few" if answer == "undecided" and needed is None else answer
