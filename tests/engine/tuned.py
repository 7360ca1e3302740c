"""A tiny model that is really tuned: read, fitted and written as `routerlab tune` does it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from routerlab.core.corpus import Case, Corpus
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.router import Router
from routerlab.engine.lab.factory import ModelArms
from routerlab.settings import Settings
from routerlab.tune.cases import training
from routerlab.tune.choose import Nested, Setting
from routerlab.tune.familiarity import familiarity
from routerlab.tune.fit import Floats, certain, fit
from routerlab.tune.plan import Plan
from routerlab.tune.probe import Fitted
from routerlab.tune.ways import Way
from routerlab.tune.write import write_router
from tests.engine import tiny
from tests.engine.asking import TWO, shots_for
from tests.engine.workers import SETTINGS, arms, running, spec

LAYERS, LAYER, WINDOW = 5, 2, 96
SHOTS = shots_for(TWO.labels)
PROMPTS = tuple(f"{word}{i} {i}{word} {word}" for i in range(8) for word in ("yes", "no"))
CORPUS = Corpus(
    schema_version=1,
    name="mine",
    taxonomy="test",
    case=tuple(
        Case(id=f"c{i}", prompt=p, label=TWO.labels[i % 2], group=str(i)) for i, p in enumerate(PROMPTS)
    ),
)


def deep_model(path: Path, family: tiny.Family = "llama", seed: int = 0) -> Path:
    """A tiny model with five layers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "_LAYERS", LAYERS)
        return tiny.build(path, family, tiny.TEMPLATES["chatml"], seed=seed)


async def read(model: Path, of: Taxonomy = TWO, layer: int = LAYER) -> tuple[ArmInfo, Floats]:
    """What a worker says of the model, and the layer's features of every prompt."""
    features = []
    async with running(arms(of=of, shots=SHOTS).model_arm(spec(model, "probe"), layers=(layer,))) as arm:
        for prompt in PROMPTS:
            _, found = await arm.read(prompt, WINDOW, 30.0)
            assert found is not None
            features.append(found[0])
        assert isinstance(arm.state.info, ArmInfo)
        return arm.state.info, np.stack(features)


@dataclass(frozen=True)
class Tuned:
    """A router file, the router, the features of PROMPTS and the logits of its head on them."""

    path: Path
    router: Router
    model: Path
    features: Floats
    logits: Floats


def plan_for(model: Path, out: Path, name: str | None = None) -> Plan:
    """A plan for the tiny corpus."""
    return Plan(
        name=name or out.stem,
        spec=spec(model),
        taxonomy=TWO,
        training=training(CORPUS, TWO, "mine"),
        shots=SHOTS,
        settings=SETTINGS,
        out=out,
        store=out.parent / "answers.sqlite",
        command="routerlab tune tiny",
    )


def write(model: Path, out: Path, name: str | None = None, adapter: bytes | None = None) -> Tuned:
    """Read, fit and write a router for the tiny model; an `adapter` is as if the head was fitted with it."""
    info, features = asyncio.run(read(model))
    plan = plan_for(model, out, name)
    gold = plan.training.gold
    linear = fit(features, certain(gold, 2), 3.0)
    halved = linear.tempered(2.0)
    setting = Setting(0, WINDOW, LAYER, 3.0)
    oof = Nested(np.arange(len(gold)), np.full((len(gold), 2), 0.5), (setting,))
    known, near = familiarity(features, gold, plan.training.group, 0)
    done = Fitted(setting, halved, oof, gold, [], familiarity=known, familiar=near)
    way = Way(plan.spec, tuple(SHOTS))
    said = ["nothing was chosen"]
    router, path = write_router(plan, info, done, way, [], (), {0: 12.0}, said, adapter)
    return Tuned(path, router, model, features, halved.logits(features).astype(np.float32))


def tuned_spec(made: Tuned, path: Path | None = None, model: Path | None = None) -> ArmSpec:
    """The arm of the router file."""
    return ArmSpec(
        name="r:probe", model=model or made.model, contract=made.router.contract, router=path or made.path
    )


def factory(of: Taxonomy = TWO, settings: Settings = SETTINGS) -> ModelArms:
    """A lab's factory, with other exemplars than the router's own."""
    return ModelArms(of, shots_for(of.labels, 1), "f" * 64, settings)
