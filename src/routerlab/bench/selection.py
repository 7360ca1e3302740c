"""Which arms a benchmark measures: by model, for everything about one model is compared in one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from routerlab.core.errors import LabError
from routerlab.engine.arms.arm import ArmSpec, Spec
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.router import Router, load_router
from routerlab.engine.lab.factory import ModelArms
from routerlab.engine.lab.specs import LENIENT, SUFFIXES, arm_spec, arm_specs, local_routers


@dataclass(frozen=True)
class Group:
    """A model and the arms that ask it."""

    name: str
    model: Path
    specs: tuple[ArmSpec, ...]

    def way(self, spec: ArmSpec) -> str:
        """The short name of an arm: how it is asked; of one of several routers, its whole name."""
        if spec.router is None:
            return next(s for s, how in SUFFIXES.items() if how == (spec.contract, spec.encoding))
        return spec.contract if len([s for s in self.specs if s.router]) == 1 else spec.name


def group_arms(texts: Sequence[str]) -> list[Group]:
    """The arms that the texts name, by model. A model without a contract stands for all it has: every way to
    ask it untuned, and each router here that was tuned for it. LabError when one is missing, or a cascade."""
    found: dict[Path, dict[object, ArmSpec]] = {}
    for text in texts:
        for spec in map(_single, _specs(text)):
            how = (spec.contract, spec.encoding, spec.router and spec.router.resolve())
            found.setdefault(spec.model.resolve(), {}).setdefault(how, spec)
    groups = [tuple(specs.values()) for specs in found.values()]
    return [Group(arm_spec(str(specs[0].model), "score").name, specs[0].model, specs) for specs in groups]


def single_arms(texts: Sequence[str], make: ModelArms) -> list[ModelArm]:
    """The arms that the texts name, each by itself, not yet started. LabError when one is a cascade."""
    specs = [_single(spec) for spec in arm_specs(texts, "score")]
    return [make.model_arm(spec, load_router(spec.router) if spec.router else None) for spec in specs]


def _single(spec: Spec) -> ArmSpec:
    if not isinstance(spec, ArmSpec):
        raise LabError(f"{spec.name}: has no model to measure")
    if spec.contract == "cascade":
        raise LabError(f"{spec.name}: has several models; measure its members")
    return spec


def _specs(text: str) -> list[ArmSpec]:
    if text.endswith(".toml") or text.rpartition(":")[2] in (*SUFFIXES, LENIENT, "probe", "cascade"):
        return [arm_spec(text, "score")]
    plain = [arm_spec(f"{text}:{suffix}", "score") for suffix in SUFFIXES]
    return [*plain, *_routers_for(plain[0].model)]


def _routers_for(model: Path) -> list[ArmSpec]:
    """The routers here that were tuned for the model; files that are no good are left alone."""
    found = []
    for path in local_routers():
        try:
            router = load_router(path)
        except LabError:
            continue
        if isinstance(router, Router) and router.model.file == model.name:
            name = f"{router.name}:{router.contract}"
            found.append(ArmSpec(name=name, model=model, contract=router.contract, router=path))
    return found
