"""Models with a LoRA adapter: what they compute, and what is refused."""

import asyncio
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load, save

from routerlab.core.errors import LabError
from routerlab.engine.contract.contract import own_frame
from routerlab.engine.contract.head import ENCODER_FEATURES, head_key, load_head
from routerlab.engine.contract.router import load_router
from routerlab.engine.worker import llama
from routerlab.engine.worker.inference import Predictor
from routerlab.models.placement import Placement
from routerlab.tune.adapter.lora import lora_bytes
from tests.engine import encoders
from tests.engine.asking import TWO
from tests.engine.tuned import LAYER, PROMPTS, WINDOW, Tuned, factory, tuned_spec, write
from tests.engine.workers import one_line, running
from tests.models.bert import EMBD, FF, LAYERS, forward

Floats = NDArray[np.float32]
RANK, ALPHA = 3, 6
SHAPES = {
    "attention.self.query": (EMBD, EMBD),
    "attention.self.value": (EMBD, EMBD),
    "attention.output.dense": (EMBD, EMBD),
    "intermediate.dense": (FF, EMBD),
    "output.dense": (EMBD, FF),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoders.build(tmp_path_factory.mktemp("adapted") / "bert.gguf", "bert")


def matrices(wide: int = EMBD) -> dict[str, tuple[Floats, Floats]]:
    """Random ones that 16 bits can hold, for every kind of matrix of each layer."""
    rng = np.random.default_rng(3)

    def rand(*shape: int) -> Floats:
        return np.asarray((rng.standard_normal(shape) / 4).astype(np.float16), np.float32)

    return {
        f"encoder.layer.{i}.{name}": (rand(RANK, columns if columns != EMBD else wide), rand(rows, RANK))
        for i in range(LAYERS)
        for name, (rows, columns) in SHAPES.items()
    }


def merged(source: Path, target: Path) -> Path:
    """The published model with what the adapter adds in its weights."""
    with zipfile.ZipFile(source) as z:
        members = {name: z.read(name) for name in z.namelist()}
    weights = load(members["model.safetensors"])
    for name, (a, b) in matrices().items():
        weights[f"{name}.weight"] = weights[f"{name}.weight"] + b @ a * (ALPHA / RANK)
    with zipfile.ZipFile(target, "w") as z:
        for name, data in (members | {"model.safetensors": save(weights)}).items():
            z.writestr(name, data)
    return target


def predictor(path: Path, adapter: Path | None) -> Predictor:
    loaded = llama.Model(path, Placement(), lambda _: None, "bert")
    if adapter:
        loaded.adapt(adapter)
    return Predictor(
        loaded, own_frame("bert", None), TWO.labels, 512, 1, lambda _: None, layers=(LAYER,), window=WINDOW
    )


def test_a_model_computes_with_its_adapter_what_merged_weights_compute(
    model: Path, tmp_path: Path, quiet: llama.Log
) -> None:
    (tmp_path / "a.gguf").write_bytes(lora_bytes(matrices(), ALPHA))
    merged(model.with_suffix(".zip"), tmp_path / "merged.zip")
    adapted, plain = predictor(model, tmp_path / "a.gguf"), predictor(model, None)
    for prompt in PROMPTS[:3]:
        assert adapted.predict(prompt, lambda: False).status == "ok"
        assert adapted.features is not None
        first = adapted.features.reshape(5, EMBD)[1]  # CLS
        tokens = adapted._read(prompt).tokens
        expected = forward(tmp_path / "merged.zip", tokens)[LAYER][0]
        plain.predict(prompt, lambda: False)
        assert plain.features is not None
        without = plain.features.reshape(5, EMBD)[1]
        assert np.abs(first - expected).max() < 0.02 * np.abs(expected).max()
        assert np.abs(without - expected).max() > 0.2 * np.abs(expected).max()


@pytest.fixture
def made(model: Path, tmp_path: Path) -> Tuned:
    return write(model, tmp_path / "r.toml", adapter=lora_bytes(matrices(), ALPHA))


async def test_a_router_with_an_adapter_answers_by_what_is_computed_with_it(
    made: Tuned, quiet: llama.Log
) -> None:
    assert made.router.adapter is not None
    assert made.router.head is not None
    file = made.path.with_name(made.router.adapter.file)
    assert file.name == "r.lora.gguf"
    head = load_head(made.path.with_name(made.router.head.file), made.router.head.sha256)
    adapted = predictor(made.model, file)
    async with running(factory().model_arm(tuned_spec(made), made.router)) as arm:
        for prompt in PROMPTS[:3]:
            answer = await arm.ask(prompt, 30.0)
            adapted.predict(prompt, lambda: False)
            assert adapted.features is not None
            expected = head.probabilities(adapted.features[0])
            assert answer.probabilities is not None
            assert np.allclose([answer.probabilities[label] for label in TWO.labels], expected, atol=1e-4)


@pytest.mark.parametrize("fault", ["gone", "changed", "of another model"])
async def test_an_adapter_that_does_not_fit_is_refused(made: Tuned, fault: str) -> None:
    router, file = made.router, made.path.with_name("r.lora.gguf")
    if fault == "gone":
        file.unlink()
    elif fault == "changed":
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    else:
        wide = lora_bytes(matrices(wide=EMBD * 2), ALPHA)
        router = (await asyncio.to_thread(write, made.model, made.path, None, wide)).router
    async with running(factory().model_arm(tuned_spec(made), router), start=False) as arm:
        await arm.start()
        assert arm.state.phase == "failed"
        assert one_line(arm.state.message)
        assert file.name in arm.state.message


def test_a_head_belongs_to_its_adapter(made: Tuned) -> None:
    """Without the adapter, or with another one, its key is another."""
    assert made.router.head is not None
    head = load_head(made.path.with_name(made.router.head.file), made.router.head.sha256)
    pins = made.router.model.sha256, made.router.prompt_sha256, TWO.sha256, LAYER, WINDOW, ENCODER_FEATURES
    assert made.router.adapter is not None
    assert head.key == head_key(*pins, made.router.adapter.sha256)
    assert head.key != head_key(*pins)


def test_an_adapter_without_a_head_is_refused(made: Tuned) -> None:
    text = made.path.read_text()
    start, end = text.index("[head]"), text.index("[evidence]")
    made.path.write_text(text[:start].replace('"probe"', '"score"') + text[end:])
    with pytest.raises(LabError, match="adapter"):
        load_router(made.path)
