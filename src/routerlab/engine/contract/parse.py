"""Reading a generated answer: without what was thought aloud, strictly as the study did, or leniently.

`strict` is the contract's own reading (`parse_answer`) and the default. `lenient` is for people who must live
with a model that cannot be made to write plain JSON: it takes what strict reads as it is, and reads more.
"""

import ast
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from routerlab.core.names import Parse
from routerlab.engine.contract.contract import Parsed, parse_answer
from routerlab.engine.contract.thought import spoken

LONGEST = 16384
"""Characters of an answer that are read leniently: what is tried there takes longer than its length."""
BRACES = 64
"""Places at which an object may begin that are tried."""
_WORDS = {"true": "True", "false": "False", "null": "None"}


@dataclass(frozen=True)
class Read:
    """`parsed` is what counts; `strict` says, of a lenient reading only, whether the strict one has a label
    too. `thought` is what was thought aloud, `cut` that it has no end."""

    parsed: Parsed
    strict: bool | None = None
    thought: str = ""
    cut: bool = False


def read_answer(
    text: str, labels: Sequence[str], parse: Parse = "strict", begun: bool = False, more: Sequence[str] = ()
) -> Read:
    """The label in an answer's text. `begun`: see `spoken`; `more` are texts beside the answer that only a
    lenient reading looks into (arguments of tool calls, parts)."""
    said = spoken(text, begun)
    parsed = parse_answer(said.answer, labels)
    if said.cut:
        parsed = replace(parsed, error="it was still reasoning when the answer ended")
    if parse == "strict":
        return Read(parsed, None, said.thought, said.cut)
    strict = parsed.label is not None
    texts = [said.answer, *(spoken(one).answer for one in more)]
    found = read_leniently("\n".join(filter(None, texts)), labels)
    if strict:
        found = replace(
            parsed, confidence=found.confidence if parsed.confidence is None else parsed.confidence
        )
    elif found.label is None:
        found = replace(parsed, confidence=found.confidence)
    return Read(found, strict, said.thought, said.cut)


def read_leniently(text: str, labels: Sequence[str]) -> Parsed:
    """The label of the last object in the text that names one, whatever its quotes, commas, case and spaces;
    else one that follows the word label. A confidence may be a text, or of a hundred."""
    known = {_plain(label): label for label in labels}
    text = text[:LONGEST]
    claimed = None
    for value in reversed(list(_objects(text))):
        keys = {str(key).strip().casefold(): one for key, one in value.items()}
        confidence = _confidence(keys.get("confidence"))
        label = keys.get("label")
        if isinstance(label, list) and len(label) == 1:
            label = label[0]
        if isinstance(label, str) and (name := known.get(_plain(label))):
            return Parsed(name, confidence, None)
        claimed = confidence if claimed is None else claimed
    named = re.findall(r"\blabel\b[\"'`*\s]*(?:[:=]|is\b)[\"'`*\s]*([^\"'`*,;{}\n]+)", text, re.IGNORECASE)
    for label in reversed(named):
        if name := known.get(_plain(label)):
            return Parsed(name, claimed, None)
    return Parsed(None, claimed, "no label")


def _plain(label: str) -> str:
    """A label without what people do not mean by it: case, spaces, a full stop behind it."""
    return re.sub(r"\s+", "", label).strip(".\"'`").casefold()


def _objects(text: str) -> Iterator[dict[Any, Any]]:
    """The objects in the text, in its order, without those within another one that has a label."""
    read = 0
    for start in [found.start() for found in re.finditer("{", text)][:BRACES]:
        if start < read:
            continue
        value, end = _object(text, start)
        if isinstance(value, dict):
            yield value
            if any(str(key).strip().casefold() == "label" for key in value):
                read = end


def _object(text: str, start: int) -> tuple[Any, int]:
    """What stands at the brace, as JSON or else as Python writes it, and where it ends; None if neither."""
    with suppress(ValueError, RecursionError):
        return json.JSONDecoder(strict=False).raw_decode(text, start)
    end = text.find("}", start) + 1
    piece = re.sub(r"\b(true|false|null)\b", lambda m: _WORDS[m[1]], text[start:end].replace("\n", " "))
    with (
        warnings.catch_warnings(action="ignore"),
        suppress(ValueError, SyntaxError, RecursionError, MemoryError, TypeError),
    ):
        return ast.literal_eval(piece), end
    return None, start


def _confidence(value: object) -> float | None:
    """A share from 0.9, "0.9", 90, "90 %"; None for words such as high, which say no number, and for what is
    between 1 and 2, which may be either."""
    if isinstance(value, str):
        number = re.fullmatch(r"\s*(\d+(?:[.,]\d+)?)\s*(%?)\s*", value)
        if number is None:
            return None
        share = float(number[1].replace(",", "."))
        return _share(share, number[2] == "%")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _share(float(value), False)
    return None


def _share(value: float, percent: bool) -> float | None:
    if not percent and 0 <= value <= 1:
        return value
    return value / 100 if (percent or value >= 2) and 0 <= value <= 100 else None
