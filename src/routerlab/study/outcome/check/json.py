"""The JSON of an answer: does it keep to a schema, and are values what they should be."""

from typing import Any

from routerlab.core.errors import LabError
from routerlab.study.outcome.check.extract import json_of
from routerlab.study.outcome.task import JsonCheck

_NOTHING = object()


def check_json(check: JsonCheck, answer: str) -> tuple[float, str]:
    """The share of the schema (if there is one) and the values, and what was wrong. LabError for a schema
    that is none."""
    try:
        value = json_of(answer)
    except ValueError as e:
        return 0.0, str(e)
    wrong = []
    if check.schema_ and (fault := _fault(check.schema_, value)):
        wrong.append(fault)
    for path, wanted in check.values.items():
        found = _at(value, path)
        if found is _NOTHING:
            wrong.append(f"has no {path}")
        elif not _same(found, wanted):
            wrong.append(f"{path} is {str(found)[:80]} instead of {wanted}")
    parts = bool(check.schema_) + len(check.values)
    return 1 - len(wrong) / max(1, parts), "; ".join(wrong)


def _fault(schema: dict[str, Any], value: Any) -> str | None:
    """The worst fault under the schema; None for none. No other document is fetched."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError, best_match
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        Draft202012Validator.check_schema(schema)
        worst = best_match(Draft202012Validator(schema, registry=Registry()).iter_errors(value))
    except (SchemaError, Unresolvable) as e:
        raise LabError(f"the schema is no JSON Schema: {str(e).splitlines()[0]}") from None
    except RecursionError:
        return "is nested too deep"
    return f"{worst.json_path}: {worst.message[:120]}" if worst else None


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(value, list) and key.lstrip("-").isdecimal() and -len(value) <= int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return _NOTHING
    return value


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, but 1.0 is; white space around a string does not count."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    if isinstance(one, str) and isinstance(other, str):
        return one.strip() == other.strip()
    if isinstance(one, list) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
