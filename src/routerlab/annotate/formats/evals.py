"""Cases of evaluation tools: promptfoo's tests, Inspect's datasets and logs."""

import re

from routerlab.annotate.formats.chats import of_turns
from routerlab.annotate.formats.fields import Row, Shape, facts, labelled, prompt_of, told
from routerlab.core.corpus import Case
from routerlab.core.names import Turn

# --- promptfoo: {"vars": {...}, "assert": [{"type": "equals", "value": "A"}]}; CSV with __expected ---------

_EXPECTED = re.compile(r"(?:(equals|contains|icontains|contains-any): ?)?(.*)", re.DOTALL)
_RAW = re.compile(r"\{% raw %\}(.*)\{% endraw %\}", re.DOTALL)
_OTHER = re.compile(r"(not-)?[a-z][a-z-]*(\([\d.]+\))?:")


def _is_promptfoo(row: Row) -> bool:
    return isinstance(row.get("vars"), dict) or "__expected" in row or "__expected1" in row


def _from_promptfoo(row: Row, _turn: Turn) -> list[Row] | str:
    if isinstance(texts := row.get("vars"), dict):
        known, within = told(row.get("metadata")), "vars."
        checks = [(a.get("type"), a.get("value")) for a in row.get("assert") or ()]
    else:
        texts, within = {k: v for k, v in row.items() if not k.startswith("__")}, ""
        known = told({k.removeprefix("__metadata:"): v for k, v in row.items() if "__metadata:" in k})
        checks = [_check(str(v)) for k, v in row.items() if k.startswith("__expected") and v]
    prompt = prompt_of(texts, within)
    if isinstance(prompt, str) and (raw := _RAW.fullmatch(prompt)):
        prompt = raw[1]
    named = [v for kind, v in checks if kind in ("equals", "contains", "icontains") and isinstance(v, str)]
    some = next((v for kind, v in checks if kind == "contains-any" and isinstance(v, list)), [])
    return [{**known, "prompt": prompt, **labelled(named[:1] or some)}]


def _check(expected: str) -> tuple[str, str | list[str]]:
    """(kind, value) of a cell such as "equals: A" or "A"; the kind is "" for what compares no texts."""
    found = _EXPECTED.fullmatch(expected)
    kind, value = (found[1] or "equals", found[2]) if found else ("", expected)
    if kind == "contains-any":
        return kind, [part.strip() for part in value.split(",")]
    return ("" if kind == "equals" and _OTHER.match(value) else kind), value


def to_promptfoo(case: Case) -> Row:
    """A test whose answer equals the label. What promptfoo would render or open is marked as raw text."""
    prompt = case.prompt
    if "{%" in prompt or "{{" in prompt or "{#" in prompt or prompt.startswith("file://"):
        prompt = "{% raw %}" + prompt + "{% endraw %}"
    asserted = [{"type": "equals", "value": case.label}] if case.label is not None else []
    return {"vars": {"prompt": prompt}, "assert": asserted, "metadata": facts(case, "label")}


# --- Inspect: {"input": ..., "target": ...}, in a dataset and among the samples of a log -------------------


def _is_inspect(row: Row) -> bool:
    return "input" in row and "target" in row and "prompt" not in row


def _from_inspect(row: Row, turn: Turn) -> list[Row] | str:
    target = row["target"]
    known = told(row.get("metadata")) | told({"id": row.get("id")})
    known |= labelled([t for t in (target if isinstance(target, list) else [target]) if t])
    return of_turns([row["input"]] if isinstance(row["input"], str) else row["input"], turn, known)


def to_inspect(case: Case) -> Row:
    """A sample; a target that is a list has several right answers."""
    target = [case.label, *case.also] if case.also else case.label or ""
    return {
        "input": case.prompt,
        "target": target,
        "id": case.id,
        "metadata": facts(case, "id", "label", "also"),
    }


SHAPES = (
    Shape(
        "promptfoo",
        _is_promptfoo,
        _from_promptfoo,
        "prompt = vars, label = what the answer equals",
        strict=False,
    ),
    Shape("Inspect", _is_inspect, _from_inspect, "prompt = input, label = target", strict=False),
)
