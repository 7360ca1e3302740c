"""From a completion to a prediction: the label, or in words why there is none and what to do about it."""

from collections.abc import Callable, Sequence

from routerlab.core.names import Parse
from routerlab.core.prediction import Prediction, Tokens
from routerlab.engine.contract.parse import Read, read_answer
from routerlab.engine.remote.completion import Choice, Completion

LONGEST_ANSWER = 8192
"""Characters of an answer that are written down; 128 tokens have fewer, but a server may not count, and some
reason first. The end is kept then, for there is the answer."""
CUT = " [...] "


def extract(
    completion: Completion, labels: Sequence[str], parse: Parse, limit: int, clean: Callable[[str], str]
) -> Prediction:
    """The prediction in a completion, without time and attempts. `limit` are the tokens that it was allowed,
    `clean` takes secrets out of whatever is written down."""
    choice = completion.choices[0]
    message = choice.message
    written, more = message.text, [*message.parts, *message.calls]
    if parse == "lenient" and not written.strip() and not more and choice.finish_reason != "length":
        more = [message.thought] if message.thought.lstrip().startswith("{") else []
    read = read_answer(written, labels, parse, more=more)
    shown = clean(_clipped(written if written.strip() else "\n".join(more), read))
    error = None
    if read.parsed.label is None:  # what is wrong shows a part of the answer
        again = read_answer(shown, labels).parsed.error or "its label has the key in it"
        error = clean(_why(choice, read, limit)) or again + _ended(choice, limit)
    return Prediction(
        status="ok" if read.parsed.label is not None else "unparsed",
        label=read.parsed.label,
        confidence=read.parsed.confidence,
        answer=shown.encode("utf-8", "replace").decode(),
        error=error,
        strict=read.strict,
        tokens=completion.usage.tokens if completion.usage else Tokens(),
    )


def _clipped(shown: str, read: Read) -> str:
    if len(shown) <= LONGEST_ANSWER:
        return shown
    if not read.thought:
        return shown[:LONGEST_ANSWER]
    half = LONGEST_ANSWER // 2
    return shown[: half - len(CUT)] + CUT + shown[-half:]


def _why(choice: Choice, read: Read, limit: int) -> str:
    """Why there is no label, where the server or the shape of the answer says so; "" if its text does."""
    message = choice.message
    thought = read.thought or message.thought
    empty = not message.text.strip() or read.cut
    advice = 'raise reasoning_tokens, or set reasoning = "off"'
    if thought and empty and choice.finish_reason == "length":
        return f"it reasoned through its {limit} tokens and gave no answer: {advice}"
    if message.parts and not message.text:
        return _lenient("the answer is in parts", read)
    if message.calls and not message.text.strip():
        return _lenient("it called a tool instead of writing an answer", read)
    if isinstance(message.refusal, str) and message.refusal:
        return f"the model refused: {message.refusal[:200]}"
    if choice.finish_reason == "content_filter":
        return "the server's filter held the answer back"
    if thought and empty:
        return f"it reasoned and gave no answer: {advice}"
    return "the answer is empty" if empty else ""


def _ended(choice: Choice, limit: int) -> str:
    return f" (it ended at the limit of {limit} tokens)" if choice.finish_reason == "length" else ""


def _lenient(what: str, read: Read) -> str:
    return f'{what}: parse = "lenient" reads that' if read.strict is None else f"{what}, which names no label"
