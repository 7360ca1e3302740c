"""A routing table: from a label to a model, its price, and what prompts of that label may not do."""

from collections.abc import Sequence
from datetime import date as Date  # noqa: N812 - a field is called date
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from routerlab.core.errors import LabError, several
from routerlab.core.files.toml import load_toml, once, unless
from routerlab.core.hashed import Hashed
from routerlab.core.prediction import Record
from routerlab.core.remote import Remote, plain_address
from routerlab.core.taxonomy import Taxonomy, load_taxonomy
from routerlab.resources import ROUTES, TAXONOMY
from routerlab.study.figures.arm import Hosting


class Endpoint(Record):
    """Where a model is to be had, for what sends prompts on (`routerlab serve`): an OpenAI-compatible address
    and the name that the model has there. `key_env` is absent where no key is needed; `timeout_s` is how long
    it may take until its answer begins."""

    base_url: str
    model: str = Field(min_length=1)
    key_env: str | None = Field(default=None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    timeout_s: float = Field(default=120.0, gt=0.0, allow_inf_nan=False)

    _is_plain_address = field_validator("base_url")(plain_address)


class Target(Record):
    """A model that prompts are routed to. `tier` is how strong it is, 1 the weakest; prices are in the
    table's currency. `endpoint` is absent where prompts are not sent on, only reckoned with."""

    name: str = Field(min_length=1)
    tier: int = Field(ge=1)
    hosting: Hosting
    region: str | None = None
    input_per_million: float = Field(default=0.0, ge=0)
    output_per_million: float = Field(default=0.0, ge=0)
    per_request: float = Field(default=0.0, ge=0)
    endpoint: Endpoint | None = None

    @property
    def remote(self) -> Remote | None:
        """The endpoint as remote arms know one."""
        if self.endpoint is None:
            return None
        name = "".join(c if c.isalnum() else "-" for c in self.name).strip("-") or "model"
        told = self.endpoint.model_dump(exclude={"timeout_s"})
        return Remote.model_validate(told | {"name": name, "hosting": self.hosting})

    def cost(self, tokens_in: float, tokens_out: float) -> float:
        """What one request costs."""
        tokens = tokens_in * self.input_per_million + tokens_out * self.output_per_million
        return self.per_request + tokens / 1e6


class Route(Record):
    """Where prompts of a label go. `output_tokens` is how long the answer is, whichever model writes it;
    `regions` and `self_hosted_only` say where such prompts may go at all."""

    label: str
    model: str
    output_tokens: float = Field(gt=0)
    regions: tuple[str, ...] | None = None
    self_hosted_only: bool = False

    def allows(self, target: Target) -> bool:
        """Whether prompts of this label may go to that model."""
        inside = self.regions is None or target.region in self.regions
        return inside and (not self.self_hosted_only or target.hosting == "self-hosted")


class Routes(Hashed):
    """The table. Without a label a prompt goes to `default`. With misroute = "redo", an answer by a weaker
    model than the right one is thrown away and the right one is asked too."""

    schema_version: Literal[1]
    name: str
    taxonomy: str
    currency: str
    date: Date
    default: str
    misroute: Literal["redo", "accept"] = "redo"
    characters_per_token: float = Field(default=4.0, gt=0)
    model: tuple[Target, ...] = Field(min_length=1)
    route: tuple[Route, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _hangs_together(self) -> "Routes":
        names = [target.name for target in self.model]
        labels = [route.label for route in self.route]
        faults = [
            *once("model", "name", names, "model {} appears twice"),
            *once("route", "label", labels, "label {} appears twice"),
        ]
        for i, route in enumerate(self.route):
            goes = f"{route.label} goes to {route.model!r}, which is no [[model]] here"
            may = f"{route.label} may not go to {route.model!r}: its own constraints forbid it"
            if route.model not in names:
                faults.append((("route", i, "model"), goes))
            elif not route.allows(self.targets[route.model]):
                faults.append((("route", i), may))
        if self.default not in names:
            faults.append((("default",), f"default {self.default!r} is no [[model]] here"))
        unless(faults)
        return self

    @cached_property
    def targets(self) -> dict[str, Target]:
        """Model name -> model."""
        return {target.name: target for target in self.model}

    @cached_property
    def routes(self) -> dict[str, Route]:
        """Label -> route."""
        return {route.label: route for route in self.route}

    def target(self, label: str | None) -> Target:
        """Where a prompt with this label goes; to the default without a label."""
        return self.targets[self.routes[label].model if label is not None else self.default]

    def tokens(self, prompt: str, gold: str) -> tuple[float, float]:
        """Tokens in and out of a prompt whose right label is `gold`."""
        return float(ceil(len(prompt) / self.characters_per_token)), self.routes[gold].output_tokens

    def default_cost(self, prompt: str, gold: str) -> float:
        """What the prompt costs without a router."""
        return self.targets[self.default].cost(*self.tokens(prompt, gold))

    def routed_cost(self, prompt: str, gold: str, label: str | None) -> float:
        """What it costs with this label, the answer that is redone included; the router not."""
        tokens = self.tokens(prompt, gold)
        chosen, right = self.target(label), self.target(gold)
        again = right.cost(*tokens) if self.misroute == "redo" and chosen.tier < right.tier else 0.0
        return chosen.cost(*tokens) + again


def routes_for(named: Path | None, taxonomy: Taxonomy) -> Routes | None:
    """The table in `named`; without, the one that ships with the labels that ship, and none with others."""
    if named is None and taxonomy.sha256 != load_taxonomy(TAXONOMY).sha256:
        return None
    return load_routes(named or ROUTES, taxonomy)


def load_routes(path: Path, taxonomy: Taxonomy) -> Routes:
    """The routing table in `path`; LabError when it is none, or does not have just the taxonomy's labels."""
    routes = load_toml(path, Routes)
    check_labels(path, routes, taxonomy.labels)
    return routes


def check_labels(path: Path, routes: Routes, labels: Sequence[str]) -> None:
    """LabError unless every label has a route and every route a label."""
    missing = [label for label in labels if label not in routes.routes]
    unknown = [label for label in routes.routes if label not in labels]
    faults = [f"unknown label {label!r}; the taxonomy has {', '.join(labels)}" for label in unknown]
    if missing:
        faults.insert(0, f"no [[route]] for {', '.join(missing)}; add one for each label")
    if faults:
        raise several(path, [LabError(f"{path}: {fault}") for fault in faults])
