"""The study's contract on the real model: greedy, at most 128 new tokens, parsed."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from routerlab.core.names import Parse
from routerlab.engine.contract.contract import MAX_NEW_TOKENS, frame, parse_answer
from routerlab.engine.worker import inference
from routerlab.engine.worker.generate import Written
from routerlab.engine.worker.llama import Context, Model
from tests.engine.asking import TWO, Asked, open_model, taxonomy
from tests.engine.tiny import TEMPLATES, build

_ASKED = "enable_thinking is not defined or enable_thinking"
THINKS = {
    "chatml thinks": "{% if add_generation_prompt %}<think>\n{% endif %}",
    "chatml asks": "{% if add_generation_prompt and (" + _ASKED + ") %}<think>\n{% endif %}",
}
"""What some templates have behind the head of the answer, and others unless they are told not to."""


@pytest.fixture(scope="module")
def asked(real_model: Model) -> Asked:
    return Asked(real_model, TWO, contract="json")


def plain_generation(model: Model, tokens: Sequence[int], most: int) -> list[int]:
    """Greedy decoding with nothing cached, one sequence, in a context of its own."""
    context = Context(model, 1024, 1, 1, threads=1)
    written: list[int] = []
    chunk = list(tokens)
    at = 0
    while len(written) < most:
        positions = range(at, at + len(chunk))
        logits = context.decode(chunk, positions, [(0,)] * len(chunk), frozenset({len(chunk) - 1}))
        at += len(chunk)
        token = int(logits[0].argmax())
        if model.ends(token):
            break
        written.append(token)
        chunk = [token]
    context.close()
    return written


@pytest.mark.parametrize("prompt", ["Is 91 prime?", "hello"])
def test_greedy_as_a_plain_loop(asked: Asked, prompt: str) -> None:
    model = asked.model
    prediction = asked.ask(prompt)
    prefix, suffix, _ = asked.parts
    user = model.tokenize(prompt, special=False)
    written = plain_generation(model, [*prefix, *user, *suffix], MAX_NEW_TOKENS)
    answer = b"".join(model.piece(t) for t in written).decode("utf-8", "replace")
    assert prediction.answer == answer
    parsed = parse_answer(answer, TWO.labels)
    assert (prediction.label, prediction.confidence) == (parsed.label, parsed.confidence)
    assert prediction.status == ("ok" if parsed.label else "unparsed")
    assert prediction.tokens.cached == len(prefix)
    assert prediction.tokens.evaluated == len(user) + len(suffix)
    assert prediction.tokens.generated == len(written) <= MAX_NEW_TOKENS
    assert prediction.probabilities is None
    assert prediction.mass is None
    times = prediction.latency_ms
    assert min(times.tokenize, times.prefill, times.generate) > 0


def test_run_on_text_stops_at_the_limit_and_is_unparsed(tiny_models: dict[str, Model]) -> None:
    asked = Asked(tiny_models["llama"], taxonomy(("a", "b")), contract="json")
    prediction = asked.ask("go on and on")
    assert prediction.status == "unparsed"
    assert prediction.label is None
    assert prediction.error
    assert prediction.tokens.generated == MAX_NEW_TOKENS
    assert asked.ask("go on and on").answer == prediction.answer
    asked.predictor.context.close()


def test_cancelled_generation_leaves_no_trace(asked: Asked) -> None:
    first = asked.ask("hello")
    calls = 0

    def cancelled() -> bool:
        nonlocal calls
        calls += 1
        return calls > 2000

    stopped = asked.predictor.predict("tell me everything about whales", cancelled)
    assert stopped.status == "cancelled"
    assert stopped.answer is None
    again = asked.ask("hello")
    assert (again.answer, again.label, again.tokens) == (first.answer, first.label, first.tokens)


@pytest.mark.parametrize("family", ["llama", "gemma3", "mamba", "lfm2"])
def test_every_family_generates_the_same_again(tiny_models: dict[str, Model], family: str) -> None:
    asked = Asked(tiny_models[family], TWO, contract="json")
    prefix, suffix, _ = asked.parts
    first = [asked.ask(p) for p in ("one", "another thing")]
    tokens = [*prefix, *asked.model.tokenize("one", special=False), *suffix]
    written = plain_generation(asked.model, tokens, MAX_NEW_TOKENS)
    assert first[0].answer == b"".join(map(asked.model.piece, written)).decode("utf-8", "replace")
    again = [asked.ask(p) for p in ("another thing", "one")]
    assert [p.answer for p in again] == [p.answer for p in reversed(first)]
    asked.predictor.context.close()


@pytest.mark.parametrize(
    ("template", "written", "parse", "label", "strict"),
    [
        ("chatml", '<think>{"label": "b"}?</think>{"label": "a"}', "strict", "a", None),
        ("chatml thinks", '{"label": "b"}?</think>{"label": "a"}', "strict", "a", None),
        ("chatml thinks", '{"label": "b"}? Hm', "strict", None, None),
        ("chatml asks", '{"label": "a"}', "strict", "a", None),
        ("chatml", "{'label': 'A'}", "strict", None, None),
        ("chatml", "{'label': 'A'}", "lenient", "a", False),
        ("chatml", '{"label": "a"}', "lenient", "a", True),
    ],
)
def test_an_answer_is_read_without_thoughts_and_as_it_is_asked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    template: str,
    written: str,
    parse: Parse,
    label: str | None,
    strict: bool | None,
) -> None:
    """Tiny models think nothing, so what this one writes is put there."""
    model = open_model(build(tmp_path / "m.gguf", template=TEMPLATES["chatml"] + THINKS.get(template, "")))
    tokens = model.tokenize(written, special=False)
    monkeypatch.setattr(inference, "generate", lambda *_: [Written(tokens)])
    of = taxonomy(("a", "b"))
    framing = frame(of, "json", (), model.chat_renderer())
    predictor = inference.Predictor(model, framing, of.labels, 1024, 1, lambda _: None, parse=parse)
    answer = predictor.predict("x", lambda: False)
    assert (answer.label, answer.strict) == (label, strict)
    assert (answer.answer or "").strip() == written
    assert answer.tokens.generated == len(tokens)
    assert answer.status == ("ok" if label else "unparsed")
    predictor.context.close()
    model.close()
