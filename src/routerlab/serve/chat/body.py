"""A chat request as it came: what is asked in it, and the same bytes with another model's name."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from routerlab.core.names import Turn
from routerlab.serve.limits import RefusedError

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Chat:
    """A body that is a JSON object with a model and messages; `span` is where the model's name stands."""

    text: str
    span: tuple[int, int]
    model: str
    messages: tuple[tuple[str, str], ...]
    """(role, text) of each; what is no text has none."""

    def with_model(self, name: str) -> bytes:
        """The same bytes, with this model's name: numbers, escapes, tools and images stay as they were."""
        start, end = self.span
        return (self.text[:start] + json.dumps(name) + self.text[end:]).encode()

    def prompt(self, turn: Turn | None, most: int) -> str | None:
        """What a router is to read: the user's last turn, or with None the whole conversation. Of more than
        `most` characters head and tail, which is what routers read of a long prompt; None without a text."""
        if turn is None:
            said = "\n\n".join(f"{role}: {text}" for role, text in self.messages if text and role != "system")
        else:
            users = [text for role, text in self.messages if role == "user"]
            said = "" if not users else users[-1] if turn == "last" else users[0]
        if not said.strip():
            return None
        return said if len(said) <= most else said[: most - most // 2] + said[len(said) - most // 2 :]

    @property
    def opening(self) -> str:
        """What tells a conversation from others: the hash of what its turns begin with, up to the user's
        first, which comes again with every request."""
        users = [i for i, (role, _) in enumerate(self.messages) if role == "user"]
        begin = self.messages[: users[0] + 1] if users else self.messages
        return hashlib.sha256(json.dumps(begin).encode()).hexdigest()


def read_chat(raw: bytes) -> Chat:
    """The body; RefusedError (400) when it is none, without a word of what is in it."""
    try:
        text = raw.decode()
        members = list(_members(text))
    except (ValueError, RecursionError):
        raise RefusedError(400, "not_json", "the body is no JSON object in UTF-8") from None
    data = {key: value for key, value, _ in members}
    if len(data) < len(members):  # of two, others may read the other one
        raise RefusedError(400, "not_json", "a key stands twice in the body")
    model, messages = data.get("model"), data.get("messages")
    if not isinstance(model, str):
        raise RefusedError(400, "no_model", 'model: a text is needed, such as "auto"')
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise RefusedError(400, "no_messages", "messages: a list of objects with role and content is needed")
    span = next(span for key, _, span in members if key == "model")
    return Chat(text, span, model, tuple((str(m.get("role")), _text(m.get("content"))) for m in messages))


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [p.get("text") for p in parts if isinstance(p, dict) and p.get("type") in ("text", "input_text")]
    return "\n".join(text for text in texts if isinstance(text, str))


def _members(text: str) -> Iterator[tuple[str, Any, tuple[int, int]]]:
    """(key, value, where the value stands) of the object that is the whole text; ValueError otherwise."""

    def at(pos: int) -> int:
        found = _SPACE.match(text, pos)
        assert found is not None
        return found.end()

    def expect(mark: str, pos: int) -> int:
        if text[pos : pos + 1] != mark:
            raise ValueError(mark)
        return at(pos + 1)

    pos = expect("{", at(0))
    while text[pos : pos + 1] != "}":
        expect('"', pos)
        key, pos = _DECODER.raw_decode(text, pos)
        start = expect(":", at(pos))
        value, end = _DECODER.raw_decode(text, start)
        yield key, value, (start, end)
        pos = at(end)
        if text[pos : pos + 1] != "}":
            pos = expect(",", pos)
            if text[pos : pos + 1] == "}":
                raise ValueError("a comma too many")
    if at(pos + 1) != len(text):
        raise ValueError("more behind it")
