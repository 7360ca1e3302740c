"""A model behind an OpenAI-compatible endpoint, as settings and plans say it. The key itself is never written
anywhere: `key_env` names the environment variable that holds it."""

import datetime
import json
import os
import re
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator

from routerlab.core.errors import Exit, LabError
from routerlab.core.loopback import is_loopback
from routerlab.core.names import Parse, Reasoning, Server
from routerlab.core.prediction import Record, Tokens

Body = dict[str, JsonValue]
CONTRACT = ("model", "messages", "temperature", "max_tokens", "stream", "n")
"""What every arm is asked with, and no remote may change."""
LEAST_KEY = 12
"""Characters of a key that is looked for where it should not be; a placeholder may be a part of anything."""
Hosting = Literal["self-hosted", "serverless", "api"]
"""Who runs the model: fewer dependencies first, as a tie between arms is decided."""


class Prices(Record):
    """What a million tokens cost on that date; `cached` is for input that the server had read before."""

    input: float = Field(ge=0.0, allow_inf_nan=False)
    output: float = Field(ge=0.0, allow_inf_nan=False)
    cached: float | None = Field(default=None, ge=0.0, allow_inf_nan=False)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    date: datetime.date


def cost(tokens: Tokens, prices: Prices) -> float | None:
    """What an answer with these tokens costs, in the prices' currency; None where nobody counted them."""
    if not (tokens.cached or tokens.evaluated or tokens.generated):
        return None
    cached = prices.input if prices.cached is None else prices.cached
    paid = tokens.evaluated * prices.input + tokens.cached * cached + tokens.generated * prices.output
    return paid / 1e6


def plain_address(url: str) -> str:
    """The address of an endpoint without a slash at its end; ValueError when it is none, or holds more than
    an address should. Nothing of a wrong one is repeated: it may hold a key."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not re.fullmatch(r"[!-~]+", url):
        raise ValueError('not an address: it should look like "https://api.example.com/v1"')
    if "@" in parts.netloc or parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError(
            "an address without user, password, query and fragment is needed; a key goes into the "
            "environment variable that key_env names"
        )
    return url.rstrip("/")


class Remote(Record):
    """An endpoint and a model there. The arm is called `remote:NAME`.

    `key_env` is absent where no key is needed. `timeout_s` is the limit in seconds for one answer, if it is
    to be shorter than that of other arms; within it a question is tried again `retries` times at most.
    `concurrency` is how many questions may be under way when many are asked together. `body` goes with every
    request, for what a server would otherwise do on its own (penalties); sessions have it too.

    `reasoning` is how much the model may think first ("default": as its server has it); what is sent for that
    depends on the `server`, which is otherwise told from the address. `reasoning_tokens` are allowed for it
    besides the answer's own. `parse` is how answers are read ("strict" unless it says otherwise).
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    base_url: str
    model: str = Field(min_length=1)
    hosting: Hosting
    key_env: str | None = Field(default=None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    prices: Prices | None = None
    body: Body = Field(default_factory=dict)
    server: Server | None = None
    reasoning: Reasoning | None = None
    reasoning_tokens: int | None = Field(default=None, ge=0, le=65536)
    parse: Parse | None = None
    timeout_s: float | None = Field(default=None, gt=0.0, allow_inf_nan=False)
    retries: int = Field(default=2, ge=0, le=10)
    concurrency: int = Field(default=4, ge=1, le=64)

    _is_plain_address = field_validator("base_url")(plain_address)

    @field_validator("body")
    @classmethod
    def _keeps_the_contract(cls, body: Body) -> Body:
        if changed := [key for key in CONTRACT if key in body]:
            raise ValueError(f"{changed[0]} is the contract's, and the same for every arm")
        return body

    @property
    def host(self) -> str:
        """Host and, if it is not the usual one, port."""
        return urlsplit(self.base_url).netloc

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is on this machine."""
        return is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def shows_the_key(self) -> bool:
        """Whether the key would cross a network unencrypted."""
        return self.key_env is not None and not self.is_local and self.base_url.startswith("http:")


def api_key(remote: Remote) -> str | None:
    """The key from the environment, None where none is needed; LabError (exit 3) when it is not there."""
    if remote.key_env is None:
        return None
    key = os.environ.get(remote.key_env, "").strip()
    where = f"remote {remote.name}: the environment variable {remote.key_env}"
    if not key:
        raise LabError(f"{where} is not set: it has to hold the key for {remote.host}", Exit.MISSING)
    if not re.fullmatch(r"[!-~]+", key):
        raise LabError(f"{where} holds spaces or other characters that no key has", Exit.MISSING)
    if len(key) >= LEAST_KEY and key in f"{remote.base_url} {remote.model} {json.dumps(remote.body)}":
        raise LabError(f"{where} holds what also stands in its table, in clear: take it out there")
    return key


def find_remote(name: str, remotes: Sequence[Remote], where: object) -> Remote:
    """The remote of this name; LabError when `where`, the file that they are from, has none."""
    for remote in remotes:
        if remote.name == name:
            return remote
    known = ", ".join(remote.name for remote in remotes) or "none"
    raise LabError(f"no remote {name!r}: {where} has {known}; add a [[remote]] there", Exit.MISSING)
