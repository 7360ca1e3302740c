"""What tools write about requests, with our names: promptfoo, Inspect, OpenTelemetry, LiteLLM, vLLM, batches.

Each is told by its keys. What a tool has besides stays under its dotted path, to be named as a column.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from routerlab.annotate.formats.fields import dig

Record = Mapping[str, Any]
Numbered = tuple[int, Record]


class Tool(NamedTuple):
    """Whether a record `fits`, and the `rows` of answers in it. Times become `total_ms`."""

    name: str
    fits: Callable[[Record], bool]
    rows: Callable[[Record], list[dict[str, Any]]]


def flat(record: Record, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every field, and those of nested objects under dotted paths."""
    for key, value in record.items():
        yield f"{before}{key}", value
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{key}.")


def label_of(text: Any) -> Any:
    """The answer; where it is an object with a label, that."""
    if isinstance(text, str) and text.lstrip().startswith("{"):
        try:
            text = json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text.get("label", json.dumps(text)) if isinstance(text, dict) else text and str(text).strip()


def _status(error: Any) -> str | None:
    """None where the answer tells."""
    return "crashed" if error else None


def _seconds(value: Any) -> float | None:
    """A moment, in seconds: a number or ISO 8601."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.replace(" ", "T").replace("Z", "+00:00")).timestamp()
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) else None


def _between(start: Any, end: Any) -> float | None:
    """Milliseconds between two moments."""
    a, b = _seconds(start), _seconds(end)
    return None if a is None or b is None else (b - a) * 1000


def _promptfoo(record: Record) -> list[dict[str, Any]]:
    found = []
    for one in dig(record, "results.results") or [record]:
        wanted = (a.get("value") for a in dig(one, "testCase.assert") or () if a.get("type") == "equals")
        variables = one.get("vars") or {}
        gold = next((variables[k] for k in ("gold", "label", "expected") if k in variables), None)
        label = label_of(dig(one, "response.output"))
        error = dig(one, "response.error") or (one.get("error") if not label else None)
        own = {
            "arm": dig(one, "provider.label") or dig(one, "provider.id") or one.get("provider"),
            "case": one.get("testIdx", variables.get("id")),
            "contract": f"prompt {one.get('promptIdx', 0)}",
            "gold": gold if gold is not None else next(wanted, None),
            "label": label,
            "status": _status(error),
            "total_ms": one.get("latencyMs"),
            "cost": one.get("cost"),
            "tokens_in": dig(one, "response.tokenUsage.prompt"),
            "tokens_out": dig(one, "response.tokenUsage.completion"),
        }
        found.append(dict(flat(one)) | own)
    return found


def _inspect(record: Record) -> list[dict[str, Any]]:
    found = []
    for one in record["samples"]:
        target, output = one.get("target"), one.get("output") or {}
        label = label_of(output.get("completion") or dig(output, "choices.0.message.content"))
        seconds = output.get("time") or one.get("working_time") or one.get("total_time")
        own = {
            "arm": dig(record, "eval.model") or output.get("model"),
            "case": one.get("id"),
            "repeat": one.get("epoch", 1),
            "gold": target[0] if isinstance(target, list) and target else target,
            "label": label,
            "status": _status(one.get("error")),
            "total_ms": seconds and seconds * 1000,
            "tokens_in": dig(output, "usage.input_tokens"),
            "tokens_out": dig(output, "usage.output_tokens"),
        }
        found.append(dict(flat(one)) | own)
    return found


def _spans(record: Record) -> list[Record]:
    """The spans of an SDK's line (one) or of OTLP's (nested)."""
    return [
        span
        for resource in record.get("resourceSpans", ())
        for scope in resource.get("scopeSpans", ())
        for span in scope.get("spans", ())
    ] or ([record] if "attributes" in record else [])


def _attributes(span: Record) -> dict[str, Any]:
    told = span.get("attributes") or {}
    if isinstance(told, list):  # OTLP: [{"key": ..., "value": {"intValue": "7"}}]
        return {one["key"]: next(iter(one.get("value", {}).values()), None) for one in told if "key" in one}
    return dict(told)


def _last_message(told: Record) -> str | None:
    """The text that the conventions since 1.37 have in gen_ai.output.messages, as JSON or as a list."""
    messages = told.get("gen_ai.output.messages")
    parts = dig(json.loads(messages) if isinstance(messages, str) else messages, "0.parts") or ()
    return "".join(part.get("content") or "" for part in parts if part.get("type") == "text") or None


def _otel(record: Record) -> list[dict[str, Any]]:
    found = []
    for span in _spans(record):
        told = _attributes(span)
        if not any(key.startswith("gen_ai.") for key in told):
            continue
        nanos = [span.get(key) for key in ("startTimeUnixNano", "endTimeUnixNano")]
        ms = (int(nanos[1]) - int(nanos[0])) / 1e6 if all(nanos) else None  # type: ignore[arg-type]
        failed = str(dig(span, "status.status_code") or dig(span, "status.code") or "")
        label = label_of(
            told.get("gen_ai.completion") or told.get("gen_ai.completion.0.content") or _last_message(told)
        )
        own = {
            "arm": told.get("gen_ai.request.model") or told.get("gen_ai.response.model"),
            "case": span.get("spanId") or dig(span, "context.span_id"),
            "label": label,
            "status": _status(told.get("error.type") or failed.endswith(("ERROR", "2"))),
            "total_ms": _between(span.get("start_time"), span.get("end_time")) if ms is None else ms,
            "tokens_in": told.get("gen_ai.usage.input_tokens", told.get("gen_ai.usage.prompt_tokens")),
            "tokens_out": told.get("gen_ai.usage.output_tokens", told.get("gen_ai.usage.completion_tokens")),
        }
        found.append(told | own)
    return found


def _litellm(record: Record) -> list[dict[str, Any]]:
    seconds = record.get("response_time")
    label = label_of(dig(record, "response.choices.0.message.content"))
    failed = record.get("status") == "failure" or record.get("error_str")
    own = {
        "arm": record.get("model"),
        "case": record.get("id") or record.get("request_id"),
        "label": label,
        "status": _status(failed),
        "total_ms": seconds * 1000 if seconds else _between(record.get("startTime"), record.get("endTime")),
        "cost": record.get("response_cost", record.get("spend")),
        "tokens_in": record.get("prompt_tokens"),
        "tokens_out": record.get("completion_tokens"),
    }
    return [dict(flat(record)) | own]


def _batch(record: Record) -> list[dict[str, Any]]:
    body = dig(record, "response.body") or {}
    label = label_of(dig(body, "choices.0.message.content"))
    own = {
        "arm": body.get("model") or "batch",
        "case": record["custom_id"],
        "label": label,
        "status": _status(record.get("error")),
        "tokens_in": dig(body, "usage.prompt_tokens"),
        "tokens_out": dig(body, "usage.completion_tokens"),
    }
    return [dict(flat(record)) | own]


def _vllm(record: Record) -> list[dict[str, Any]]:
    began, ended = record.get("began"), record.get("ended")
    took = None if began is None or ended is None else (ended - began) * 1000
    failed = record.get("failed")
    unknown = None if "answer" in record else "unrouted"  # few servers are told to log their answers
    own = {
        "arm": record.get("adapter") or "vLLM",
        "case": record["vllm"],
        "label": label_of(record.get("answer")),
        "status": "cancelled" if failed == "aborted" else _status(failed) or unknown,
        "total_ms": took if took is not None and took >= 0 else None,
    }
    return [dict(record) | own]


TOOLS = (
    Tool("promptfoo's results", lambda r: bool(dig(r, "results.results")), _promptfoo),
    Tool("promptfoo's results", lambda r: "promptIdx" in r and "vars" in r, _promptfoo),
    Tool("Inspect's log", lambda r: "eval" in r and isinstance(r.get("samples"), list), _inspect),
    Tool(
        "OpenTelemetry spans",
        lambda r: any(key.startswith("gen_ai.") for span in _spans(r) for key in _attributes(span)),
        _otel,
    ),
    Tool("LiteLLM's log", lambda r: {"call_type", "model", "startTime"} <= r.keys(), _litellm),
    Tool("a batch's answers (vLLM, OpenAI)", lambda r: {"custom_id", "response"} <= r.keys(), _batch),
    Tool("vLLM's log", lambda r: "vllm" in r, _vllm),
)


def told_apart(records: list[Numbered]) -> tuple[str | None, list[Numbered]]:
    """The tool that wrote the records, told by the first that fits one, and their rows; else None and the
    records with nested objects under dotted paths. KeyError, TypeError and such for what only looks like
    it."""
    for tool in TOOLS:
        if any(tool.fits(record) for _, record in records[:20]):
            return tool.name, [(n, row) for n, record in records for row in tool.rows(record)]
    return None, [(n, dict(flat(record))) for n, record in records]
