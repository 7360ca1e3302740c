"""Writing a router: the file and its head side by side, each complete before it gets its name."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tomli_w

from routerlab.core.errors import LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.prediction import Record
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.head import ENCODER_FEATURES, FEATURES, Head, head_bytes, head_key
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.router import (
    Calibration,
    CorpusPin,
    Evidence,
    FilePin,
    HeadPin,
    MadeFrom,
    ModelPin,
    Promise,
    Router,
    Row,
    Tried,
)
from routerlab.engine.worker.build import machine
from routerlab.models.catalog import load_catalog
from routerlab.models.quantize import load_origin
from routerlab.tune.cases import Training, subset
from routerlab.tune.out_of_fold import OutOfFold, oof_bytes
from routerlab.tune.plan import Plan
from routerlab.tune.probe import Fitted
from routerlab.tune.promise import promise as make_promise
from routerlab.tune.ways import Way
from routerlab.version import __version__


def write_router(
    plan: Plan,
    info: ArmInfo,
    fitted: Fitted,
    way: Way,
    rows: Sequence[Row],
    tried: Sequence[Tried],
    times: Mapping[int, float],
    seen: Sequence[str],
    adapter: bytes | None = None,
) -> tuple[Router, Path]:
    """The router, asked in the `way` that was taken, and the path of its file; `times` are milliseconds of
    the rows that were timed, `seen` says what was fitted to or chosen with which cases. `adapter` is what
    the head was fitted with.

    LabError when the folder cannot be written to.
    """
    setting = fitted.setting
    taxonomy = plan.taxonomy
    features = ENCODER_FEATURES if info.encoder else FEATURES
    lora_file, lora = plan.out.with_suffix(".lora.gguf"), hashlib.sha256(adapter or b"").hexdigest()
    key = head_key(
        info.model_sha256,
        info.prompt_sha256,
        taxonomy.sha256,
        setting.layer,
        setting.window,
        features,
        lora if adapter else None,
    )
    weights, bias = fitted.linear.weights.astype(np.float32), fitted.linear.bias.astype(np.float32)
    head = Head(weights, bias, key, fitted.familiarity)
    data = head_bytes(head)
    file = plan.out.with_suffix(".npz")
    tested = subset(plan.training, fitted.oof.rows)
    oof = oof_bytes(
        OutOfFold(
            tuple(case.id for case in tested.cases),
            tested.gold,
            fitted.oof.shares,
            np.array([times.get(int(i), np.nan) for i in fitted.oof.rows]),
            tested.hard,
            fitted.familiar,
        )
    )
    oof_file = plan.out.with_suffix(".oof.npz")
    router = new_router(
        replace(plan, spec=way.spec),
        info,
        way.shots,
        rows,
        seen,
        tried,
        window=setting.window,
        adapter=FilePin(file=lora_file.name, sha256=lora) if adapter else None,
        head=HeadPin(
            file=file.name,
            sha256=hashlib.sha256(data).hexdigest(),
            layer=setting.layer,
            familiarity="last third" if fitted.familiarity else None,
        ),
        promise=_promise(plan, fitted),
        answers=FilePin(file=oof_file.name, sha256=hashlib.sha256(oof).hexdigest()),
    )
    if adapter:
        save(lora_file, adapter)
    save(file, data)
    save(oof_file, oof)
    save_toml(plan.out, router)
    return router, plan.out


def _promise(plan: Plan, fitted: Fitted) -> Promise | None:
    if plan.max_error is None or fitted.familiar is None:
        return None
    shares = fitted.oof.shares
    right = shares.argmax(axis=1) == fitted.gold
    return make_promise(shares.max(axis=1), right, fitted.familiar, plan.max_error)


def new_router(
    plan: Plan,
    info: ArmInfo,
    shots: Sequence[Exemplar],
    rows: Sequence[Row],
    seen: Sequence[str],
    tried: Sequence[Tried] = (),
    window: int | None = None,
    adapter: FilePin | None = None,
    head: HeadPin | None = None,
    calibration: Calibration | None = None,
    answers: FilePin | None = None,
    promise: Promise | None = None,
) -> Router:
    """The router with the pins of what was really loaded: a probe if it has a head, else for `score`."""
    model = plan.spec.model
    entry = next((e for e in load_catalog().model if e.file == model.name), None)
    return Router(
        name=plan.name,
        contract="probe" if head else "score",
        encoding=plan.spec.encoding,
        instruction=plan.spec.instruction,
        created=datetime.now(UTC).replace(microsecond=0),
        taxonomy=plan.taxonomy.name,
        taxonomy_sha256=plan.taxonomy.sha256,
        prompt_sha256=info.prompt_sha256,
        window=window,
        model=ModelPin(
            file=model.name,
            sha256=info.model_sha256,
            id=entry.id if entry else None,
            quantization=info.quantization,
            made_from=_made_from(model, info.model_sha256),
        ),
        adapter=adapter,
        head=head,
        calibration=calibration,
        promise=promise,
        evidence=Evidence(
            corpus=plan.training.corpus.name,
            corpus_sha256=plan.training.corpus.sha256,
            cases=len(plan.training.cases),
            corpora=tuple(
                CorpusPin(name=corpus.name, sha256=corpus.sha256, cases=len(own))
                for corpus, own in plan.training.by_corpus
            ),
            seed=plan.seed,
            command=plan.command,
            machine=machine(),
            lab_version=__version__,
            llama_cpp=info.llama_cpp,
            scikit_learn=version("scikit-learn"),
            answers=answers,
            seen=tuple(seen),
            row=tuple(rows),
            tried=tuple(tried),
        ),
        exemplar=tuple(shots),
    )


def _made_from(model: Path, sha256: str) -> MadeFrom | None:
    """What is written beside a model file of its origin, if it is about the file that was loaded."""
    origin = load_origin(model)
    if origin is None or origin.sha256 != sha256:
        return None
    entry = next((e for e in load_catalog().model if e.sha256 == origin.source_sha256), None)
    return MadeFrom(
        file=origin.source,
        sha256=origin.source_sha256,
        id=entry.id if entry else None,
        quantization=origin.source_quantization,
    )


def seen(training: Training, fitted: Fitted, layer: int | None = None) -> tuple[str, ...]:
    """What was fitted to or chosen with which cases, in words; `layer` is one that was given."""
    n = len(training.cases)
    choices = sorted({f"layer {s.layer}, window {s.window}" for s in fitted.oof.chosen})
    mixed = fitted.linear.bias.ndim == 2
    kinds = [f"The head is a mixture of {len(fitted.linear.bias)} kinds of prompts, the corpora."] * mixed
    return (
        f"The head was fitted to {n} cases of {training.corpus.name}; "
        f"{'layer, ' if layer is None else f'layer {layer} was given; '}penalty, way to ask, window "
        "and temperature were chosen with the same cases, by log-loss in 3 folds: the quickest that is worse "
        "than the best by no more than a standard error.",
        *kinds,
        f"The probe's accuracy is that of {len(fitted.oof.rows)} of these cases, each answered by a head "
        f"of one of {len(fitted.oof.chosen)} outer folds, for which everything was chosen and fitted anew "
        f"without it (chosen there: {'; '.join(choices)}); near duplicates stayed on one side.",
        "routing60 was not read for any of it.",
    )


def save_toml(path: Path, record: Record) -> None:
    """Write a record as TOML, all or nothing."""
    data = record.model_dump(mode="python", exclude_none=True)
    whole = "\\r" not in record.model_dump_json()  # a carriage return survives only where it is escaped
    save(path, tomli_w.dumps(data, multiline_strings=whole).encode())


def save(path: Path, data: bytes) -> None:
    """Write a file, all or nothing; LabError when the disk refuses it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_new(path, data)
    except OSError as e:
        raise LabError(f"{path}: cannot be written: {e.strerror}") from e
