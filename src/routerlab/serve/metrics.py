"""What a server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from routerlab.api import Decision

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one server; their labels are arms, models and the taxonomy's, never anybody's text."""

    def __init__(self) -> None:
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
        self.refused = Counter("routerlab_refused", "Requests that were refused", ("code",), registry=own)
        self.lost = Counter("routerlab_records_lost", "Records that were not written", registry=own)
        self.queue = Gauge("routerlab_queue", "Decisions that are asked for and not made", registry=own)
        self.requests = Gauge("routerlab_requests", "Requests that are open", registry=own)
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

    def text(self) -> bytes:
        """All of it, in the text format."""
        return generate_latest(self.registry)
