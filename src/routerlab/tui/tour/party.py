"""Which arms the tour begins with: two small models, as far as they are here."""

from dataclasses import dataclass

from routerlab.core.errors import LabError
from routerlab.engine.arms.arm import Spec
from routerlab.engine.lab.specs import any_spec
from routerlab.settings import Settings

WANTED = ("minilm:probe", "smollm2-135m:probe")
STAND_IN = "baseline:keywords"
"""Who answers beside one of them that is alone."""


@dataclass(frozen=True)
class Party:
    """The arms to begin with, and the names of those whose models are not here."""

    specs: tuple[Spec, ...]
    missing: tuple[str, ...] = ()


def party(settings: Settings) -> Party:
    """The arms that are here. It reads files."""
    here = {name: spec for name in WANTED if (spec := if_here(name, settings))}
    stand_in = [] if len(here) == len(WANTED) else [any_spec(STAND_IN, settings.contract)]
    return Party((*here.values(), *stand_in), tuple(name for name in WANTED if name not in here))


def if_here(name: str, settings: Settings) -> Spec | None:
    """The arm, or None where its model is not here."""
    try:
        return any_spec(name, settings.contract)
    except LabError:
        return None
