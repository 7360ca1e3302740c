"""The classifier of LiteLLM's Auto Router (`classifier_type: custom`): a router in its process, or elsewhere.

LiteLLM names it by a dotted path in its configuration, and calls `classify`; what is raised there is written
to its log, and its `classifier_fallback` or `fallback_tier` decides. What is said of a fault holds no prompt.
"""

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from httpx2 import AsyncClient

TOKEN = "ROUTERLAB_SERVE_TOKEN"
"""The environment variable with the token of a server that wants one."""


class Context(Protocol):
    """What is read of LiteLLM's `RoutingContext`: the messages as chat completions have them, whatever the
    request was, and as they came."""

    @property
    def structured_messages(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def raw_messages(self) -> Sequence[Mapping[str, Any]]: ...


class Verdict(NamedTuple):
    """What a router says of a prompt: the label to act on, None where it abstained, and its probability, None
    where it has none."""

    label: str | None
    probability: float | None


Ask = Callable[[str], Awaitable[Verdict]]


class Classifier:
    """A `ClassifierPlugin`, which LiteLLM asks for the tier of each request."""

    def __init__(self, ask: Ask, tiers: Mapping[str, str] | None = None, least: float = 0.0) -> None:
        self._ask = ask
        self._tiers = tiers
        self._least = least

    async def classify(self, context: Context) -> str | None:
        """The tier of the user's last turn; None, which leaves it to LiteLLM's fallback, where there is no
        text, the router abstained, or its label is less probable than `least`. LabError when it cannot be
        asked, or the label has no tier."""
        prompt = last_turn(context.structured_messages or context.raw_messages)
        if prompt is None:
            return None
        label, probability = await self._ask(prompt)
        if label is None or (probability is not None and probability < self._least):
            return None
        if self._tiers is None:
            return label
        if label not in self._tiers:
            raise LabError(f"tiers: no tier for the label {label}; there are {', '.join(self._tiers)}")
        return self._tiers[label]


def in_process(
    router: str | Path, *, tiers: Mapping[str, str] | None = None, least: float = 0.0, **settings: Any
) -> Classifier:
    """A classifier with a router of its own, loaded now from what `routerlab.load_router` takes.

    `tiers` are LiteLLM's names of the labels' tiers; without them a tier is called as its label. `least` is
    the probability (0..1) below which LiteLLM's fallback decides. LabError when the router cannot be loaded,
    or a label has no tier. Each process of the proxy loads a model; several should ask one server (`at`).
    """
    from routerlab.api import load_router

    loaded = load_router(router, **settings)
    if tiers is not None and (bare := sorted(set(loaded.labels) - set(tiers))):
        loaded.close()
        raise LabError(f"tiers: no tier for {', '.join(bare)}; {loaded.name} may answer them")

    async def ask(prompt: str) -> Verdict:
        decision = await loaded.route_async(prompt)
        if not decision.ok:
            raise LabError(f"{decision.arm}: {decision.status}")
        return Verdict(decision.routed, decision.probability)

    return Classifier(ask, tiers, least)


def at(
    address: str, *, tiers: Mapping[str, str] | None = None, least: float = 0.0, token_env: str = TOKEN
) -> Classifier:
    """A classifier that asks `routerlab serve` at `address`, such as http://127.0.0.1:8088; needs httpx2 and
    nothing else of routerlab's libraries. `tiers` and `least` as in `in_process`; `token_env` is the
    environment variable with its token, which is sent if it is set. LabError when this is no address."""
    from httpx2 import AsyncClient

    if not _is_address(address):
        raise LabError(f"{address}: no address of a server; write http://HOST:PORT")
    token = os.environ.get(token_env, "").strip()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # LiteLLM cancels what takes longer than its classifier_plugin_timeout_ms
    client = AsyncClient(base_url=address, headers=headers, timeout=None, trust_env=False)
    return Classifier(lambda prompt: _asked(client, address, prompt), tiers, least)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        there = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and there and not parts.query and not parts.fragment


async def _asked(client: "AsyncClient", address: str, prompt: str) -> Verdict:
    from httpx2 import HTTPError

    try:
        reply = await client.post("/v1/route", json={"prompt": prompt})
    except HTTPError as e:
        raise LabError(f"{address}: {type(e).__name__}; is `routerlab serve` there?") from None
    try:
        told = reply.json()
        if reply.is_success:
            return Verdict(told["routed"], told["probability"])
        code = str(told["error"]["code"])
    except (ValueError, KeyError, TypeError):
        code = "not an answer of `routerlab serve`"
    raise LabError(f"{address}: {reply.status_code}, {code}")


def last_turn(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """The text of the last message of the user's that has one; None where none has."""
    said = ("\n".join(_texts(m.get("content"))) for m in reversed(messages) if m.get("role") == "user")
    return next((text for text in said if text.strip()), None)


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else []:
        if isinstance(part, Mapping) and part.get("type") in ("text", "input_text"):
            yield str(part.get("text", ""))
