"""What is in a request to a remote's server, and what is left out of it where the server does not take it.

Servers differ in what they refuse. That is found out with one question while an arm loads (see arm.py), and
holds from then on: what an arm is asked with must not change from one question to the next.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import JsonValue

from routerlab.core.remote import Body, Remote
from routerlab.engine.contract.contract import MAX_NEW_TOKENS
from routerlab.engine.remote.preset import presets, server_of

EFFORTS: tuple[JsonValue, ...] = ("none", "minimal", "low")
"""Of reasoning_effort, from the least; a server that refuses one may take the next."""


@dataclass(frozen=True)
class Terms:
    """How a server is asked. `body` are the remote's own keys, `thinking` those that steer reasoning; `limit`
    are the new tokens, `capped_by` their key. Without `temperature` the server chooses; without `system` the
    instruction is in the user's turn. `changed` says in words what is not as it was wanted."""

    model: str
    limit: int = MAX_NEW_TOKENS
    body: Body = field(default_factory=dict)
    thinking: Body = field(default_factory=dict)
    capped_by: str = "max_tokens"
    temperature: float | None = 0.0
    system: bool = True
    changed: tuple[str, ...] = ()

    @property
    def parameters(self) -> Body:
        """A request without model and messages."""
        greedy: Body = {} if self.temperature is None else {"temperature": self.temperature}
        return {**self.body, **self.thinking, **greedy, self.capped_by: self.limit}

    def request(self, instruction: str | None, prompt: str) -> dict[str, Any]:
        """The body of a request; without an instruction the prompt is all that is said."""
        turns = [("system", instruction), ("user", prompt)] if instruction else [("user", prompt)]
        if instruction and not self.system:
            turns = [("user", f"{instruction}\n\n{prompt}")]
        messages = [{"role": role, "content": content} for role, content in turns]
        return {**self.parameters, "model": self.model, "messages": messages}

    def without(self, refusal: str) -> "Terms | None":
        """Other terms, without what a server's words refuse; None where they name nothing that is sent."""

        def names(key: str) -> bool:
            return re.search(rf"(?<![\w]){re.escape(key)}(?![\w])", refusal) is not None

        def changed(told: str, **fields: Any) -> Terms:
            return replace(self, changed=(*self.changed, told), **fields)

        if self.capped_by == "max_tokens" and names("max_tokens"):
            return changed("the limit is sent as max_completion_tokens", capped_by="max_completion_tokens")
        if self.temperature is not None and re.search("temperature", refusal, re.IGNORECASE):
            return changed("not greedy: the server allows no temperature", temperature=None)
        effort = self.thinking.get("reasoning_effort")
        if (
            effort in EFFORTS[:-1]
            and (names("reasoning_effort") or names("reasoning.effort"))
            and not re.search(r"unrecognized|unknown|unexpected|not permitted|extra", refusal, re.IGNORECASE)
        ):
            less = EFFORTS[EFFORTS.index(effort) + 1]
            told = f"reasoning_effort is {less}: the server refuses {effort}"
            return changed(told, thinking={**self.thinking, "reasoning_effort": less})
        for where in ("thinking", "body"):
            sent: Mapping[str, JsonValue] = getattr(self, where)
            for key in filter(names, sent):
                left = {k: v for k, v in sent.items() if k != key}
                return changed(f"{key} is not sent: the server refuses it", **{where: left})
        if self.thinking and re.search(r"reason|think", refusal, re.IGNORECASE):
            return changed("reasoning is as the server has it: it refuses to be told", thinking={})
        if self.system and re.search(
            r"system.{0,40}(role|messag|prompt|instruction|support)|(role|messag|instruction).{0,40}system"
            r"|roles must alternate|developer instruction",
            refusal,
            re.IGNORECASE | re.DOTALL,
        ):
            return changed(
                "the instruction is in the user's turn: the server takes no system message", system=False
            )
        return None


def terms_of(remote: Remote) -> Terms:
    """How a remote is asked at first: by the contract, and with what its server understands of reasoning."""
    thinking: Body = {}
    changed: tuple[str, ...] = ()
    wanted = remote.reasoning
    if wanted in ("off", "low"):
        name = server_of(remote)
        known = presets().server[name] if name else None
        keys = presets().unknown[wanted] if known is None else known.off if wanted == "off" else known.low
        thinking = {key: value for key, value in keys.items() if key not in remote.body}
        if not keys:
            changed = (f"reasoning is as the server has it: {name} knows no way to make it {wanted}",)
    limit = MAX_NEW_TOKENS + (remote.reasoning_tokens or 0)
    return Terms(remote.model, limit, dict(remote.body), thinking, changed=changed)
