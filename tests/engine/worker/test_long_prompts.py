"""Huge prompts: refused or cut without reading all of them, which takes some tokenizers minutes."""

import time

import pytest

from routerlab.engine.worker import inference
from routerlab.engine.worker.inference import PromptTooLongError
from routerlab.engine.worker.llama import Model
from tests.engine import tiny
from tests.engine.asking import TWO, Asked

Models = dict[tiny.Family, Model]
FOREIGN = "\u4f60\u597d" * (1 << 19)
"""A megabyte of characters that the tiny vocabulary lacks: each is three bytes, and the library copies all
tokens so far for every one."""


@pytest.fixture
def asked(tiny_models: Models) -> Asked:
    """A tiny model with a sentencepiece vocabulary."""
    return Asked(tiny_models["llama"], TWO, n_ctx=1024)


def test_a_megabyte_is_refused_soon(asked: Asked) -> None:
    start = time.process_time()
    with pytest.raises(PromptTooLongError, match="the prompt has more than 19"):
        asked.ask(FOREIGN)
    assert time.process_time() - start < 10.0  # the whole of it takes minutes


def test_a_megabyte_is_cut_to_the_window_soon(asked: Asked) -> None:
    asked.predictor.window = 40
    start = time.process_time()
    prediction = asked.ask(FOREIGN)
    assert time.process_time() - start < 10.0
    assert prediction.status == "ok"
    assert prediction.tokens.dropped is not None
    assert prediction.tokens.dropped > 100_000


@pytest.mark.parametrize("prompt", ["the code of why " * 500, "A" + " " * 3000 + "code" * 2000 + "Z"])
def test_cutting_before_reading_changes_no_answer(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, prompt: str
) -> None:
    asked.predictor.window = 40
    whole = asked.ask(prompt)
    monkeypatch.setattr(inference, "END", 400)
    cut = asked.ask(prompt)
    assert cut.probabilities == pytest.approx(whole.probabilities, rel=1e-6)
    assert cut.tokens.evaluated == whole.tokens.evaluated
    assert (cut.tokens.dropped or 0) < (whole.tokens.dropped or 0)


def test_a_long_text_of_few_tokens_is_read_whole(real: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is tokens: the real vocabulary has some for a whole run of spaces."""
    prompt = "a" + " " * 3000 + "b"
    n = len(real.model.tokenize(prompt, special=False))
    assert n < 3000 / 20
    monkeypatch.setattr(inference, "END", 1)
    monkeypatch.setattr(real.predictor, "room", n)
    assert real.ask(prompt).status == "ok"
    monkeypatch.setattr(real.predictor, "room", n - 1)
    with pytest.raises(PromptTooLongError, match=f"the prompt has {n} tokens, but only {n - 1} "):
        real.ask(prompt)
