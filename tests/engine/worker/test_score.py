"""`score` is a short cut: it must give what scoring from scratch gives, whatever was asked before."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from routerlab.core.prediction import Prediction
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.names import Encoding
from routerlab.engine.worker import llama
from routerlab.engine.worker.build import usable_cpus
from routerlab.engine.worker.inference import Predictor, PromptTooLongError
from routerlab.engine.worker.llama import Model
from routerlab.models.placement import Placement
from tests.engine import tiny
from tests.engine.asking import (
    NESTED,
    SIX,
    TWENTY,
    TWO,
    Asked,
    framing_tokens,
    open_model,
    plain_score,
    shots_for,
    taxonomy,
)

PROMPTS = ("write a function that sorts numbers", "why is the sky blue?", "plan a holiday and book it")
families = pytest.mark.parametrize("family", tiny.FAMILIES)
Models = dict[tiny.Family, Model]


def ask_and_compare(
    asked: Asked, prompt: str, record: list[float] | None = None, rel: float = 1e-3
) -> Prediction:
    """The prediction, after comparing its scores with those from scratch: 1e-3 relative is the promise."""
    prediction = asked.ask(prompt)
    assert prediction.status == "ok"
    assert prediction.mass is not None
    assert prediction.probabilities is not None
    expected = asked.scratch(prompt)
    # probability x mass is the label's own probability, so its logarithm is the label's score
    for label, probability in prediction.probabilities.items():
        score = np.log(probability) + np.log(prediction.mass)
        assert score == pytest.approx(expected[label], rel=rel), label
        if record is not None:
            record.append(abs(score / expected[label] - 1.0))
    if rel <= 1e-3:
        assert prediction.label == max(expected, key=lambda k: expected[k])
    assert sum(prediction.probabilities.values()) == pytest.approx(1.0, abs=1e-9)
    assert 0.0 < prediction.mass <= 1.0
    return prediction


def expected_tokens(asked: Asked, prompt: str) -> tuple[int, int]:
    """(cached, evaluated), counted by hand."""
    prefix, suffix, tails = asked.parts
    if asked.model.recurrent:
        nodes = sum(len(t) - 1 for t in tails)
    else:
        nodes = len({tuple(t[:i]) for t in tails for i in range(1, len(t))})
    return len(prefix), len(asked.model.tokenize(prompt, special=False)) + len(suffix) + nodes


@families
@pytest.mark.parametrize(
    ("of", "shots"),
    [(SIX, 2), (TWO, 0), (TWENTY, 1), (NESTED, 2)],
    ids=["six", "two", "twenty", "one begins another"],
)
def test_equals_scoring_from_scratch(
    tiny_models: Models, family: tiny.Family, of: Taxonomy, shots: int
) -> None:
    asked = Asked(tiny_models[family], of, shots_for(of.labels, shots))
    differences: list[float] = []
    for prompt in PROMPTS[: 2 if len(of.labels) < 20 else 1]:
        prediction = ask_and_compare(asked, prompt, differences)
        assert (prediction.tokens.cached, prediction.tokens.evaluated) == expected_tokens(asked, prompt)
        assert prediction.tokens.generated == 0
    print(f"{family}, {len(of.labels)} labels: largest relative difference {max(differences):.1e}")
    asked.predictor.context.close()


@families
@pytest.mark.parametrize("encoding", ["name", "code"])
def test_other_encodings_equal_scratch_too(
    tiny_models: Models, family: tiny.Family, encoding: Encoding
) -> None:
    asked = Asked(tiny_models[family], SIX, shots_for(SIX.labels, 2), encoding=encoding)
    prediction = ask_and_compare(asked, PROMPTS[0])
    assert set(prediction.probabilities or {}) == set(SIX.labels)
    assert prediction.tokens.evaluated == expected_tokens(asked, PROMPTS[0])[1]
    asked.predictor.context.close()


def test_a_code_is_one_token_and_decodes_no_tail(real: Asked) -> None:
    asked = Asked(real.model, SIX, encoding="code")
    assert [len(tail) for tail in asked.parts[2]] == [1] * 6
    prefix, suffix, _ = asked.parts
    prediction = asked.ask(PROMPTS[0])
    assert prediction.tokens.cached == len(prefix)
    own = real.model.tokenize(PROMPTS[0], special=False)
    assert prediction.tokens.evaluated == len(own) + len(suffix)
    asked.predictor.context.close()


def test_equals_scoring_from_scratch_on_the_real_model(
    smollm2: Path, tmp_path: Path, quiet: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the real weights in 32 bits: the quantised product rounds activations to 8 bits, where the order of
    a sum (the cells of other labels lie in between) decides about a step, and steps add up over 30 layers."""
    monkeypatch.setattr(llama, "BATCH", 16)  # so that no long prompt is needed for several
    exact = tiny.dequantized(smollm2, tmp_path / "smollm2-f32.gguf")
    model = open_model(exact)
    exact.unlink()  # half a gigabyte; the mapping keeps it as long as it is needed
    asked = Asked(model, SIX, threads=usable_cpus())
    differences: list[float] = []
    prediction = ask_and_compare(asked, PROMPTS[0], differences)
    assert (prediction.tokens.cached, prediction.tokens.evaluated) == expected_tokens(asked, PROMPTS[0])
    assert prediction.tokens.evaluated > llama.BATCH
    print(f"SmolLM2 in 32 bits: largest relative difference {max(differences):.1e}")
    asked.predictor.context.close()
    model.close()


def test_is_near_scoring_from_scratch_on_the_quantised_model(real: Asked) -> None:
    differences: list[float] = []
    prediction = ask_and_compare(real, PROMPTS[0], differences, rel=0.1)
    assert (prediction.tokens.cached, prediction.tokens.evaluated) == expected_tokens(real, PROMPTS[0])
    assert prediction.latency_ms.prefill > prediction.latency_ms.tokenize > 0
    assert prediction.latency_ms.generate == 0
    print(f"SmolLM2 Q4_1: largest relative difference {max(differences):.1e}")


@families
def test_prompt_of_several_batches(tiny_models: Models, family: tiny.Family) -> None:
    asked = Asked(tiny_models[family], TWO, shots_for(TWO.labels))
    prompt = "a long story, told at length; " * 50
    assert len(asked.model.tokenize(prompt, special=False)) > 1024
    prediction = ask_and_compare(asked, prompt)
    assert (prediction.tokens.cached, prediction.tokens.evaluated) == expected_tokens(asked, prompt)
    asked.predictor.context.close()


@pytest.mark.parametrize("extra", [509, 510, 511, 512, 513])
def test_tails_that_straddle_a_batch(tiny_models: Models, extra: int) -> None:
    """The last prompt token and the tails may fall into different decodes."""
    asked = Asked(tiny_models["llama"], SIX)
    _, suffix, _ = asked.parts
    prompt = "x" * (extra - len(suffix))
    assert len(asked.model.tokenize(prompt, special=False)) + len(suffix) == extra
    ask_and_compare(asked, prompt)
    asked.predictor.context.close()


def same(a: Prediction, b: Prediction) -> bool:
    assert a.probabilities is not None
    assert b.probabilities is not None
    assert a.mass is not None
    return b.mass == pytest.approx(a.mass, rel=1e-4) and b.probabilities == pytest.approx(
        a.probabilities, rel=1e-4
    )


def abort_after(asked: Asked, prompt: str, checks: int) -> Prediction:
    """Ask, and cancel when the library asks for the nth time whether it should go on."""
    calls = 0

    def cancelled() -> bool:
        nonlocal calls
        calls += 1
        return calls > checks

    return asked.predictor.predict(prompt, cancelled)


@families
def test_earlier_questions_leave_no_trace(tiny_models: Models, family: tiny.Family) -> None:
    asked = Asked(tiny_models[family], SIX, shots_for(SIX.labels))
    first = [asked.ask(p) for p in PROMPTS]
    again = [asked.ask(p) for p in reversed(PROMPTS)][::-1]
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    for checks in (0, 1, 7, 20):
        cancelled = abort_after(asked, "a long question " * 60, checks)
        assert cancelled.status == "cancelled"
        assert cancelled.label is None
        assert same(asked.ask(PROMPTS[0]), first[0]), f"after an abort at check {checks}"
    with pytest.raises(PromptTooLongError):
        asked.ask("far too long " * 1000)
    assert same(asked.ask(PROMPTS[1]), first[1])
    asked.predictor.context.close()


def test_earlier_questions_leave_no_trace_on_the_real_model(real: Asked) -> None:
    first = real.ask(PROMPTS[2])
    real.ask(PROMPTS[1] * 4)
    assert abort_after(real, PROMPTS[1] * 10, 300).status == "cancelled"
    assert same(real.ask(PROMPTS[2]), first)


@families
@pytest.mark.parametrize("of", [SIX, TWO], ids=["six", "two"])
def test_limit_of_the_context(tiny_models: Models, family: tiny.Family, of: Taxonomy) -> None:
    """The longest prompt that is admitted works; one token more is refused with both numbers."""
    model = tiny_models[family]
    asked = Asked(model, of, n_ctx=768)
    decodes = 0
    plain = asked.predictor.context.decode

    def count(*args: object) -> object:
        nonlocal decodes
        decodes += 1
        return plain(*args)  # type: ignore[arg-type]

    asked.predictor.context.decode = count  # type: ignore[method-assign, assignment]
    with pytest.raises(PromptTooLongError) as refusal:
        asked.ask("x" * 3000)
    assert decodes == 0
    found = re.search(r"has 3000 tokens, but only (\d+) of the context's 768 are free", str(refusal.value))
    assert found is not None
    room = int(found[1])
    cached, evaluated = expected_tokens(asked, "")
    assert cached + evaluated + room == 768
    with pytest.raises(PromptTooLongError, match=f"has {room + 1} tokens, but only {room} of"):
        asked.ask("x" * (room + 1))
    for _ in range(2):
        prediction = asked.ask("x" * room)
        assert prediction.status == "ok"
        assert prediction.tokens.cached + prediction.tokens.evaluated == 768
    ask_and_compare(asked, "x" * room)
    asked.predictor.context.close()


def test_exemplars_that_leave_no_room(tiny_models: Models) -> None:
    with pytest.raises(PromptTooLongError, match=r"exemplars take \d+ tokens.*context of 512"):
        Asked(tiny_models["llama"], SIX, shots_for(SIX.labels, 6), n_ctx=512)


def test_context_is_bounded_by_the_models_own(tiny_models: Models) -> None:
    asked = Asked(tiny_models["llama"], TWO, n_ctx=1_000_000)
    assert asked.predictor.n_ctx == tiny.CONTEXT
    asked.predictor.context.close()


@pytest.mark.parametrize("kind", ["refuses system", "drops system", "strips turns", "escape", None])
def test_other_framings_equal_scratch_too(tiny_plain: dict[str | None, Model], kind: str | None) -> None:
    asked = Asked(tiny_plain[kind], TWO, shots_for(TWO.labels))
    expected = {"refuses system": "folded", "drops system": "folded"}.get(kind or "", "plain")
    assert asked.framing.template == expected
    ask_and_compare(asked, PROMPTS[1])
    asked.predictor.context.close()


@pytest.fixture(scope="module")
def tiny_plain(tmp_path_factory: pytest.TempPathFactory, quiet: object) -> dict[str | None, Model]:
    """Tiny models with other chat templates, or without one."""
    folder = tmp_path_factory.mktemp("templates")
    kinds = ("refuses system", "drops system", "strips turns", "escape", None)
    paths = {
        k: tiny.build(folder / f"{i}.gguf", "llama", tiny.TEMPLATES[k] if k else None)
        for i, k in enumerate(kinds)
    }
    return {k: Model(path, Placement(), lambda _: None) for k, path in paths.items()}


def test_progress_of_the_prefix_ends_at_one(tiny_models: Models) -> None:
    told: list[float] = []
    asked = Asked(tiny_models["llama"], TWO)
    predictor = Predictor(tiny_models["llama"], asked.framing, TWO.labels, 1024, 1, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    predictor.context.close()
    asked.predictor.context.close()


def test_single_token_labels_decode_no_tails(tiny_models: Models) -> None:
    asked = Asked(tiny_models["mamba"], taxonomy(("A", "B")), [Exemplar(prompt="first", label="A")])
    _, suffix, tails = asked.parts
    assert [len(t) for t in tails] == [1, 1]
    prediction = ask_and_compare(asked, "q")
    assert prediction.tokens.evaluated == 1 + len(suffix)
    asked.predictor.context.close()


def test_the_oracle_itself_sums_to_one(tiny_models: Models) -> None:
    """Over all continuations of one token, the plain way gives a probability distribution."""
    model = tiny_models["llama"]
    prefix, _, _ = framing_tokens(model, Asked(model, TWO).framing)
    scores: Sequence[float] = [plain_score(model, prefix[:4], [t], 1) for t in range(model.n_vocab)]
    assert np.exp(scores).sum() == pytest.approx(1.0, abs=1e-4)
