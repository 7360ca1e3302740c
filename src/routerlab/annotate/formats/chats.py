"""Conversations: OpenAI's chat and batch files, ShareGPT, LMSYS, WildChat, questions with turns."""

from collections.abc import Mapping
from typing import Any

from routerlab.annotate.formats.fields import Row, Shape, told
from routerlab.core.corpus import Case, prompt_sha256
from routerlab.core.names import Turn

_USERS = {"user", "human", "prompter"}
_MODELS = {"assistant", "gpt", "model", "chatgpt", "bot"}
_LISTS = ("messages", "conversations", "conversation", "conversation_a", "dialogue", "turns")
_IDS = ("custom_id", "conversation_id", "conversation_hash", "question_id", "id")
_LANGUAGES = {
    "English": "en", "German": "de", "French": "fr", "Spanish": "es", "Italian": "it", "Portuguese": "pt",
    "Dutch": "nl", "Russian": "ru", "Chinese": "zh", "Japanese": "ja", "Korean": "ko", "Arabic": "ar",
}  # fmt: skip


def words(content: Any) -> str:
    """The text of a message: it is one, or a list of parts of which some are."""
    if isinstance(content, str):
        return content
    parts = [part if isinstance(part, str) else part.get("text") for part in content or ()]
    return "\n".join(part for part in parts if isinstance(part, str))


def _said(turns: Any, roles: set[str]) -> list[str]:
    """What those said, in order. Turns without a role are the user's."""
    found = []
    for turn in turns:
        if isinstance(turn, str):
            role, content = "user", turn
        else:
            role = str(turn.get("role") or turn.get("from") or "user").lower()
            content = words(turn.get("content", turn.get("value")))
        if role in roles and content.strip():
            found.append(content)
    return found


def of_turns(turns: Any, turn: Turn, known: Row) -> list[Row] | str:
    """Cases of the user's turns; the label is the model's answer where there is one question."""
    asked, answered = _said(turns, _USERS), _said(turns, _MODELS)
    if not asked:
        return "no user turn"
    if turn == "all-user" and len(asked) > 1:
        own = prompt_sha256("\n".join(asked))[:12]
        group = known.get("group") or known.get("source_id") or f"chat-{own}"
        alone = {key: value for key, value in known.items() if key not in ("id", "label")}
        return [{**alone, "group": group, "prompt": prompt} for prompt in asked]
    answer = {"label": answered[0].strip()} if len(asked) == len(answered) == 1 else {}
    return [{**answer, **known, "prompt": asked[-1] if turn == "last" else asked[0]}]


def first_asked(row: Mapping[str, Any]) -> str | None:
    """What a conversation begins with on the user's side; None where a row is none, or nobody asks in it."""
    try:
        return next(iter(_said(_turns(row) or (), _USERS)), None)
    except (AttributeError, TypeError):  # turns as no tool writes them
        return None


def _turns(row: Mapping[str, Any]) -> list[Any] | None:
    return next((row[key] for key in _LISTS if isinstance(row.get(key), list)), None)


def _is_chat(row: Row) -> bool:
    return "prompt" not in row and (_turns(row) is not None or _is_batch(row))


def _is_batch(row: Row) -> bool:
    return "custom_id" in row and ("body" in row or "response" in row)


def _from_chat(row: Row, turn: Turn) -> list[Row] | str:
    known = told({"source": row.get("source")}) | told(row.get("metadata")) | told(row.get("meta"))
    name = next((str(row[key]) for key in _IDS if isinstance(row.get(key), str | int)), None)
    known = ({"source_id": name} if name else {}) | known
    if isinstance(language := row.get("language"), str) and language:
        known["language"] = _LANGUAGES.get(language, language)
    if _is_batch(row):
        if "body" not in row:
            raise ValueError("the results of a batch have no prompts; name the file that was sent")
        body = row["body"]
        asked = body.get("messages", body.get("input"))
        return of_turns([asked] if isinstance(asked, str) else asked, turn, known)
    return of_turns(_turns(row), turn, known)


def to_openai(case: Case) -> Row:
    """A line of chat JSONL: the prompt, and its label as the answer. Nothing else has a place there."""
    answer = [{"role": "assistant", "content": case.label}] if case.label is not None else []
    return {"messages": [{"role": "user", "content": case.prompt}, *answer]}


SHAPES = (
    Shape(
        "conversations",
        _is_chat,
        _from_chat,
        "prompt = a user's turn, label = the answer where it is one of the labels",
        strict=False,
    ),
)
