"""`routerlab tune adapter MODEL`: an adapter and its head, judged by cases that both were trained without."""

import threading
from asyncio import to_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from routerlab.api import AsyncRouter
from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.router import Router, load_router
from routerlab.engine.contract.scaling import label_shares
from routerlab.models.fingerprint import file_sha256
from routerlab.models.progress import StoppedError
from routerlab.tune.adapter.bert import load_encoder, read
from routerlab.tune.adapter.lora import lora_bytes
from routerlab.tune.adapter.train import Recipe, Trained, features, train
from routerlab.tune.cases import Ints, Training, sample, splits
from routerlab.tune.choose import Nested, Setting
from routerlab.tune.familiarity import familiarity
from routerlab.tune.features import Tell, Workbench
from routerlab.tune.fit import STRENGTHS, Doubles, Floats, honest_temperature
from routerlab.tune.offloop import telling
from routerlab.tune.plan import Plan
from routerlab.tune.probe import Fitted
from routerlab.tune.promise import in_words
from routerlab.tune.rows import by_corpus, row
from routerlab.tune.stopwatch import time_routers
from routerlab.tune.ways import Way
from routerlab.tune.write import save, write_router

FOLDS = 5
"""Adapters that are trained without a fifth of the cases each, besides the one of all."""

ALIKE_CASES, ALIKE = 12, 0.999
"""Prompts that torch and the engine are compared on, and the least cosine between their features."""


@dataclass(frozen=True)
class Adapted:
    """What came of it."""

    router: Router
    path: Path
    notes: tuple[str, ...]


async def tune_adapter(
    plan: Plan,
    layer: int,
    window: int,
    recipe: Recipe,
    open_router: Callable[[Path], AsyncRouter],
    tell: Tell,
) -> Adapted:
    """Train, judge, write and time. What each fold answered is kept beside the plan's store as soon as it is
    there, so a run that was stopped goes on with the next fold.

    LabError when the model is no encoder that can be trained, or torch computes other features than
    the engine.
    """
    training = plan.training
    prompts = [case.prompt for case in training.cases]
    with _stoppable(telling(tell)) as told:
        encoder = await to_thread(load_encoder, plan.spec.model, layer)
        asked = await to_thread(read, plan.spec.model, prompts, window)
        frozen = await to_thread(features, encoder, asked, partial(told, "reading prompts"))
        info = await _compared(plan, layer, window, frozen)

        def trained(rows: Ints, what: str) -> Trained:
            target = training.target
            return train(encoder, asked, target, rows, frozen, recipe, plan.seed, partial(told, what))

        logits = np.zeros(training.target.shape)
        store = _store(plan, layer, window, recipe)
        folds = splits(training.gold, training.group, FOLDS, plan.seed + 1)
        for number, (others, tested) in enumerate(folds, 1):
            kept = store / f"fold-{number}.npy"
            if not kept.exists():
                got = await to_thread(trained, others, f"training, fold {number} of {len(folds)}")
                save(kept, _bytes(got.linear.logits(got.features[tested])))
            logits[tested] = np.load(kept)
        got = await to_thread(trained, np.arange(len(asked)), "training, all cases")
    fitted = _fitted(training, got, logits, Setting(0, window, layer, STRENGTHS[0]), plan.seed)
    shares = fitted.oof.shares
    rows = [row("probe", training.gold, training.hard, shares.argmax(axis=1), shares, [])]
    rows += by_corpus(training, fitted.oof.rows, shares)
    adapter = lora_bytes(got.matrices, recipe.alpha)
    said = _said(training, recipe, len(folds))
    router, path = write_router(plan, info, fitted, Way(plan.spec), rows, (), {}, said, adapter)
    await time_routers({path: router}, training, plan.seed, open_router, tell)
    timed = load_router(path)
    assert isinstance(timed, Router)
    promised = [in_words(router.promise, plan.max_error, training.corpus.name)] if plan.max_error else []
    return Adapted(timed, path, tuple(promised))


@contextmanager
def _stoppable(tell: Tell) -> Iterator[Tell]:
    """`tell` for other threads, which end with their next step once this is left: none can be left to itself
    in torch."""
    stopped = threading.Event()

    def told(what: str, done: int, total: int) -> None:
        if stopped.is_set():
            raise StoppedError
        tell(what, done, total)

    try:
        yield told
    finally:
        stopped.set()


async def _compared(plan: Plan, layer: int, window: int, frozen: Floats) -> ArmInfo:
    """Facts of the model as the engine has it; LabError where it computes something else."""
    with Workbench(plan) as bench:
        async with bench.asker("probe", Way(plan.spec), (layer,)) as asker:
            info = await asker.start()
            for i in sample(plan.training, ALIKE_CASES, plan.seed):
                answer = await asker.fresh(plan.training.cases[i].prompt, window)
                assert answer.features is not None
                a, b = answer.features[0].astype(np.float64), frozen[i].astype(np.float64)
                if (cosine := float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))) < ALIKE:
                    raise LabError(
                        f"{plan.spec.model}: torch computes something else than the engine of case "
                        f"{plan.training.cases[i].id} (cosine {cosine:.3f}): it cannot be trained here"
                    )
    return info


def _store(plan: Plan, layer: int, window: int, recipe: Recipe) -> Path:
    """Where the folds of just this training are kept."""
    key = {
        "model": file_sha256(plan.spec.model),
        "corpus": [plan.training.corpus.sha256, *(one.sha256 for one in plan.training.corpora)],
        "taxonomy": plan.taxonomy.sha256,
        "recipe": asdict(recipe),
        "read": [layer, window, plan.seed],
        "torch": [version("torch"), version("transformers"), version("peft")],
    }
    return plan.store.parent / "adapters" / canonical_sha256(key)[:16]


def _bytes(array: Doubles) -> bytes:
    """As an .npy file."""
    from io import BytesIO

    buffer = BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _fitted(training: Training, got: Trained, logits: Doubles, setting: Setting, seed: int) -> Fitted:
    """The head of all cases, made as sure of itself as the folds were right."""
    t = honest_temperature(logits, training.gold, training.part)
    everything = np.arange(len(training.gold))
    oof = Nested(everything, label_shares(logits / t), (setting,) * FOLDS)
    known, near = familiarity(got.features, training.gold, training.group, seed)
    linear = got.linear.tempered(t)
    return Fitted(setting, linear, oof, training.gold, [], familiarity=known, familiar=near)


def _said(training: Training, recipe: Recipe, folds: int) -> tuple[str, ...]:
    n = len(training.cases)
    return (
        f"An adapter (LoRA of rank {recipe.rank}) and the head were trained together on {n} cases of "
        f"{training.corpus.name}, {recipe.epochs} times over, by torch {version('torch')} and peft "
        f"{version('peft')}; layer, window and how to train were given.",
        f"The accuracy is that of these cases, each answered by an adapter and a head of one of {folds} "
        "folds, trained anew without it; near duplicates stayed on one side. One temperature was fitted to "
        "all of these answers.",
        "routing60 was not read for any of it.",
    )
