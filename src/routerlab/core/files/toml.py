"""Reading and hashing TOML: every file goes through here, so every error names file, key and line."""

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from routerlab.core.errors import LabError

M = TypeVar("M", bound=BaseModel)


def read_text(path: Path) -> str:
    """The file as UTF-8 text; LabError when it is missing, unreadable or not text."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise LabError(f"{path}: no such file") from None
    except UnicodeDecodeError as e:
        raise LabError(f"{path}: not UTF-8 text (byte {e.start}); save it as UTF-8") from None
    except OSError as e:
        raise LabError(f"{path}: cannot be read: {e.strerror}") from None


def load_toml(path: Path, model: type[M]) -> M:
    """The file, parsed and validated as `model`; LabError naming file, key and line otherwise."""
    text = read_text(path)
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as e:  # the parser's own error is a ValueError
        line = re.search(r"at line (\d+)", str(e))
        where = f"{path}:{line[1]}" if line else str(path)
        raise LabError(f"{where}: not valid TOML: {e}") from None
    return validate(path, model, data, text)


def validate(path: Path, model: type[M], data: dict[str, Any], text: str) -> M:
    """`data` as `model`; LabError with the first fault, its key and its line in `text` where known."""
    try:
        return model.model_validate(data)
    except ValidationError as e:
        fault = e.errors()[0]
        more = f" (and {e.error_count() - 1} more)" if e.error_count() > 1 else ""
        key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in fault["loc"]).lstrip(".")
        line = line_of(text, fault["loc"])
        where = f"{path}:{line}" if line else str(path)
        message = fault["msg"].removeprefix("Value error, ")
        raise LabError(f"{where}: {key + ': ' if key else ''}{message}{more}") from None


def line_of(text: str, loc: tuple[int | str, ...]) -> int | None:
    """The 1-based line of a key path such as ("case", 3, "label") in TOML text, or None.

    Finds the nth `[[table]]` header and then the key below it; falls back to the header's line.
    """
    lines = _outside_strings(text).split("\n")
    start, end = 0, len(lines)
    found: int | None = None
    parts = list(loc)
    if len(parts) >= 2 and isinstance(parts[0], str) and isinstance(parts[1], int):
        header = re.compile(rf"\s*\[\[\s*{re.escape(parts[0])}\s*\]\]")
        heads = [i for i, s in enumerate(lines) if header.match(s)]
        if parts[1] >= len(heads):
            return None
        start = heads[parts[1]]
        found = start + 1
        end = next((i for i in range(start + 1, len(lines)) if re.match(r"\s*\[\[", lines[i])), len(lines))
        parts = parts[2:]
    if parts and isinstance(parts[0], str):
        key = re.compile(rf"\s*\"?{re.escape(parts[0])}\"?\s*=")
        found = next((i + 1 for i in range(start, end) if key.match(lines[i])), found)
    return found


def _outside_strings(text: str) -> str:
    """The text with multi-line strings blanked, lines kept: what looks like a key in a prompt is none."""
    return re.sub(
        r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'', lambda m: "\n" * m[0].count("\n"), text, flags=re.DOTALL
    )


def canonical_json(value: BaseModel | dict[str, Any]) -> str:
    """The value as JSON in its one form: sorted keys, no spaces, no None; comments never count."""
    data = value.model_dump(mode="json", exclude_none=True) if isinstance(value, BaseModel) else value
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_sha256(value: BaseModel | dict[str, Any]) -> str:
    """SHA-256 (hex) of the value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
