"""A benchmark's plan: everything that is decided before the first question is asked."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from routerlab.core.corpus import Case, Corpus
from routerlab.core.errors import LabError
from routerlab.core.files.toml import once, unless
from routerlab.core.hashed import Hashed
from routerlab.core.names import Split
from routerlab.core.prediction import Record
from routerlab.core.remote import Remote
from routerlab.core.session.session import Session
from routerlab.core.statistics.gates import Gates
from routerlab.core.statistics.quantiles import Convention
from routerlab.engine.arms.arm import Spec
from routerlab.engine.lab.specs import any_spec, distinct
from routerlab.study.figures.costs import CostTable, strangers
from routerlab.study.figures.gates import DEFAULT_GATES


class PlannedArm(Record):
    """`ask` is an arm as `--arm` takes it; `name` is what it is called in the result, by default its own."""

    ask: str = Field(min_length=1)
    name: str | None = Field(default=None, min_length=1)


class Exclusion(Record):
    """A case that is not asked, and why."""

    case: str
    reason: str = Field(min_length=1)


class Engine(Record):
    """How models are loaded and asked; what is not said is as in the user's settings (see Settings).

    `concurrency` is for trials: a benchmark asks one question at a time.
    """

    threads: int | None = Field(default=None, ge=1)
    context: int | None = Field(default=None, ge=256)
    concurrency: int | None = Field(default=None, ge=1, le=64)
    gpu_layers: int | None = Field(default=None, ge=-1)
    devices: tuple[str, ...] | None = None
    split: Split | None = None
    timeout_s: float | None = Field(default=None, gt=0)


class Drift(Record):
    """How a machine that changes its speed is noticed: after every so many trials the first model is asked
    the same prompt. Where the time is off by more than `limit` (a share), that is a deviation."""

    every: int = Field(default=20, ge=1)
    limit: float = Field(default=0.2, gt=0)


class Decided(Hashed):
    """What a benchmark and a trial decide alike: which arms are asked what, what answers are held against.

    Paths are as on the command line: relative to the folder that the command is started in; without any, the
    lab's own files. `exemplars` may be "none". `warmups` are questions to each arm before the first that
    counts. `remote` are the endpoints of arms called remote:NAME, without any those of the settings.
    """

    name: str = Field(pattern=r"^[\w.-]{1,60}$")
    description: str = ""
    corpus: str | None = None
    taxonomy: str | None = None
    exemplars: str | None = None
    warmups: int = Field(default=2, ge=0)
    percentile: Convention = "study"
    gates: Gates = tuple(map(str, DEFAULT_GATES))
    arm: tuple[PlannedArm, ...] = Field(min_length=1)
    remote: tuple[Remote, ...] | None = None
    exclude: tuple[Exclusion, ...] = ()
    engine: Engine = Engine()
    cost: CostTable | None = None

    @model_validator(mode="after")
    def _excludes_a_case_once(self) -> Self:
        unless(once("exclude", "case", [one.case for one in self.exclude], "case {} is excluded twice"))
        return self


class Plan(Decided):
    """A benchmark's: how often everything is asked, and in which order.

    Arms take turns: a model has the machine to itself while it is asked. In a block, which is one repeat,
    every arm is asked every case, all in one random order that follows from `seed`.
    """

    schema_version: Literal[1] = 1
    repeats: int = Field(default=1, ge=1)
    seed: int = 0
    drift: Drift = Drift()


def named_plan(**given: object) -> Plan:
    """The plan that a command's options make, named after what they say: the same options, the same plan."""
    plan = Plan.model_validate({"name": "options", **given})
    return Plan.model_validate({"name": f"options-{plan.sha256[:8]}", **given})


def plan_of(session: Session) -> Plan | None:
    """The plan that a session is the result of; None for a session of another kind."""
    texts = [run.plan for run in session.runs if run.kind == "bench"]
    return Plan.model_validate_json(texts[-1]) if texts else None


def check_same(plan: Plan, session: Session, path: Path) -> None:
    """LabError unless the session in `path` was begun with this plan, and so can be gone on with."""
    before = plan_of(session)
    if before is None:
        raise LabError(f"{path}: is a session, but no benchmark's result; choose another file with --out")
    if before.sha256 != plan.sha256:
        one, other = before.model_dump(), plan.model_dump()
        keys = [key for key in one if one[key] != other[key]]
        what = ", ".join(key for key in keys if key != "name") or "name"  # options are named after the rest
        raise LabError(
            f"{path}: was made with another plan (another {what}); put the plan back to go on, or begin "
            "another result with --new or --out"
        )


def planned_specs(plan: Decided, path: Path | None = None) -> list[Spec]:
    """The arms, under their names in the result; LabError when one is not here, two have one name, or a price
    is for none of them. Errors name the file in `path`, without it the plan."""
    found = [(any_spec(arm.ask, "score", plan.remote or None), arm.name) for arm in plan.arm]
    specs = distinct([s.model_copy(update={"name": name}) if name else s for s, name in found])
    names = [spec.name for spec in specs]
    if strange := strangers(names, plan.cost):
        where = path or f"plan {plan.name}"
        raise LabError(f"{where}: a price for {strange[0]!r}, which is none of {', '.join(names)}")
    return specs


def planned_cases(plan: Decided, corpus: Corpus, path: Path | None = None) -> list[Case]:
    """The cases that are asked; LabError when an excluded one is not in the corpus, or one has no label."""
    where = path or f"plan {plan.name}"
    excluded = {exclusion.case for exclusion in plan.exclude}
    if unknown := sorted(excluded - corpus.by_id.keys()):
        raise LabError(f"{where}: excludes {unknown[0]!r}, which is no case of {corpus.name!r}")
    cases = [case for case in corpus.case if case.id not in excluded]
    if not cases:
        raise LabError(f"{where}: excludes every case of corpus {corpus.name!r}")
    if bare := [case.id for case in cases if case.label is None]:
        raise LabError(
            f"{where}: case {bare[0]} has no label in corpus {corpus.name!r}, so no answer to it is right or "
            "wrong: label it, or exclude it with a reason"
        )
    return cases


class Question(NamedTuple):
    """One case for one arm in one repeat; its key in a session."""

    case: str
    arm: str
    repeat: int


def questions(plan: Plan, cases: Sequence[str], arms: Sequence[str]) -> list[Question]:
    """Everything that is asked, in its order: block by block, shuffled within."""
    order = []
    for repeat in range(1, plan.repeats + 1):
        block = [Question(case, arm, repeat) for case in cases for arm in arms]
        random.Random(f"{plan.seed}/{repeat}").shuffle(block)
        order += block
    return order
