"""Which tasks are asked of which downstream models, and how: decided before the first question."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from routerlab.core.corpus import prompt_sha256
from routerlab.core.errors import LabError, several
from routerlab.core.files.toml import load_toml, once, unless
from routerlab.core.hashed import Hashed
from routerlab.core.prediction import Record
from routerlab.core.remote import Remote, api_key, find_remote
from routerlab.models.catalog import find_model
from routerlab.paths import config_file
from routerlab.study.outcome.record import KEEP, Method
from routerlab.study.outcome.task import Tasks
from routerlab.study.routing_table import Routes


class Downstream(Record):
    """A model that answers. `name` is that of the routing table's model; `gguf` a catalogue id, a path or the
    stem of a file in a models folder; or `remote` a remote of the settings.

    Or it is another model of the plan, `whole`, at that one's prices, to which prompts are sent that are
    compressed to the share `keep` of their tokens (0.7 by default): in the matrix a model of its own.
    """

    name: str = Field(min_length=1)
    gguf: str | None = Field(default=None, min_length=1)
    remote: str | None = Field(default=None, min_length=1)
    whole: str | None = Field(default=None, min_length=1)
    compress: Method | None = None
    keep: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _is_somewhere(self) -> "Downstream":
        if sum(at is not None for at in (self.gguf, self.remote, self.whole)) != 1:
            raise ValueError(
                "say where the model is: gguf = a file or catalogue id, remote = NAME, or with compress "
                "whole = another model of the plan"
            )
        if (self.whole is None) != (self.compress is None) or (self.keep and not self.compress):
            raise ValueError("compress = a method, whole = the model that it is of and keep belong together")
        return self

    @property
    def share(self) -> float:
        """The share of tokens that is sent."""
        return (self.keep or KEEP) if self.compress else 1.0


class ChatSettings(Record):
    """How every model is asked: greedily, one question a conversation. `timeout_s` is for a whole answer; an
    answer ends at `max_tokens`, or at the first of the texts of `stop`."""

    system: str | None = Field(default=None, min_length=1)
    max_tokens: int = Field(default=512, ge=1, le=8192)
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    timeout_s: float = Field(default=600.0, gt=0)
    context: int = Field(default=4096, ge=256)


class Caps(Record):
    """What the run ends at: money in all, in the routing table's currency, and questions in all."""

    cost: float | None = Field(default=None, gt=0)
    questions: int | None = Field(default=None, ge=1)


class Plan(Hashed):
    """The plan. Paths are as on the command line: relative to the folder that the command is started in.

    Local models take turns, one in memory at a time; each answers `together` tasks at once, and where that is
    more than one its times are marked contended. Remote models are asked `concurrency` at a time, or as many
    as their own table says. `threads` are those of local models. `reader` is the small model that compresses
    prompts, named as in `gguf`. With a `sample`, so many of the tasks are asked: those whose prompts have the
    lowest hashes, which is as good as drawn.
    """

    schema_version: Literal[1]
    name: str = Field(pattern=r"^[\w.-]{1,60}$")
    description: str = ""
    tasks: str
    routes: str
    sample: int | None = Field(default=None, ge=1)
    taxonomy: str | None = None
    together: int = Field(default=1, ge=1, le=64)
    concurrency: int | None = Field(default=None, ge=1, le=64)
    threads: int | None = Field(default=None, ge=1)
    reader: str | None = Field(default=None, min_length=1)
    chat: ChatSettings = ChatSettings()
    caps: Caps = Caps()
    model: tuple[Downstream, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _asks_each_once(self) -> "Plan":
        unless(once("model", "name", [one.name for one in self.model], "model {} appears twice"))
        return self

    @model_validator(mode="after")
    def _compresses_what_is_there(self) -> "Plan":
        asked_whole = [one.name for one in self.model if one.whole is None]
        variants = [one for one in self.model if one.whole is not None]
        for one in variants:
            if one.whole not in asked_whole:
                raise ValueError(f"{one.name}: whole = {one.whole!r} is no model that the plan asks whole")
        if variants and self.reader is None:
            raise ValueError("compress needs reader = a small model, such as smollm2-135m")
        return self

    @property
    def asked_sha256(self) -> str:
        """Hash of what a session is held to when it is gone on with: all but the caps."""
        return self.model_copy(update={"caps": Caps()}).sha256


def load_plan(path: Path) -> Plan:
    """The plan in `path`; LabError with file, line and key for everything that is wrong with it."""
    return load_toml(path, Plan)


def sampled(plan: Plan, tasks: Tasks) -> Tasks:
    """The tasks that the plan asks, in their order."""
    if plan.sample is None:
        return tasks
    drawn = sorted(tasks.task, key=lambda task: prompt_sha256(task.prompt))[: plan.sample]
    told = {key: getattr(tasks, key) for key in ("schema_version", "name", "taxonomy", "description")}
    return Tasks(**told, task=tuple(task for task in tasks.task if task in drawn))


def places(path: Path, plan: Plan, routes: Routes, remotes: tuple[Remote, ...]) -> dict[str, Path | Remote]:
    """Where each model is: its file, or its remote. LabError with everything that is missing: a model that
    the routing table does not have, one that is not here, a remote without its key."""
    found: dict[str, Path | Remote] = {}
    faults = []
    for one in plan.model:
        if one.whole is not None:
            continue
        if one.name not in routes.targets:
            known = ", ".join(routes.targets)
            faults.append(LabError(f"{path}: model {one.name!r} is not in {plan.routes}, which has {known}"))
            continue
        try:
            if one.remote is None:
                found[one.name] = find_model(one.gguf or "")
            else:
                found[one.name] = remote = find_remote(one.remote, remotes, config_file())
                api_key(remote)
        except LabError as e:
            faults.append(LabError(f"{path}: model {one.name}: {e}", e.code))
    if faults:
        raise several(path, faults)
    return {one.name: found[one.whole or one.name] for one in plan.model}
