"""`POST /v1/chat/completions`: decide, choose, send on, and try the next where one fails."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from routerlab.api import Decision
from routerlab.core.names import Turn
from routerlab.serve.chat.body import Chat, read_chat
from routerlab.serve.chat.candidates import Table
from routerlab.serve.chat.forward import Clients, FaultError, Relay, begin
from routerlab.serve.chat.stickiness import Sticky
from routerlab.serve.decide import Decider
from routerlab.serve.limits import Limits, RefusedError, off_loop
from routerlab.serve.metrics import Metrics
from routerlab.serve.spans import span

AUTO = "auto"
"""The model that is named by whoever leaves the choice to the router; `auto:NAME` means another table."""
SESSION = "x-routerlab-session"
"""The header in which a client may name its conversation."""


@dataclass(frozen=True)
class Choosing:
    """How chats are decided and sent on. `turn` is what the router reads, None the whole conversation."""

    clients: Clients
    stickiness: Sticky
    turn: Turn | None = "last"


@dataclass(frozen=True)
class _Decided:
    """What is known of a prompt: `label` is what to act on, `reason` why there is none."""

    decision: Decision | None
    label: str | None
    reason: str


async def reply(
    body: bytes,
    headers: Mapping[str, str],
    decider: Decider,
    tables: Mapping[str, Table],
    choosing: Choosing,
    limits: Limits,
    metrics: Metrics,
) -> Response:
    """The answer of the model that the prompt belongs to, or of the next that may have it; RefusedError when
    the body is no good, the queue is full, or no model answers."""

    def read() -> tuple[Chat, str]:
        chat = read_chat(body)
        named = headers.get(SESSION)
        return chat, hashlib.sha256(named.encode()).hexdigest() if named else chat.opening

    chat, conversation = await off_loop(len(body), read)
    table = _table(chat.model, tables)
    prompt = chat.prompt(choosing.turn, limits.prompt_characters)
    with span("chat", {"gen_ai.operation.name": "chat", "gen_ai.request.model": chat.model}) as told:
        decided = await _decide(decider, prompt)
        before = await choosing.stickiness.model(conversation)
        candidates = table.targets(decided.label, before)
        plain = table.targets(decided.label)
        faults: list[FaultError] = []
        for target in candidates:
            assert target.endpoint is not None
            sent = chat.with_model(target.endpoint.model)
            try:
                begun = await begin(choosing.clients, table, target, sent, headers, metrics)
            except FaultError as fault:
                faults.append(fault)
                continue
            except asyncio.CancelledError:  # the client left, but the prompt came and was decided
                if prompt is not None and decided.decision is not None:
                    await decider.settle(prompt, decided.decision, target.name)
                raise
            moved = "failed" if faults else "sticky" if target != plain[0] else ""
            reasons = [reason for reason in (decided.reason, moved) if reason]
            for reason in reasons:
                metrics.fallbacks.labels(reason).inc()
            try:
                await choosing.stickiness.had(conversation, target.name)
                if prompt is not None and decided.decision is not None:
                    await decider.settle(prompt, decided.decision, target.name)
            except BaseException:
                await begun.answer.aclose()
                raise
            shown = _headers(decided, target.name, reasons)
            told({"gen_ai.response.model": target.endpoint.model, **shown})
            return Relay(begun, shown, limits)
        if prompt is not None and decided.decision is not None:
            await decider.settle(prompt, decided.decision, None)
    raise _nobody(faults, limits.retry_s)


def _table(model: str, tables: Mapping[str, Table]) -> Table:
    name, _, variant = model.partition(":")
    if name != AUTO or variant not in tables:
        raise RefusedError(404, "model_not_found", f"model: there is {', '.join(names(tables)) or 'none'}")
    return tables[variant]


def names(tables: Mapping[str, Table]) -> list[str]:
    """The models that clients may name."""
    return [f"{AUTO}:{variant}" if variant else AUTO for variant in tables]


async def _decide(decider: Decider, prompt: str | None) -> _Decided:
    """A router that is late or out keeps no chat from its default; one whose queue is full sheds."""
    if prompt is None:
        return _Decided(None, None, "no_text")
    try:
        decision = await decider.decide(prompt)
    except RefusedError as refused:
        if refused.code == "queue_full":
            raise
        return _Decided(None, None, refused.code)
    reason = "abstained" if decision.abstained else "" if decision.routed else decision.status
    return _Decided(decision, decision.routed, reason)


def _headers(decided: _Decided, target: str, reasons: list[str]) -> dict[str, str]:
    found = {"target": target, "fallback": ",".join(reasons)}
    if (decision := decided.decision) is not None:
        latency = decision.latency_ms
        found |= {
            "label": decision.label or "",
            "probability": "" if decision.probability is None else f"{decision.probability:.4f}",
            "familiarity": "" if decision.familiarity is None else f"{decision.familiarity:.4f}",
            "ms": f"{latency.queue + latency.total:.1f}",
        }
    return {f"x-routerlab-{key}": value for key, value in found.items() if value}


def _nobody(faults: list[FaultError], longest_s: float) -> RefusedError:
    """What is said where no model answered. Where all only want to be asked later, so is this, but after no
    more than `longest_s`."""
    if not faults:
        return RefusedError(503, "no_model_allowed", "no model may have a prompt whose label is not known")
    told = "; ".join(map(str, faults))
    waits = [fault.wait_s for fault in faults if fault.wait_s is not None]
    if len(waits) == len(faults):
        return RefusedError(429, "models_busy", told, min(*waits, longest_s))
    return RefusedError(502, "models_failed", told)
