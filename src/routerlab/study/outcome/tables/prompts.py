"""Prompts to label, from tasks, a corpus, or any file of prompts; and what a router says of them."""

import asyncio
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from routerlab.annotate.formats.rows import read_rows
from routerlab.api import load_async_router
from routerlab.core.corpus import Corpus, prompt_sha256
from routerlab.core.errors import Exit, Faults, LabError
from routerlab.core.files.toml import load_toml, read_text
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.contract.router import Router, load_router
from routerlab.engine.lab.factory import model_arms
from routerlab.engine.lab.specs import any_spec
from routerlab.resources import TAXONOMY
from routerlab.settings import load_settings
from routerlab.study.outcome.analysis.analysis import Features
from routerlab.study.outcome.matrix import Floats
from routerlab.study.outcome.task import Tasks

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Read:
    """What a router made of prompts: labels to act on (None: it abstained or failed), and where it is a probe
    the (prompts, d) features that its head reads."""

    arm: str
    labels: tuple[str | None, ...]
    features: Floats | None


def read_prompts(path: Path) -> list[str]:
    """The prompts; LabError where there are none."""
    if path.suffix.lower() == ".toml":
        if "[[task]]" in read_text(path):
            return [task.prompt for task in load_toml(path, Tasks).task]
        return [case.prompt for case in load_toml(path, Corpus).case]
    faults = Faults(path)
    rows = [(line, row.get("prompt")) for line, row in read_rows(path, faults).rows]
    for line, prompt in rows:
        if not isinstance(prompt, str) or not prompt.strip():
            faults.add(line, "has no text under `prompt`")
    faults.end()
    return [str(prompt) for _, prompt in rows]


async def ask(arm: str, prompts: Sequence[str], tell: Progress) -> Read:
    """The router's answers, in order. LabError (code 3) when it cannot be loaded.

    Labels and features are of one pass where both can be had.
    """
    spec = any_spec(arm, load_settings().contract)
    router = load_router(spec.router) if isinstance(spec, ArmSpec) and spec.router else None
    if isinstance(router, Router) and router.head and isinstance(spec, ArmSpec):
        return await _probe(spec, router, prompts, tell)
    async with load_async_router(arm) as other:
        found = await other.route_many(prompts, progress=tell)
    return Read(other.name, tuple(one.routed for one in found), None)


async def _probe(spec: ArmSpec, router: Router, prompts: Sequence[str], tell: Progress) -> Read:
    assert router.head
    settings = load_settings()
    arms = model_arms(load_taxonomy(TAXONOMY), None, settings)
    arm = arms.model_arm(spec, router, layers=(router.head.layer,))
    labels: list[str | None] = []
    rows: list[Floats] = []
    try:
        await arm.start()
        if arm.state.phase != "ready":
            raise LabError(f"{spec.name}: {arm.state.message}", Exit.MISSING)
        for i, prompt in enumerate(prompts, 1):
            prediction, features = await arm.read(prompt, router.window, settings.timeout_s)
            if features is None:
                raise LabError(
                    f"{spec.name}: prompt {i}: {prediction.error or prediction.status}", Exit.MISSING
                )
            labels.append(prediction.routed)
            rows.append(features.ravel().astype(np.float64))
            tell(i, len(prompts))
    finally:
        await asyncio.shield(arm.stop())
    return Read(spec.name, tuple(labels), np.stack(rows))


def labels_text(prompts: Sequence[str], read: Sequence[Read]) -> bytes:
    """Labels as CSV: `prompt_sha256`, `arm`, `label`, a line a router and prompt; no prompts."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("prompt_sha256", "arm", "label"))
    for one in read:
        writer.writerows(
            (prompt_sha256(prompt), one.arm, label or "")
            for prompt, label in zip(prompts, one.labels, strict=True)
        )
    return out.getvalue().encode()


def features_bytes(prompts: Sequence[str], read: Read) -> bytes:
    """Features as a file of arrays (.npz); LabError where the router has none."""
    if read.features is None:
        raise LabError(f"{read.arm}: has no features to read; name the file of a router that is a probe")
    out = io.BytesIO()
    hashes = np.array([prompt_sha256(prompt) for prompt in prompts])
    np.savez_compressed(
        out, name=np.array(read.arm), prompt_sha256=hashes, features=read.features.astype(np.float16)
    )
    return out.getvalue()


def load_features(path: Path) -> Features:
    """The features in a file that `features_bytes` made; LabError when it is none. Nothing in it is run."""
    try:
        with np.load(path, allow_pickle=False) as data:
            rows = data["features"].astype(np.float64)
            hashes = data["prompt_sha256"].tolist()
            return Features(str(data["name"]), dict(zip(hashes, rows, strict=True)))
    except Exception as e:  # a damaged archive raises anything
        raise LabError(
            f"{path}: no file of features: {e}; make one with `routerlab outcome labels`"
        ) from None
