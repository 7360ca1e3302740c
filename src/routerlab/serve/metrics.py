"""What a server counts, for Prometheus."""

from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from routerlab.api import Decision
from routerlab.serve.drift import SIZE, Drift, Seen, told

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one server; their labels are arms, models and the taxonomy's, never anybody's text."""

    def __init__(self, window: int = SIZE, tell: Callable[[str], None] = lambda _: None) -> None:
        """`window` are the decisions that drift is looked for in (0: it is not); `tell` gets alarms."""
        self.window = window
        self.tell = tell
        self._drifts: dict[str, Drift] = {}
        own = self.registry = CollectorRegistry()
        self.decisions = Counter(
            "routerlab_decisions", "Decisions", ("arm", "status", "label", "target"), registry=own
        )
        self.seconds = Histogram(
            "routerlab_decision_seconds",
            "From question to decision, its wait included",
            ("arm",),
            buckets=SECONDS,
            registry=own,
        )
        self.tokens = Counter("routerlab_tokens", "Tokens that routers read", ("arm", "kind"), registry=own)
        self.familiarity = Histogram(
            "routerlab_familiarity",
            "Familiarity of prompts",
            ("arm",),
            buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
            registry=own,
        )
        self.abstained = Counter(
            "routerlab_abstained", "Decisions not to be acted on", ("arm",), registry=own
        )
        self.shadows = Counter(
            "routerlab_shadows", "Shadow arms' answers beside the decision", ("arm", "agrees"), registry=own
        )
        self.fallbacks = Counter(
            "routerlab_fallbacks",
            "Prompts that went elsewhere than their label says",
            ("reason",),
            registry=own,
        )
        self.store_failures = Counter(
            "routerlab_sticky_store_failures", "Questions that the store for --sticky left open", registry=own
        )
        self.refused = Counter("routerlab_refused", "Requests that were refused", ("code",), registry=own)
        self.lost = Counter("routerlab_records_lost", "Records that were not written", registry=own)
        self.queue = Gauge("routerlab_queue", "Decisions that are asked for and not made", registry=own)
        self.requests = Gauge("routerlab_requests", "Requests that are open", registry=own)
        self.drift = Gauge(
            "routerlab_drift",
            "Whether the last window of decisions differs from the reference, 0 or 1",
            ("arm", "figure"),
            registry=own,
        )
        self.distance = Gauge(
            "routerlab_drift_distance",
            "The largest difference of shares between the last window and the reference",
            ("arm", "figure"),
            registry=own,
        )
        self.first_byte = Histogram(
            "routerlab_first_byte_seconds",
            "Until a model's answer begins",
            ("target",),
            buckets=SECONDS,
            registry=own,
        )
        self.upstream = Counter(
            "routerlab_upstream", "What models answered", ("target", "status"), registry=own
        )

    def decided(self, decision: Decision, target: str | None) -> None:
        """Count a decision, and the model that its prompt went to, if it went to one."""
        arm, latency, tokens = decision.arm, decision.latency_ms, decision.tokens
        self.decisions.labels(arm, decision.status, decision.label or "", target or "").inc()
        self.seconds.labels(arm).observe((latency.queue + latency.total) / 1000.0)
        self.tokens.labels(arm, "cached").inc(tokens.cached)
        self.tokens.labels(arm, "evaluated").inc(tokens.evaluated)
        self.tokens.labels(arm, "generated").inc(tokens.generated)
        if decision.familiarity is not None:
            self.familiarity.labels(arm).observe(decision.familiarity)
        if decision.abstained:
            self.abstained.labels(arm).inc()
        self._look(decision)

    def begin(self, references: Mapping[str, Sequence[Seen]] | None = None) -> None:
        """Forget what drift is measured against: arms were loaded anew, and may be others under old names.
        `references` are there for some of them (see Drift)."""
        known = (references or {}).items()
        self._drifts = {arm: Drift(self.window, reference=sample) for arm, sample in known}
        self.drift.clear()
        self.distance.clear()

    def _look(self, decision: Decision) -> None:
        arm = decision.arm
        drift = self._drifts.setdefault(arm, Drift(self.window))
        before = drift.figures
        for figure in (now := drift.add(decision)):
            self.drift.labels(arm, figure.name).set(figure.alarm)
            self.distance.labels(arm, figure.name).set(figure.distance)
        for line in told(arm, before, now, drift.against):
            self.tell(line)

    def text(self) -> bytes:
        """All of it, in the text format."""
        return generate_latest(self.registry)
