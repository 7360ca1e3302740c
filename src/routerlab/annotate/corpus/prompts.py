"""Prompts from a file that somebody has: text (a line a prompt) or JSONL (an object a line)."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from routerlab.core.corpus import Case, fold
from routerlab.core.errors import Faults, LabError
from routerlab.core.files.toml import invalid, read_bytes
from routerlab.core.similar import near_pairs
from routerlab.core.taxonomy import Taxonomy

FIELDS = (
    "prompt", "id", "label", "also", "notes", "group", "language", "difficulty", "source", "source_id",
)  # fmt: skip
"""What a JSONL line may say of a case; each is read from the key of the same name unless it is mapped."""

SHOWN = 10
"""Places listed in a note."""

_JSONL = (".jsonl", ".ndjson", ".json")
_TABLES = (".csv", ".tsv", ".xlsx", ".parquet")


@dataclass(frozen=True)
class Imported:
    """Cases as they stand in the file, and where each was ("line 12").

    Line numbers count from 1: of `empty` lines; of `duplicates` (the line left out, the line whose prompt
    folds alike); of `near` duplicates, which are kept (line, line, Jaccard of their words). `unread` are the
    keys that were not read, with the number of lines that have them.
    """

    cases: tuple[Case, ...]
    sources: tuple[str, ...]
    empty: tuple[int, ...] = ()
    duplicates: tuple[tuple[int, int], ...] = ()
    near: tuple[tuple[int, int, float], ...] = ()
    unread: tuple[tuple[str, int], ...] = ()

    @property
    def findings(self) -> tuple[tuple[str, int, list[str]], ...]:
        """What was left out or looks odd: (what, how many, where)."""
        same = [f"line {left} as line {kept}" for left, kept in self.duplicates]
        near = [f"line {a} and line {b} ({similarity:.2f})" for a, b, similarity in self.near]
        keys = [f"{key!r} of {lines} lines" for key, lines in self.unread]
        kinds = (
            ("empty lines left out", len(self.empty), _ranges(self.empty)),
            ("duplicates left out (after folding)", len(same), same),
            ("near duplicates, kept", len(near), near),
            ("keys not read", len(keys), keys),
        )
        return tuple(kind for kind in kinds if kind[1])

    @property
    def notes(self) -> tuple[str, ...]:
        """The findings, a line each, with the first few places."""
        return tuple(f"{what}: {n} ({_listed(places)})" for what, n, places in self.findings)


def prompt_id(prompt: str) -> str:
    """An id made from the prompt, so that it is the same whichever file the prompt is in."""
    return f"p-{hashlib.sha256(prompt.encode(errors='surrogatepass')).hexdigest()[:12]}"


def column_map(texts: Sequence[str]) -> dict[str, str]:
    """Field -> key from texts such as "prompt=text"; LabError for anything else."""
    pairs = [text.partition("=") for text in texts]
    for (field, _, key), text in zip(pairs, texts, strict=True):
        if not key or field not in FIELDS:
            raise LabError(f"--map {text}: write FIELD=KEY; the fields are {', '.join(FIELDS)}")
    return {field: key for field, _, key in pairs}


def read_prompts(
    path: Path,
    taxonomy: Taxonomy,
    *,
    columns: Mapping[str, str] | None = None,
    near: float | None = None,
) -> Imported:
    """The prompts in `path`, their white space kept. A text file has one a line; JSONL (.jsonl, .ndjson) an
    object a line, and `columns` says field -> key where they differ (see FIELDS).

    Of lines whose prompts fold alike the first that has a label is kept, or the first. `near` is the Jaccard
    of words from which near duplicates are reported; None compares none. LabError with file and line for
    what cannot be read, for labels that the taxonomy has not, and for one prompt with two labels.
    """
    kind = path.suffix.lower()
    if kind in _TABLES:
        raise LabError(f'{path}: {kind} is not read; make it JSONL, lines such as {{"prompt": "..."}}')
    lines = _lines(path)
    faults = Faults(path)
    unread: Counter[str] = Counter()
    read: list[Placed] = []
    if kind in _JSONL:
        rows = list(_objects(path, lines, faults))
        if rows:
            keys = _keys(path, columns or {}, rows)
            for line, row in rows:
                with faults.told():
                    read.append((line, _case(path, line, row, keys)))
            unread.update(key for _, row in rows for key in row if key not in keys.values())
    elif columns:
        raise LabError(f"{path}: --map is for JSONL, and this is read as text, a line a prompt")
    else:
        for i, text in enumerate(lines, 1):
            if text.strip():
                with faults.told():
                    read.append((i, _made(path, i, {"prompt": text})))
    faults.end()
    if not read:
        raise LabError(f"{path}: holds no prompt")
    kept, duplicates = _distinct(read, faults)
    known = ", ".join(taxonomy.labels)
    for line, case in kept:
        for label in (case.label, *case.also):
            if label is not None and label not in taxonomy.families:
                faults.add(line, f"unknown label {label!r}; taxonomy {taxonomy.name!r} has {known}")
    faults.end()
    places = [line for line, _ in kept]
    pairs = () if near is None else near_pairs([case.prompt for _, case in kept], near)
    return Imported(
        cases=tuple(case for _, case in kept),
        sources=tuple(f"line {line}" for line in places),
        empty=tuple(i for i, text in enumerate(lines, 1) if not text.strip()),
        duplicates=tuple(duplicates),
        near=tuple((places[i], places[j], similarity) for i, j, similarity in pairs),
        unread=tuple(unread.items()),
    )


def read_objects(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file, whatever their keys; LabError with file and line for what is none."""
    faults = Faults(path)
    rows = [row for _, row in _objects(path, _lines(path), faults)]
    faults.end()
    return rows


def _lines(path: Path) -> list[str]:
    """The lines without their ends. Only a line feed ends one: prompts may hold the other separators."""
    data = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        line = _line_at(data, data.index(b"\0"))
        raise LabError(f"{path}:{line}: a NUL byte, so this is not UTF-8 text; save it as UTF-8")
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as e:
        raise LabError(f"{path}:{_line_at(data, e.start)}: not UTF-8 text; save it as UTF-8") from None
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _line_at(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def _objects(path: Path, lines: Sequence[str], faults: Faults) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of every line that is not empty."""
    for i, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as e:
            row = e
        if isinstance(row, dict):
            yield i, row
        elif next(line.lstrip() for line in lines if line.strip()).startswith("["):
            jq = f"jq -c '.[]' {path.name} > {path.stem}.jsonl"
            raise LabError(f"{path}: a JSON array; make it JSONL, an object a line, such as with {jq}")
        else:
            what = f"not valid JSON ({row})" if isinstance(row, Exception) else "not a JSON object"
            faults.add(i, f'{what}; every line is an object such as {{"prompt": "..."}}')


def _keys(
    path: Path, columns: Mapping[str, str], rows: Sequence[tuple[int, dict[str, Any]]]
) -> dict[str, str]:
    """Field -> key; LabError for a key that is needed and nowhere."""
    there = dict.fromkeys(key for _, row in rows for key in row)
    keys = {field: columns.get(field, field) for field in FIELDS}
    for field in ("prompt", *columns):
        if rows and keys[field] not in there:
            raise LabError(
                f"{path}: no line has the key {keys[field]!r}, the keys are {', '.join(there) or 'none'}; "
                f"say which is the {field} with --map {field}=KEY"
            )
    return keys


def _case(path: Path, line: int, row: Mapping[str, Any], keys: Mapping[str, str]) -> Case:
    """The object as a case; null and an empty text are as if the key were not there."""
    data = {field: row[key] for field, key in keys.items() if row.get(key) not in (None, "")}
    data |= {key: str(data[key]) for key in ("id", "source_id") if type(data.get(key)) is int}
    if isinstance(data.get("also"), str):
        data["also"] = [data["also"]]
    prompt = data.get("prompt", "")
    if isinstance(prompt, str) and not prompt.strip():
        raise LabError(f"{path}:{line}: no prompt under {keys['prompt']!r}; write one, or take the line out")
    return _made(path, line, data)


def _made(path: Path, line: int, data: dict[str, Any]) -> Case:
    prompt = str(data["prompt"])
    if "\0" in prompt:
        raise LabError(f"{path}:{line}: a NUL character in the prompt; take it out")
    data.setdefault("id", prompt_id(prompt))
    try:
        return Case.model_validate(data)
    except ValidationError as e:
        raise invalid(f"{path}:{line}", e) from None


Placed = tuple[int, Case]


def _distinct(read: Sequence[Placed], faults: Faults) -> tuple[list[Placed], list[tuple[int, int]]]:
    """The lines to keep, and (line left out, line kept) of the others; a fault where two contradict."""
    alike: dict[str, list[Placed]] = {}
    for line, case in read:
        alike.setdefault(fold(case.prompt), []).append((line, case))
    kept: list[Placed] = []
    duplicates: list[tuple[int, int]] = []
    for same in alike.values():
        labelled = [(line, case) for line, case in same if case.label is not None]
        for line, case in labelled:
            if case.label != labelled[0][1].label:
                faults.add(
                    line,
                    f"the prompt of line {labelled[0][0]} with another label ({case.label!r}, there "
                    f"{labelled[0][1].label!r}); decide which is right, and take the other out",
                )
        first = (labelled or same)[0]
        kept.append(first)
        duplicates += [(line, first[0]) for line, _ in same if line != first[0]]
    kept.sort(key=lambda placed: placed[0])
    ids: dict[str, int] = {}
    for line, case in kept:
        if ids.setdefault(case.id, line) != line:
            faults.add(line, f"the id {case.id!r} is that of line {ids[case.id]}; ids are unique")
    return kept, sorted(duplicates)


def _listed(places: Sequence[str]) -> str:
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return ", ".join(places[:SHOWN]) + more


def _ranges(numbers: Sequence[int]) -> list[str]:
    """Rising line numbers in words: line 3-5, line 9."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and runs[-1][-1] == n - 1:
            runs[-1][1:] = [n]
        else:
            runs.append([n])
    return ["line " + "-".join(map(str, run)) for run in runs]
