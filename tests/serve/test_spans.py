"""Spans where something takes them, with nothing of a text; nothing where there is no library."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from routerlab.serve import spans


def test_a_span_has_its_attributes_and_no_message_of_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[dict[str, Any]] = []

    @contextmanager
    def start(name: str, attributes: dict[str, str], **more: bool) -> Iterator[Any]:
        taken.append({"name": name, **attributes, **more})
        yield SimpleNamespace(set_attributes=taken[-1].update)

    tracer = SimpleNamespace(start_as_current_span=start)
    monkeypatch.setattr(spans, "trace", SimpleNamespace(get_tracer=lambda name: tracer))
    with spans.span("chat", {"gen_ai.request.model": "auto"}) as told:
        told({"gen_ai.response.model": "m"})
    assert taken == [
        {
            "name": "chat",
            "gen_ai.request.model": "auto",
            "gen_ai.response.model": "m",
            "record_exception": False,
            "set_status_on_exception": False,
        }
    ]
    monkeypatch.setattr(spans, "trace", None)
    with spans.span("chat", {}) as told:
        told({"a": "b"})
    assert len(taken) == 1


def test_the_library_takes_what_is_said() -> None:
    """Its own tracer, which does nothing where no exporter is set up."""
    pytest.importorskip("opentelemetry", reason="opentelemetry-api is not installed")
    with spans.span("chat", {"gen_ai.request.model": "auto"}) as told:
        told({"gen_ai.response.model": "m"})
