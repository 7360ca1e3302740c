"""Known servers: what a remote's table has for each, and what their requests have that steers reasoning."""

import json
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field

from routerlab.core.files.toml import load_toml
from routerlab.core.names import Server
from routerlab.core.prediction import Record
from routerlab.core.remote import Body, Hosting, Remote
from routerlab.engine.contract.contract import MAX_NEW_TOKENS

PRESETS = Path(__file__).with_name("presets.toml")


class Preset(Record):
    """A known server: what its table in settings.toml has, and what its requests have when reasoning is to be
    `off` or `low`. `notes` are for the reader of that table."""

    base_url: str
    model: str
    hosting: Hosting
    key_env: str | None = None
    notes: tuple[str, ...] = ()
    off: Body = Field(default_factory=dict)
    low: Body = Field(default_factory=dict)


class Presets(Record):
    """The known servers by name; `unknown` are the keys for any other, most of which ignore what they do not
    know."""

    server: dict[Server, Preset]
    unknown: dict[str, Body]


@cache
def presets() -> Presets:
    """The presets that ship."""
    return load_toml(PRESETS, Presets)


def server_of(remote: Remote) -> Server | None:
    """Which known server a remote's is: as it says, or as the address of a public one does."""
    if remote.server:
        return remote.server
    known = presets().server.items()
    return next(
        (name for name, one in known if one.key_env and urlsplit(one.base_url).netloc == remote.host), None
    )


def table_text(name: str, server: Server, model: str | None = None, base_url: str | None = None) -> str:
    """The commented `[[remote]]` table for settings.toml; what is not given is the preset's."""
    preset = presets().server[server]
    told = {
        "name": (name, ""),
        "base_url": (base_url or preset.base_url, ""),
        "model": (model or preset.model, ""),
        "hosting": (preset.hosting, 'who runs it: "self-hosted", "serverless" or "api"'),
        "server": (server, "whose habits it has"),
        "key_env": (preset.key_env, "the environment variable with the key, which itself stands nowhere"),
    }
    lines = [f"{key} = {json.dumps(value)}" for key, (value, _) in told.items() if value]
    why = [about for value, about in told.values() if value]
    width = max(map(len, lines)) + 2
    known = [f"{line:{width}}# {about}" if about else line for line, about in zip(lines, why, strict=True)]
    more = (
        'prices = { input = 0.0, output = 0.0, currency = "USD", date = 2026-01-31 }  # of a million tokens',
        'reasoning = "off"  # or "low": how much it may think first; else as its server has it',
        f"reasoning_tokens = 1024  # allowed for that, besides the {MAX_NEW_TOKENS} of the answer",
        'parse = "lenient"  # reads more than the contract allows; both rates are reported',
    )
    head = [f"# {server}: {note}" for note in preset.notes]
    return "\n".join([*head, "[[remote]]", *known, *(f"# {line}" for line in more)]) + "\n"
