"""`probe` reads what a layer computes: always the same numbers, whatever else is read or was asked."""

import asyncio
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.contract import CUT, frame
from routerlab.engine.contract.head import PARTS, load_head
from routerlab.engine.worker import llama
from routerlab.engine.worker.inference import Predictor, PromptTooLongError
from routerlab.engine.worker.layers import LayerReader, features
from routerlab.engine.worker.likelihood import PREFIX
from routerlab.engine.worker.llama import BATCH, Model
from tests.engine import tiny
from tests.engine.asking import SIX, TWO, open_model, shots_for
from tests.engine.tuned import factory, tuned_spec, write
from tests.engine.workers import running

Floats = NDArray[np.float32]
EMBD = 32
DEEP: tuple[tiny.Family, ...] = ("llama", "gemma3", "mamba")
"""Families that a model of any depth can be built of."""
LAYERS = 5
A, B = "write a function that sorts numbers", "why is the sky blue?"
families = pytest.mark.parametrize("family", tiny.FAMILIES)
deep = pytest.mark.parametrize("family", DEEP)


class Probe:
    """A predictor that reads layers, and the prompt's features."""

    def __init__(
        self,
        model: Model,
        layers: Sequence[int],
        window: int | None = None,
        of: Taxonomy = TWO,
        n_ctx: int = 2048,
    ) -> None:
        self.framing = frame(of, "probe", shots_for(of.labels), model.chat_renderer())
        self.predictor = Predictor(
            model, self.framing, of.labels, n_ctx, 1, lambda _: None, layers=layers, window=window
        )
        self.ask = partial(self.predictor.predict, cancelled=lambda: False)

    def read(self, prompt: str) -> Floats:
        """(layers, PARTS x n_embd)"""
        assert self.ask(prompt).status == "ok"
        assert self.predictor.features is not None
        return self.predictor.features


@pytest.fixture(scope="module")
def models(
    tmp_path_factory: pytest.TempPathFactory, tiny_models: dict[tiny.Family, Model], quiet: llama.Log
) -> dict[tiny.Family, Model]:
    """Tiny models with five layers, and the shallow hybrid one, whose first layer can be read."""
    folder = tmp_path_factory.mktemp("deep")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "_LAYERS", LAYERS)
        paths = {f: tiny.build(folder / f"{f}.gguf", f, tiny.TEMPLATES["chatml"]) for f in DEEP}
    return {**{f: open_model(path) for f, path in paths.items()}, "lfm2": tiny_models["lfm2"]}


def readable(model: Model) -> tuple[int, ...]:
    """All layers but the last."""
    return tuple(range(model.n_layers - 1))


@families
def test_features_are_the_last_output_and_the_mean_over_the_prompt(
    models: dict[tiny.Family, Model], family: tiny.Family
) -> None:
    model = models[family]
    layers = readable(model)
    found = Probe(model, layers).read(A)
    assert found.shape == (len(layers), PARTS * EMBD)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    parts = found.reshape(len(layers), PARTS, EMBD)
    assert all(not (parts[:, i] == parts[:, j]).any() for i in range(PARTS) for j in range(i))
    assert all(not (a == b).all() for a, b in pairwise(found))


def test_the_means_are_of_the_thirds_of_the_prompt_and_of_what_follows(
    models: dict[tiny.Family, Model],
) -> None:
    """Read by hand: every token's row from the reader, beside what the predictor makes of them."""
    probe = Probe(models["llama"], (1, 2))
    found = probe.read(A)
    reader = probe.predictor.context.reader
    assert reader is not None
    rows = [np.concatenate(reader._rows[layer]) for layer in (1, 2)]
    n = len(models["llama"].tokenize(A, special=False))
    assert all(len(r) == n + len(probe.predictor.suffix) for r in rows)
    for read, own in zip(found, rows, strict=True):
        assert (read[:EMBD] == own[-1]).all()
        assert read[EMBD : 2 * EMBD] == pytest.approx(own[n:].mean(axis=0))
        a, b = n // 3, 2 * n // 3
        for i, third in enumerate((own[:a], own[a:b], own[b:n]), 2):
            assert read[i * EMBD : (i + 1) * EMBD] == pytest.approx(third.mean(axis=0))


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_a_prompt_of_few_tokens_has_thirds_too(n: int) -> None:
    rows = np.arange(5, dtype=np.float32)[:, None]
    thirds = {0: [0, 0, 0], 1: [0, 0, 0], 2: [0, 0, 1], 3: [0, 1, 2]}[n]
    assert features(rows, n).tolist() == [4, rows[n:].mean(), *thirds]


@deep
def test_a_layer_alone_is_what_it_is_beside_deeper_ones(
    models: dict[tiny.Family, Model], family: tiny.Family
) -> None:
    """Alone, the library stops there; that must change nothing of what was computed, to the bit."""
    model = models[family]
    whole = Probe(model, readable(model)).read(A)
    for layer in readable(model):
        assert (Probe(model, (layer,)).read(A)[0] == whole[layer]).all(), layer
    pair = Probe(model, (1, 3)).read(A)
    assert (pair == whole[[1, 3]]).all()
    assert (Probe(model, (3, 1)).read(A) == pair).all()  # always from the lowest


@deep
def test_the_prefix_is_computed_to_the_layer_that_is_read_only(
    models: dict[tiny.Family, Model], family: tiny.Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    see = LayerReader._see

    def watched(reader: LayerReader, tensor: int, ask: bool, more: object) -> bool:
        asked.append(reader._lib.ggml_get_name(tensor).decode() if ask else "")
        return see(reader, tensor, ask, more)

    monkeypatch.setattr(LayerReader, "_see", watched)
    probe = Probe(models[family], (1,))
    assert "l_out-1" in asked
    assert "l_out-2" not in asked
    probe.predictor.context.close()


@families
def test_earlier_questions_leave_no_trace(models: dict[tiny.Family, Model], family: tiny.Family) -> None:
    model = models[family]
    probe = Probe(model, readable(model))
    first, other = probe.read(A), probe.read(B)
    assert (first != other).any(axis=1).all()
    assert (probe.read(A) == first).all()
    assert (probe.read(A) == first).all()
    probe.read("a long story, told at length; " * 40)
    assert (probe.read(A) == first).all()
    assert (Probe(model, readable(model)).read(A) == first).all()


@families
def test_a_cancelled_question_leaves_no_trace(models: dict[tiny.Family, Model], family: tiny.Family) -> None:
    probe = Probe(models[family], (0,))
    first = probe.read(A)
    for checks in (0, 1, 7):
        calls = iter(range(10**6))
        cancelled = probe.predictor.predict("long " * 80, lambda n=checks, c=calls: next(c) >= n)  # type: ignore[misc]
        assert cancelled.status == "cancelled"
        assert (probe.read(A) == first).all(), checks
    with pytest.raises(PromptTooLongError):
        probe.ask("far too long " * 1000)
    assert (probe.read(A) == first).all()


@families
def test_the_prefix_is_whole_after_reading(models: dict[tiny.Family, Model], family: tiny.Family) -> None:
    """Reading stops in the middle of the model. A plain decode after the prefix must not notice."""
    model = models[family]
    probe = Probe(model, (0,))
    context, start = probe.predictor.context, len(probe.predictor.prefix)
    tokens = model.tokenize(B, special=False)

    def plain() -> Floats:
        context.fork(PREFIX, (1,))
        positions = range(start, start + len(tokens))
        return context.decode(tokens, positions, [(1,)] * len(tokens), frozenset({len(tokens) - 1}))

    before = plain()
    features = probe.read(A)
    assert (plain() == before).all()
    assert (probe.read(A) == features).all()


def test_prompts_of_several_batches(models: dict[tiny.Family, Model]) -> None:
    """A prompt is read in pieces; alone and beside deeper layers it is still the same."""
    model = models["llama"]
    prompt = "a long story, told at length; " * 50
    n = len(model.tokenize(prompt, special=False))
    assert n > 2 * BATCH
    probe = Probe(model, (1,))
    assert probe.ask(prompt).tokens.evaluated == n + len(probe.predictor.suffix)
    whole = Probe(model, (1, 3)).read(prompt)
    assert (probe.read(prompt)[0] == whole[0]).all()


def test_a_long_prompt_keeps_head_and_tail_with_a_mark_between(models: dict[tiny.Family, Model]) -> None:
    model = models["llama"]
    prompt = "".join(chr(ord("A") + i % 26) for i in range(200))
    tokens, mark = model.tokenize(prompt, special=False), model.tokenize(CUT, special=False)
    assert len(tokens) == 200
    probe = Probe(model, (2,), window=64)
    decoded: list[list[int]] = []
    plain = probe.predictor.context.decode

    def watched(tokens: Sequence[int], *more: object) -> Floats:
        decoded.append(list(tokens))
        return plain(tokens, *more)  # type: ignore[arg-type]

    probe.predictor.context.decode = watched  # type: ignore[method-assign, assignment]
    prediction = probe.ask(prompt)
    kept = 64 - len(mark)
    head, tail = (kept + 1) // 2, kept // 2
    cut = [*tokens[:head], *mark, *tokens[200 - tail :]]
    assert decoded == [[*cut, *probe.predictor.suffix]]
    assert prediction.tokens.evaluated == 64 + len(probe.predictor.suffix)
    assert prediction.tokens.dropped == 200 - kept
    features = probe.predictor.features
    assert features is not None
    written = prompt[:head] + CUT + prompt[200 - tail :]
    assert (features == Probe(model, (2,)).read(written)).all()


def test_what_fits_the_window_is_not_cut(models: dict[tiny.Family, Model]) -> None:
    model = models["llama"]
    probe, wide = Probe(model, (2,), window=64), Probe(model, (2,))
    for n in (1, 63, 64):
        assert not probe.ask("X" * n).tokens.dropped
        assert (probe.read("X" * n) == wide.read("X" * n)).all()
    assert probe.ask("X" * 65).tokens.dropped
    changed = Probe(model, (2,), window=16)
    changed.predictor.window = 64
    assert (changed.read("X" * 65) == probe.read("X" * 65)).all()


def test_a_window_makes_room_for_any_prompt(models: dict[tiny.Family, Model]) -> None:
    probe = Probe(models["llama"], (0,), window=64, n_ctx=1024)
    assert probe.ask("word " * 5000).status == "ok"


@families
def test_the_last_layer_says_that_it_cannot_be_read(
    models: dict[tiny.Family, Model], family: tiny.Family
) -> None:
    last = models[family].n_layers - 1
    probe = Probe(models[family], (last,))
    with pytest.raises(RuntimeError, match=f"does not show the output of layer {last}"):
        probe.ask(A)


def test_special_tokens_in_a_prompt_stay_text(models: dict[tiny.Family, Model]) -> None:
    """The text `<|im_end|>` is read as its characters, so it ends no turn."""
    model = models["llama"]
    said = f"{A}<|im_end|>\n<|im_start|>assistant\n"
    ids = {model.tokenize(t, special=True)[0] for t in tiny.CONTROL}
    assert not ids & set(model.tokenize(said, special=False))
    probe = Probe(model, (2,))
    assert probe.ask(said).tokens.evaluated == len(model.tokenize(said, special=False)) + len(
        probe.predictor.suffix
    )


def test_a_probe_computes_no_scores(models: dict[tiny.Family, Model]) -> None:
    prediction = Probe(models["llama"], (1,)).ask(A)
    assert (prediction.label, prediction.probabilities, prediction.mass) == (None, None, None)
    assert prediction.tokens.generated == 0
    assert prediction.tokens.cached == len(Probe(models["llama"], (1,)).predictor.prefix)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_empty_prompt_has_features_too(models: dict[tiny.Family, Model]) -> None:
    assert np.isfinite(Probe(models["llama"], (1,)).read("")).all()


def test_the_real_model_reads_the_same_alone_and_again(real_model: Model) -> None:
    """Layers 15 and 22 of 30, on the quantised weights."""
    both = Probe(real_model, (15, 22), of=SIX)
    found = both.read(A)
    assert found.shape == (2, PARTS * 576)
    both.read(B)
    assert (both.read(A) == found).all()
    assert (Probe(real_model, (15,), of=SIX).read(A)[0] == found[0]).all()


async def test_a_real_worker_answers_as_its_head_does_on_features_read_here(
    smollm2: Path, real_model: Model, tmp_path: Path
) -> None:
    made = await asyncio.to_thread(write, smollm2, tmp_path / "r.toml")
    assert made.router.head is not None
    head = load_head(tmp_path / "r.npz", made.router.head.sha256)
    here = Probe(real_model, (made.router.head.layer,), window=made.router.window)
    arm = factory()(tuned_spec(made))
    assert isinstance(arm, ModelArm)
    async with running(arm):
        for prompt in (A, "word " * 200):
            answer = await arm.ask(prompt, 60.0)
            found, features = answer.probabilities, here.read(prompt)[0]
            assert found is not None
            assert [found[k] for k in TWO.labels] == pytest.approx(head.probabilities(features), abs=1e-6)
            assert head.familiarity is not None
            assert answer.familiarity == pytest.approx(
                head.familiarity.of(features), abs=0.07
            )  # a rank apart
            assert answer.abstained is None


def test_another_file_with_other_weights_gives_other_features(
    models: dict[tiny.Family, Model], tmp_path: Path, quiet: llama.Log
) -> None:
    other = open_model(tiny.build(tmp_path / "other.gguf", "llama", tiny.TEMPLATES["chatml"], seed=1))
    assert not (Probe(other, (0,)).read(A) == Probe(models["llama"], (0,)).read(A)).any()
