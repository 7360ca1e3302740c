"""What is read of an OpenAI-compatible server's answers. The client library takes them as they come, whatever
is in them, so they are checked here."""

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from routerlab.core.prediction import Tokens


class Message(BaseModel):
    """What the model wrote; servers write null where it wrote nothing. What it thought has two names, and is
    among the parts of one that wrote in parts."""

    content: str | list[dict[str, Any] | str] | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None

    @property
    def text(self) -> str:
        """What was written, unless it is in parts."""
        return self.content if isinstance(self.content, str) else ""

    @property
    def parts(self) -> list[str]:
        """The texts of an answer in parts."""
        parts = self.content if isinstance(self.content, list) else []
        texts = [part if isinstance(part, str) else part.get("text") for part in parts]
        return [text for text in texts if isinstance(text, str)]

    @property
    def thought(self) -> str:
        """What was sent apart from the answer as its reasoning; "" if nothing."""
        parts = self.content if isinstance(self.content, list) else []
        inner = [part.get("thinking") for part in parts if isinstance(part, dict)]
        said = (self.reasoning_content, self.reasoning, *inner)
        return "\n".join(text if isinstance(text, str) else json.dumps(text) for text in said if text)

    @property
    def calls(self) -> list[str]:
        """The arguments of the tools that were called."""
        calls = self.tool_calls if isinstance(self.tool_calls, list) else []
        called = [call.get("function") for call in calls if isinstance(call, dict)]
        found = [one.get("arguments") for one in (*called, self.function_call) if isinstance(one, dict)]
        return [one if isinstance(one, str) else json.dumps(one) for one in found]


class Choice(BaseModel):
    """One answer, and why it ended ("stop", "length")."""

    message: Message
    finish_reason: str | None = None
    error: Any = None


class Details(BaseModel):
    """Of the prompt's tokens, those that the server had read before; of the answer's, those of reasoning."""

    cached_tokens: NonNegativeInt | None = None
    reasoning_tokens: NonNegativeInt | None = None


class Usage(BaseModel):
    """Tokens as the server counted them, and bills them."""

    prompt_tokens: NonNegativeInt | None = None
    completion_tokens: NonNegativeInt | None = None
    total_tokens: NonNegativeInt | None = None
    prompt_cache_hit_tokens: NonNegativeInt | None = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None

    @property
    def tokens(self) -> Tokens:
        """The same in the lab's words. Some servers count reasoning in the total only: it is billed too."""
        before, after = self.prompt_tokens_details or Details(), self.completion_tokens_details or Details()
        asked, answered = self.prompt_tokens or 0, self.completion_tokens or 0
        apart = max(0, (self.total_tokens or 0) - asked - answered)
        cached = min(asked, before.cached_tokens or self.prompt_cache_hit_tokens or 0)
        return Tokens(
            cached=cached,
            evaluated=asked - cached,
            generated=answered + apart,
            reasoning=apart or after.reasoning_tokens,
        )


class Completion(BaseModel):
    """A chat completion, and what the server says of itself."""

    choices: list[Choice] = Field(min_length=1)
    model: str | None = None
    system_fingerprint: str | None = None
    usage: Usage | None = None


class Model(BaseModel):
    """A model of the server's."""

    id: str


class Models(BaseModel):
    """The server's list."""

    data: list[Model]


def read_completion(body: bytes) -> Completion:
    """The completion in an answer's body, be it whole or in the pieces of a stream; ValueError with one line
    that says why there is none. Of the body only an error's own words are in that line."""
    text = body.decode("utf-8-sig", "replace").strip()
    if re.match(r"(data|event|id|retry)?:", text):
        text = json.dumps(_joined(text))
    elif re.match(r"<(!doctype|html|head|body|\?xml)", text, re.IGNORECASE):
        raise ValueError(
            "the answer is no chat completion but a web page: see base_url, which often ends in /v1"
        )
    try:
        completion = Completion.model_validate_json(text)
    except ValidationError as e:
        fault = e.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        why = f"{where + ': ' if where else ''}{fault['msg']}"
        if where == "choices" and fault["type"] == "too_short":
            why = "it has no choices"
        raise ValueError(f"the answer is no chat completion: {why}") from None
    if error := completion.choices[0].error:
        raise ValueError(f"an error in place of an answer: {error_in({'error': error})[0] or 'unnamed'}")
    return completion


def _joined(stream: str) -> dict[str, Any]:
    """The completion whose pieces a server streamed although nobody asked for that."""
    whole: dict[str, Any] = {}
    message: dict[str, str] = {}
    finish = None
    for piece in _events(stream):
        whole |= {key: piece[key] for key in ("model", "system_fingerprint", "usage") if piece.get(key)}
        choices = piece.get("choices")
        for choice in choices[:1] if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            finish = choice.get("finish_reason") or finish
            said: Any = choice.get("delta") or choice.get("message")
            for key in ("content", "reasoning_content", "reasoning"):
                if isinstance(said, dict) and isinstance(said.get(key), str):
                    message[key] = message.get(key, "") + said[key]
    return whole | {"choices": [{"message": message, "finish_reason": finish}] if message or finish else []}


def _events(stream: str) -> Iterator[dict[str, Any]]:
    for line in stream.splitlines():
        if line.startswith("data:"):
            try:
                piece = json.loads(line[5:])
            except (ValueError, RecursionError):
                continue  # [DONE], and what is no piece
            if isinstance(piece, dict):
                yield piece


def read_error(body: bytes) -> tuple[str, int | None]:
    """What an error's body says, in the places where servers put it, and the status it gives itself; "" and
    None if it is none."""
    text = body.decode("utf-8-sig", "replace").strip()
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return next((found for piece in _events(text) if (found := error_in(piece))[0]), ("", None))
    return error_in(value)


def error_in(value: Any) -> tuple[str, int | None]:
    """The same of what was read already. A completion has no error, whatever it says."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict) or value.get("choices"):
        return "", None
    code: int | None = None
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and value.get(key):
            value = value[key]
            own = value.get("code") if isinstance(value, dict) else None
            code = own if isinstance(own, int) and 300 <= own < 600 else code
    if isinstance(value, list):
        return "; ".join(filter(None, map(_fault, value[:3]))), code
    if isinstance(value, dict):
        told = value.get("msg") or value.get("type") or ""
        return (told if isinstance(told, str) else ""), code
    return value if isinstance(value, str) else "", code


def refused_key(body: bytes) -> str:
    """The parameter that an error names apart from its text; "" if none."""
    try:
        value = json.loads(body)["error"]["param"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return ""
    return value if isinstance(value, str) else ""


def _fault(one: Any) -> str:
    """A fault as FastAPI's servers list them."""
    if not isinstance(one, dict):
        return one if isinstance(one, str) else ""
    where = ".".join(map(str, one["loc"])) if isinstance(one.get("loc"), list) else ""
    return f"{where}: {one.get('msg') or 'no'}" if where else str(one.get("msg") or "")


def read_models(body: bytes) -> list[str]:
    """The names in a list of models; none where it is no such list."""
    try:
        return [model.id for model in Models.model_validate_json(body).data]
    except ValidationError:
        return []
