"""What a row may say of a case, and what each tool's module does with it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from routerlab.core.corpus import Case
from routerlab.core.names import Turn

FIELDS = (
    "prompt", "id", "label", "also", "fit", "notes", "group", "language", "difficulty", "author", "created",
    "source", "source_id",
)  # fmt: skip
"""What a row may say of a case; each is read from the key of the same name unless it is mapped."""

Row = dict[str, Any]

_ID = re.compile(r"[^\s\[\]]{1,64}")
_CHECKS: dict[str, Callable[[Any], bool]] = {
    "id": lambda v: _ID.fullmatch(v) is not None,
    "fit": lambda v: v == "none",
    "difficulty": lambda v: v in ("easy", "medium", "hard"),
    "created": lambda v: re.fullmatch(r"\d{4}-\d\d-\d\d", v) is not None,
}


@dataclass(frozen=True)
class Shape:
    """How a tool writes its rows: whether one `fits`, and the `cases` that it makes, as rows with FIELDS, or
    in words why it is left out. `mapped` says what is taken from where.

    What is no label of the taxonomy is a fault; unless `strict` it is no label, as an answer of a model is.
    """

    name: str
    fits: Callable[[Row], bool]
    cases: Callable[[Row, Turn], list[Row] | str]
    mapped: str
    strict: bool = True


def dig(row: Any, path: str) -> Any:
    """What stands under a key, or under a dotted path such as "data.text" or "turns.0"; None for nothing."""
    if isinstance(row, dict) and path in row:
        return row[path]
    first, dot, rest = path.partition(".")
    if isinstance(row, list) and first.isdecimal() and len(first) < 10:
        inner = row[int(first)] if int(first) < len(row) else None
    else:
        inner = row.get(first) if isinstance(row, dict) else None
    return dig(inner, rest) if dot else inner


def labelled(labels: Iterable[Any]) -> Row:
    """Several labels: the first is the label, the others fit too. ValueError for what is no text."""
    names = list(dict.fromkeys(labels))
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("labels that are no texts")
    return {"label": names[0], **({"also": names[1:]} if names[1:] else {})} if names else {}


def agreed(choices: Iterable[Sequence[str]]) -> Row | str:
    """The labels that all who chose chose; in words that they differ."""
    distinct = list(dict.fromkeys(map(tuple, choices)))
    return "annotators differ" if len(distinct) > 1 else labelled(distinct[0] if distinct else ())


def told(of: Any) -> Row:
    """What a tool's own meta data say of a case, where they say it as a case does."""
    if not isinstance(of, Mapping):
        return {}
    found: Row = {}
    for field in FIELDS[1:]:
        value = of.get(field)
        if field in ("id", "source_id") and type(value) is int:
            value = str(value)
        if field == "also" and isinstance(value, list) and all(isinstance(each, str) for each in value):
            found |= {field: value} if value else {}
        elif isinstance(value, str) and value and field != "also" and _CHECKS.get(field, bool)(value):
            found[field] = value
    return found


def facts(case: Case, *without: str) -> Row:
    """What is known of a case beside its prompt, as JSON has it, but for the fields in `without`."""
    row = case.model_dump(mode="json", include=set(FIELDS[1:]), exclude_none=True, exclude_defaults=True)
    return {field: row[field] for field in FIELDS[1:] if field in row and field not in without}


def prompt_of(texts: Any, within: str) -> str | ValueError:
    """The prompt among a tool's own texts: "prompt" or "text", else the only one that is a text. Where that
    is not to be told, the error says so with the option to give; it counts unless the option is given."""
    named = {k: v for k, v in texts.items() if isinstance(v, str) and v.strip()}
    for key in ("prompt", "text"):
        if key in named:
            return str(named[key])
    named = {k: v for k, v in named.items() if k not in FIELDS}
    if len(named) == 1:
        return str(next(iter(named.values())))
    there = ", ".join(map(str, texts)) or "none"
    return ValueError(f"which is the prompt? There are {there}; say it with --map prompt={within}KEY")
