"""Routing tables for models on loopback."""

from pathlib import Path
from typing import Any

from tests.engine.asking import FRONT_DOOR
from tests.engine.remote.server import KEY_ENV, Server

GOES = {"code/simple": "small", "code/complex": "large", "CoT/simple": "home"}
"""Label -> model; the others go to `large`."""


def table(path: Path, models: dict[str, tuple[int, str, Server | str]], **more: Any) -> Path:
    """A table in `path`: name -> (tier, hosting, server or address). CoT/simple may only go to models that
    are self-hosted. `more` are `default`, `timeout_s`, `key_env`."""
    lines = [
        'schema_version = 1\nname = "t"\ntaxonomy = "front-door"\ncurrency = "USD"\ndate = 2026-01-01\n'
        f'default = "{more.get("default", "large")}"\n'
    ]
    for name, (tier, hosting, server) in models.items():
        url = server if isinstance(server, str) else server.url
        lines.append(
            f'[[model]]\nname = "{name}"\ntier = {tier}\nhosting = "{hosting}"\n[model.endpoint]\n'
            f'base_url = "{url}"\nmodel = "{name}-2026"\ntimeout_s = {more.get("timeout_s", 60)}\n'
            f'key_env = "{more.get("key_env", KEY_ENV)}"\n'
        )
    for label in FRONT_DOOR.labels:
        goes = GOES.get(label, "large")
        own = "self_hosted_only = true\n" if goes == "home" and more.get("constrained", True) else ""
        goes = goes if goes in models else "large"
        if own and goes != "home":
            own = ""
        lines.append(f'[[route]]\nlabel = "{label}"\nmodel = "{goes}"\noutput_tokens = 10\n{own}')
    path.write_text("".join(lines))
    return path
