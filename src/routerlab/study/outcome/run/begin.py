"""The session that a plan's outcomes go to: begun with what is known beforehand, or gone on with."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from routerlab.core.corpus import prompt_sha256
from routerlab.core.errors import LabError
from routerlab.core.remote import Remote
from routerlab.engine.worker.build import BuildInfo, usable_cpus
from routerlab.models.catalog import find_model
from routerlab.models.devices import gpus
from routerlab.models.fingerprint import file_sha256
from routerlab.models.gguf import read_header
from routerlab.settings import Settings
from routerlab.study.outcome.load import OutcomeFile
from routerlab.study.outcome.record import ModelRecord, OutcomeHeader, TaskRecord
from routerlab.study.outcome.run.plan import Downstream, Plan
from routerlab.study.outcome.task import Task, Tasks
from routerlab.study.routing_table import Routes
from routerlab.version import __version__


def new_header(
    plan: Plan,
    tasks: Tasks,
    routes: Routes,
    where: Mapping[str, Path | Remote],
    settings: Settings,
    build: BuildInfo | None,
    sandbox: str | None,
) -> OutcomeHeader:
    """The header of a new session; without a `build` local models are asked on other machines, of which
    nothing is known. LabError when a model file cannot be read, or the reader is not here."""
    return OutcomeHeader(
        schema_version=1,
        kind="outcomes",
        lab_version=__version__,
        created=datetime.now(UTC),
        name=plan.name,
        taxonomy=tasks.taxonomy,
        currency=routes.currency,
        source=plan.tasks,
        tasks_sha256=tasks.sha256,
        plan_sha256=plan.asked_sha256,
        routes_sha256=routes.sha256,
        sandbox=sandbox,
        model=tuple(_model(plan, routes, one, where[one.name], settings, build) for one in plan.model),
        task=tuple(map(task_record, tasks.task)),
    )


def task_record(task: Task) -> TaskRecord:
    """A task without its text."""
    return TaskRecord(
        id=task.id,
        prompt_sha256=prompt_sha256(task.prompt),
        label=task.label,
        difficulty=task.difficulty,
        group=task.group,
        good=task.good,
    )


def _model(
    plan: Plan,
    routes: Routes,
    one: Downstream,
    at: Path | Remote,
    settings: Settings,
    build: BuildInfo | None,
) -> ModelRecord:
    target = routes.targets[one.whole or one.name]
    told = {
        "name": one.name,
        **target.model_dump(include=set(ModelRecord.model_fields) - {"name"}),
        "chat": plan.chat.model_dump(mode="json", exclude_none=True),
    }
    if one.compress:
        reader = find_model(plan.reader or "")
        told |= {"whole": one.whole, "compress": one.compress, "keep": one.share}
        told |= {"reader_file": reader.name, "reader_sha256": file_sha256(reader)}
    if isinstance(at, Remote):
        own = at.prices if at.prices and at.prices.currency == routes.currency else None
        paid = {"input_per_million": own.input, "output_per_million": own.output} if own else {}
        there = {
            "base_url": at.base_url,
            "model": at.model,
            "body": at.body or None,
            "reasoning": at.reasoning,
        }
        return ModelRecord.model_validate(told | paid | there | {"hosting": at.hosting})
    told["chat"]["together"] = plan.together
    here = {
        "model_file": at.name,
        "model_sha256": file_sha256(at),
        "quantization": read_header(at).quantization,
        "n_ctx": plan.chat.context,
    }
    if build is not None:
        offloads = settings.gpu_layers and settings.devices != ("cpu",)
        used = [d.name for d in gpus(build.devices)] if offloads else []
        here |= {
            "llama_cpp": build.version,
            "device": " + ".join(used) or "CPU",
            "threads": plan.threads or settings.threads or usable_cpus(),
        }
    return ModelRecord.model_validate(told | here)


def open_outcomes(path: Path, header: OutcomeHeader, resume: bool) -> tuple[OutcomeFile, str]:
    """The session in `path`, begun with this header where there is none yet, and what to know of it, "" if
    nothing. LabError when it is there and is not to be gone on with, or was begun with something else."""
    if not path.exists():
        return OutcomeFile.create(path, header), ""
    if not resume:
        raise LabError(f"{path}: exists already; --resume goes on with it, or choose another name")
    file = OutcomeFile.open(path)
    before = file.outcomes.header
    differs = [
        what
        for what, one, other in (
            ("plan", before.plan_sha256, header.plan_sha256),
            ("routing table", before.routes_sha256, header.routes_sha256),
            ("tasks", _asked(before), _asked(header)),
            ("models", _weights(before), _weights(header)),
        )
        if one != other
    ]
    if differs:
        file.close()
        raise LabError(
            f"{path}: was begun with another {differs[0]}; put that back, or begin another session"
        )
    if before.tasks_sha256 != header.tasks_sha256:
        return file, (
            f"{path}: the checks of {header.source} were changed since it was begun; score all anew with "
            "`routerlab outcome score`"
        )
    return file, ""


def _asked(header: OutcomeHeader) -> list[tuple[str, str | None]]:
    return [(task.id, task.prompt_sha256) for task in header.task]


def _weights(header: OutcomeHeader) -> list[tuple[str | None, ...]]:
    return [
        (model.name, model.model_sha256, model.base_url, model.model, model.reader_sha256)
        for model in header.model
    ]
