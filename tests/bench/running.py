"""The bench commands as a user runs them, in a folder of their own."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.head import Head, head_bytes, head_key
from routerlab.engine.layers import PARTS
from routerlab.engine.router import HeadPin, Router, load_router
from routerlab.resources import ROUTERS, TAXONOMY

TWO = """schema_version = 1
name = "two"
taxonomy = "front-door"

[[case]]
id = "A"
prompt = "write a regex for ISO dates"
label = "code/simple"

[[case]]
id = "B"
prompt = "why is the sky blue?"
label = "CoT/simple"
"""


def random_router(folder: Path, n_embd: int = 576) -> Path:
    """The router that ships for SmolLM2, with a head of random numbers: it takes as long as any other."""
    made = load_router(ROUTERS / "smollm2-135m.toml")
    assert isinstance(made, Router)
    assert made.head is not None
    labels = load_taxonomy(TAXONOMY)
    pins = (made.model.sha256, made.prompt_sha256, labels.sha256, made.head.layer, made.window)
    weights = np.random.default_rng(0).standard_normal((len(labels.labels), PARTS * n_embd))
    bias = np.zeros(len(labels.labels), np.float32)
    data = head_bytes(Head(weights.astype(np.float32), bias, head_key(*pins)))
    (folder / "head.npz").write_bytes(data)
    pin = HeadPin(file="head.npz", sha256=hashlib.sha256(data).hexdigest(), layer=made.head.layer)
    text = made.model_copy(update={"head": pin}).model_dump(mode="json", exclude_none=True)
    (folder / "random.toml").write_text(tomli_w.dumps(text))
    return folder / "random.toml"


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "routerlab", "bench", *map(str, args)]


def bench(
    folder: Path, *args: object, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """What the command printed, and how it ended."""
    (folder / "two.toml").write_text(TWO)
    return subprocess.run(
        command(*args), cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=240
    )


def raw(path: Path) -> dict[str, Any]:
    """The data file."""
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found
