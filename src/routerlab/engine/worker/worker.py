"""A worker: the child process that holds one model. JSON lines in on stdin, out on what was stdout.

The process ends when its stdin closes, so it never outlives the lab, however the lab died.
"""

import base64
import time
from functools import partial
from pathlib import Path

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.core.prediction import Prediction
from routerlab.engine.contract.contract import frame, own_frame
from routerlab.engine.contract.encoding import DESCRIBED
from routerlab.engine.contract.head import ENCODER_FEATURES, FEATURES, PARTS, Head, head_key, load_head
from routerlab.engine.contract.info import ArmInfo, DeviceUse
from routerlab.engine.contract.router import Router
from routerlab.engine.contract.scaling import Calibrator
from routerlab.engine.worker import llama
from routerlab.engine.worker.build import usable_cpus
from routerlab.engine.worker.inference import PREFIX_STEP, Predictor, PromptTooLongError
from routerlab.engine.worker.layers import ENCODERS
from routerlab.engine.worker.prefixes import Prefixes, prefix_dir
from routerlab.engine.worker.program import Pipe, loading, own_pipe, start, throttled
from routerlab.engine.worker.protocol import (
    Answer,
    Ask,
    Load,
)
from routerlab.engine.worker.template import limits
from routerlab.models.catalog import load_catalog
from routerlab.models.fingerprint import file_sha256
from routerlab.models.gguf import GgufHeader
from routerlab.models.placement import Placement


def load(
    request: Load, header: GgufHeader, placed: Placement, pipe: Pipe, log: llama.Log
) -> tuple[Predictor, ArmInfo]:
    """Load the model, decode its prefix and say what really happened. LoadError, LabError."""
    start = time.perf_counter()
    encoder = header.architecture if header.encoder else None
    telling = throttled(partial(loading, pipe, "loading weights"))
    model = llama.Model(request.model, placed, telling, encoder)
    router = request.router
    shown = () if request.contract == "json" or header.embedding else request.exemplars
    if header.embedding:
        framing = own_frame(header.architecture, header.name)
    else:
        with limits(request.template_limit_s):
            framing = frame(
                request.taxonomy,
                request.contract,
                shown,
                model.chat_renderer(),
                request.encoding,
                request.instruction,
            )
    threads = request.threads or usable_cpus()
    labels = request.taxonomy.labels
    features = ENCODER_FEATURES if encoder else FEATURES
    head, layers, calibrator, window = None, request.layers, None, None
    if router is not None:
        head = fitting_head(router, request, framing.sha256, PARTS * model.n_embd, features)
        if router.adapter:
            model.adapt(pinned_adapter(router, request))
        layers = (router.head.layer,) if router.head else ()
        calibrator = Calibrator(router.calibration, labels)
        window = router.window
    if layers and max(layers) > model.n_layers - (1 if encoder else 2):
        raise LabError(f"layer {max(layers)} cannot be read: the last of {model.n_layers} is out of reach")
    predictor = Predictor(
        model,
        framing,
        labels,
        request.n_ctx,
        threads,
        throttled(partial(loading, pipe, "reading exemplars")),
        layers=layers,
        head=head,
        calibrator=calibrator,
        abstain=request.abstain,
        window=window,
        slots=request.slots,
        parse=request.parse,
        prefixes=None
        if encoder
        else Prefixes(
            prefix_dir(),
            request.prefix_cache,
            request.model.name,
            {
                "weights": file_sha256(request.model),
                "build": [llama.build_version(), llama.system_info()],
                "layers": log.layers,
                "context": [min(request.n_ctx, model.n_ctx_train), PREFIX_STEP],
                "probed": max(layers, default=None),
            }
            | ({"adapter": router.adapter.sha256} if router and router.adapter else {}),
        ),
    )
    encoding = {"json": "json", "probe": f"features: {features}"}.get(
        request.contract, DESCRIBED[request.encoding]
    )
    together = min(request.concurrency, predictor.slots)
    info = ArmInfo(
        model_sha256=file_sha256(request.model),
        model_size=header.size,
        architecture=header.architecture,
        parameters=header.parameters,
        quantization=header.quantization,
        contract=request.contract,
        encoding=encoding,
        template=framing.template,
        plain_text=framing.plain_text,
        encoder=header.encoder,
        prompt_sha256=framing.sha256,
        exemplars_sha256=request.exemplars_sha256 if shown else None,
        router_sha256=canonical_sha256(router) if router else None,
        window=window,
        max_error=router.promise.max_error if router and router.promise else None,
        prefix_tokens=len(predictor.prefix),
        prefix_kept=predictor.prefix_kept,
        n_ctx=predictor.n_ctx,
        threads=threads,
        layers=model.n_layers,
        layers_on_gpu=sum(1 for i, d in log.layers.items() if d != "CPU" and i < model.n_layers),
        devices=tuple(DeviceUse(device=d, weights=n) for d, n in log.buffers.items()),
        gpu_build=llama.gpu_build(),
        llama_cpp=llama.build_version(),
        load_ms=(time.perf_counter() - start) * 1000.0,
        split=placed.split if len(placed.devices) > 1 else None,
        concurrency=together if together > 1 else None,
        note="; ".join(
            [f"asked in plain text: {framing.plain_text}"] * bool(framing.plain_text)
            + [f"decodes {together} at once, not {request.concurrency}"] * (together < request.concurrency)
            + ["cannot tell how familiar a prompt is: tune it (again)"]
            * bool(request.abstain.familiarity and not (head and head.familiarity))
        ),
    )
    return predictor, info


def check_kind(request: Load, header: GgufHeader) -> None:
    """LabError when an embedding model is asked for what it cannot do, or is an encoder not known here."""
    if header.embedding and request.contract != "probe":
        entry = load_catalog().by_file(request.model.name)
        name = entry.id if entry else request.model.stem
        raise LabError(
            f"{request.model.name}: an embedding model, which writes no answers and can only be probed: "
            f"`routerlab tune {name}` makes a router for it, {name}:probe asks it"
        )
    if header.encoder and header.architecture not in ENCODERS:
        known = ", ".join(ENCODERS)
        raise LabError(
            f"{request.model.name}: encoders of architecture {header.architecture} cannot be read; "
            f"those of {known} can"
        )


def fitting_head(router: Router, request: Load, prompt_sha256: str, width: int, features: str) -> Head | None:
    """The router's head, after every pin was compared with what is really here; LabError names the first
    that differs: numbers fitted for other weights or another prompt would give answers that mean nothing."""
    model_sha256 = file_sha256(request.model)
    if router.model.accepts(request.model):
        model_sha256 = router.model.sha256
    for what, pinned, here in (
        ("weights", router.model.sha256, model_sha256),
        ("taxonomy", router.taxonomy_sha256, request.taxonomy.sha256),
        ("prompt and exemplars", router.prompt_sha256, prompt_sha256),
    ):
        if pinned != here:
            raise LabError(
                f"router {router.name}: was tuned for other {what} ({pinned[:12]}, here {here[:12]}); "
                "get what it was tuned for, or tune again"
            )
    if router.head is None:
        return None
    assert request.router_folder is not None
    head = load_head(request.router_folder / router.head.file, router.head.sha256)
    layer, window = router.head.layer, router.window
    adapter = router.adapter.sha256 if router.adapter else None
    fits = head_key(model_sha256, prompt_sha256, request.taxonomy.sha256, layer, window, features, adapter)
    if head.key != fits or head.weights.shape[-2:] != (len(request.taxonomy.labels), width):
        raise LabError(f"router {router.name}: its head was fitted for another layer or window; tune again")
    return head


def pinned_adapter(router: Router, request: Load) -> Path:
    """The file of the router's adapter; LabError when it is missing or not the pinned one, which the library
    is then not shown."""
    assert router.adapter
    assert request.router_folder is not None
    path = request.router_folder / router.adapter.file
    if not path.exists():
        raise LabError(f"{path}: the router's adapter is missing; copy all its files together")
    if file_sha256(path) != router.adapter.sha256:
        raise LabError(f"{path}: is not the adapter that the router file pins; copy all its files together")
    return path


def remade(router: Router | None, model_sha256: str) -> str:
    """What to know of weights that were made here for the router; "" when they are those it was tuned on."""
    if router is None or router.model.sha256 == model_sha256:
        return ""
    return f"{router.model.file} was made here from the same source; its bytes differ from those tuned on"


def answer(predictor: Predictor, request: Ask, pipe: Pipe) -> list[Prediction]:
    """The predictions; a prompt that does not fit is "refused" before anything is decoded."""

    def cancelled() -> bool:
        return request.id in pipe.cancelled

    if cancelled():
        return [Prediction(status="cancelled")] * (1 + len(request.more))
    if request.window is not None:
        predictor.window = request.window or None
    try:
        if request.measure == "bare":
            return [predictor.bare(request.prompt)]
        if request.more:
            return predictor.predict_many([request.prompt, *request.more], cancelled, request.timed)
        return [predictor.predict(request.prompt, cancelled)]
    except PromptTooLongError as e:
        return [Prediction(status="refused", error=str(e))]


def open_predictor(
    request: Load, header: GgufHeader, placed: Placement, pipe: Pipe, log: llama.Log
) -> tuple[Predictor, ArmInfo]:
    """Load it, and say where the weights are not those that its router was tuned on."""
    predictor, info = load(request, header, placed, pipe, log)
    notes = filter(None, [info.note, remade(request.router, info.model_sha256)])
    return predictor, info.model_copy(update={"note": "; ".join(notes)})


def main() -> None:
    """Serve until stdin closes."""
    pipe = own_pipe()
    loaded = pipe.requests.get()
    assert isinstance(loaded, Load)
    sequences = 1 + len(loaded.taxonomy.labels)
    predictor = start(loaded, sequences, partial(check_kind, loaded), partial(open_predictor, loaded), pipe)
    while True:
        ask = pipe.requests.get()
        if isinstance(ask, Ask):
            prediction, *more = answer(predictor, ask, pipe)
            read = predictor.features if loaded.layers and prediction.status == "ok" else None
            features = None if read is None else base64.b64encode(read.astype("<f4").tobytes()).decode()
            steps = predictor.laps.ms if ask.measure else None
            pipe.send(
                Answer(id=ask.id, prediction=prediction, more=tuple(more), features=features, steps=steps)
            )
            pipe.cancelled.discard(ask.id)


if __name__ == "__main__":
    main()
