"""Writing a router: the file and its head side by side, each complete before it gets its name."""

import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tomli_w

from routerlab import __version__
from routerlab.core.errors import LabError
from routerlab.core.prediction import Record
from routerlab.engine.arm import ArmInfo
from routerlab.engine.build import machine
from routerlab.engine.contract import Exemplar
from routerlab.engine.head import Head, head_bytes, head_key
from routerlab.engine.router import Evidence, HeadPin, ModelPin, Router, Row
from routerlab.models.catalog import load_catalog
from routerlab.tune.fitted import Fitted

if TYPE_CHECKING:
    from routerlab.tune.run import Plan


def write_router(
    plan: "Plan", info: ArmInfo, fitted: Fitted, shots: Sequence[Exemplar], rows: Sequence[Row]
) -> tuple[Router, Path]:
    """The router and the path of its file. LabError when the folder cannot be written to."""
    setting = fitted.choice.setting
    taxonomy, model = plan.taxonomy, plan.spec.model
    key = head_key(info.model_sha256, info.prompt_sha256, taxonomy.sha256, setting.layer, setting.window)
    head = Head(fitted.linear.weights.astype(np.float32), fitted.linear.bias.astype(np.float32), key)
    data = head_bytes(head)
    file = plan.out.with_suffix(".npz")
    entry = next((e for e in load_catalog().model if e.file == model.name), None)
    router = Router(
        name=plan.name,
        contract="probe",
        created=datetime.now(UTC).replace(microsecond=0),
        taxonomy=taxonomy.name,
        taxonomy_sha256=taxonomy.sha256,
        prompt_sha256=info.prompt_sha256,
        window=setting.window,
        model=ModelPin(
            file=model.name,
            sha256=info.model_sha256,
            id=entry.id if entry else None,
            quantization=info.quantization,
        ),
        head=HeadPin(file=file.name, sha256=hashlib.sha256(data).hexdigest(), layer=setting.layer),
        evidence=evidence(plan, info, fitted, rows),
        exemplar=tuple(shots),
    )
    save(file, data)
    save_toml(plan.out, router)
    return router, plan.out


def evidence(plan: "Plan", info: ArmInfo, fitted: Fitted, rows: Sequence[Row]) -> Evidence:
    """Who saw what when, and on which machine."""
    corpus, n = plan.training.corpus, len(plan.training.cases)
    choices = sorted({f"layer {s.layer}, window {s.window}" for s in fitted.oof.chosen})
    return Evidence(
        corpus=corpus.name,
        corpus_sha256=corpus.sha256,
        cases=n,
        seed=plan.seed,
        command=plan.command,
        machine=machine(),
        lab_version=__version__,
        llama_cpp=info.llama_cpp,
        scikit_learn=version("scikit-learn"),
        seen=(
            f"The head was fitted to {n} cases of {corpus.name}; layer, penalty, exemplars, window and "
            "temperature were chosen with the same cases, by log-loss in 3 folds.",
            f"Accuracy is of {len(fitted.oof.rows)} of these cases, each answered by a head of one of "
            f"{len(fitted.oof.chosen)} outer folds, for which all was chosen and fitted anew without it "
            f"(these chose: {'; '.join(choices)}); near duplicates stay on one side.",
            "routing60 was not read for any of it.",
        ),
        row=tuple(rows),
    )


def save_toml(path: Path, record: Record) -> None:
    """Write a record as TOML, all or nothing."""
    text = tomli_w.dumps(record.model_dump(mode="python", exclude_none=True), multiline_strings=True)
    save(path, text.encode())


def save(path: Path, data: bytes) -> None:
    """Write a file, all or nothing; LabError when the disk refuses it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as e:
        part.unlink(missing_ok=True)
        raise LabError(f"{path}: cannot be written: {e.strerror}") from e
