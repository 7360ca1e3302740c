"""OpenTelemetry spans, where its library is there and a program that starts this one has set up an exporter:
`opentelemetry-instrument routerlab serve ...`. Otherwise nothing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

try:
    from opentelemetry import trace
except ImportError:
    trace = None  # type: ignore[assignment,unused-ignore]

Told = Mapping[str, str]


@contextmanager
def span(name: str, attributes: Told) -> Iterator[Callable[[Told], None]]:
    """A span with these attributes; what it yields adds others. Never a text of a user, nor an error's."""
    if trace is None:
        yield lambda _: None
        return
    tracer = trace.get_tracer("routerlab")
    silent = {"record_exception": False, "set_status_on_exception": False}
    with tracer.start_as_current_span(name, attributes=attributes, **silent) as current:
        yield lambda more: current.set_attributes(dict(more))
