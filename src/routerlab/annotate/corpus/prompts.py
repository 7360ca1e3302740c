"""Prompts from a file that somebody has, whatever its format (see the room formats), as cases."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from routerlab.annotate.formats.fields import FIELDS, Row, dig, labelled
from routerlab.annotate.formats.rows import Rows, read_rows
from routerlab.core.corpus import Case, fold
from routerlab.core.errors import Faults, LabError
from routerlab.core.files.toml import invalid
from routerlab.core.names import Turn
from routerlab.core.similar import near_pairs
from routerlab.core.taxonomy import Taxonomy
from routerlab.core.text import plural

SHOWN = 10
"""Places listed in a note."""

PREVIEW = 3
"""Cases shown of what was read."""


@dataclass(frozen=True)
class Imported:
    """Cases as they stand in the file, and where each was ("line 12").

    `read_as` says what the file was taken for, and which keys for which fields; `tool` whose export it is.
    Numbers count from 1 what `unit` says (line, row or item): of `empty` lines; of `duplicates` (the one left
    out, the one whose prompt folds alike); of `near` duplicates, which are kept (number, number, Jaccard of
    their words); of those `left` out for a reason. `unread` are the keys that were not read, and `no_labels`
    the answers that were no label, with how many rows have them.
    """

    cases: tuple[Case, ...]
    sources: tuple[str, ...]
    read_as: str
    tool: str | None = None
    unit: str = "line"
    empty: tuple[int, ...] = ()
    duplicates: tuple[tuple[int, int], ...] = ()
    near: tuple[tuple[int, int, float], ...] = ()
    left: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    unread: tuple[tuple[str, int], ...] = ()
    no_labels: tuple[tuple[str, int], ...] = ()

    @property
    def findings(self) -> tuple[tuple[str, int, list[str]], ...]:
        """What was left out or looks odd: (what, how many, where)."""
        unit = self.unit
        same = [f"{unit} {left} as {unit} {kept}" for left, kept in self.duplicates]
        near = [f"{unit} {a} and {unit} {b} ({similarity:.2f})" for a, b, similarity in self.near]
        keys = [f"{key!r} of {plural(n, unit)}" for key, n in self.unread]
        answers = [f"{answer!r} of {plural(n, unit)}" for answer, n in self.no_labels]
        kinds = (
            ("empty lines left out", len(self.empty), _ranges(self.empty, unit)),
            *((f"left out, {why}", len(at), _ranges(at, unit)) for why, at in self.left.items()),
            ("duplicates left out (after folding)", len(same), same),
            ("near duplicates, kept", len(near), near),
            ("answers that are no label, not read", len(answers), answers),
            ("keys not read", len(keys), keys),
        )
        return tuple(kind for kind in kinds if kind[1])

    @property
    def notes(self) -> tuple[str, ...]:
        """The findings, a line each, with the first few places."""
        return tuple(f"{what}: {n} ({_listed(places)})" for what, n, places in self.findings)

    @property
    def preview(self) -> tuple[str, ...]:
        """What the file was read as, and the first few cases."""
        shown = zip(self.sources, self.cases[:PREVIEW], strict=False)
        return (f"read as {self.read_as}", *(f"  {at}: {_short(case)}" for at, case in shown))


def prompt_id(prompt: str) -> str:
    """An id made from the prompt, so that it is the same whichever file the prompt is in."""
    return f"p-{hashlib.sha256(prompt.encode(errors='surrogatepass')).hexdigest()[:12]}"


def column_map(texts: Sequence[str]) -> dict[str, str]:
    """Field -> key from texts such as "prompt=text"; LabError for anything else."""
    pairs = [text.partition("=") for text in texts]
    for (name, _, key), text in zip(pairs, texts, strict=True):
        if not key or name not in FIELDS:
            raise LabError(f"--map {text}: write FIELD=KEY; the fields are {', '.join(FIELDS)}")
    return {name: key for name, _, key in pairs}


def read_prompts(
    path: Path,
    taxonomy: Taxonomy,
    *,
    columns: Mapping[str, str] | None = None,
    turn: Turn = "first",
    near: float | None = None,
) -> Imported:
    """The prompts in `path`, their white space kept: any file of the room formats. `columns` says field ->
    key, or dotted path, where they differ (see FIELDS); `turn` which of a conversation's are prompts.

    Of rows whose prompts fold alike the first that has a label is kept, or the first. `near` is the Jaccard
    of words from which near duplicates are reported; None compares none. LabError with file and line for
    what cannot be read, for labels that the taxonomy has not, and for one prompt with two labels.
    """
    faults = Faults(path)
    table = read_rows(path, faults)
    if columns and table.kind.startswith("text"):
        raise LabError(f"{path}: --map is for rows with keys, and this is read as text, a line a prompt")
    keys = _keys(path, columns or {}, table)
    left: defaultdict[str, list[int]] = defaultdict(list)
    no_labels: Counter[str] = Counter()
    read: list[Placed] = []
    for number, row in table.rows:
        with faults.told():
            made = _taken(path, number, row, table, keys, turn)
            if isinstance(made, str):
                left[made].append(number)
                continue
            for data in made:
                if table.shape and not table.shape.strict:
                    no_labels.update(_without(data, taxonomy))
                read.append((number, _case(path, number, data, keys["prompt"])))
    faults.end()
    if not read:
        why = "; ".join(f"{len(at)} left out, {why}" for why, at in left.items())
        raise LabError(f"{path}: {table.lack if not table.rows else f'holds no prompt ({why})'}")
    kept, duplicates = _distinct(read, faults)
    known = ", ".join(taxonomy.labels)
    for line, case in kept:
        for label in (case.label, *case.also):
            if label is not None and label not in taxonomy.families:
                faults.add(line, f"unknown label {label!r}; taxonomy {taxonomy.name!r} has {known}")
    faults.end()
    places = [line for line, _ in kept]
    pairs = () if near is None else near_pairs([case.prompt for _, case in kept], near)
    there = Counter(key for _, row in table.rows for key in row)
    roots = {key if key in there else key.split(".")[0] for key in keys.values()}
    return Imported(
        cases=tuple(case for _, case in kept),
        sources=tuple(f"{table.unit} {line}" for line in places),
        read_as=_described(table, keys, columns or {}),
        tool=table.shape.name if table.shape else None,
        unit=table.unit,
        empty=table.empty,
        duplicates=tuple(duplicates),
        near=tuple((places[i], places[j], similarity) for i, j, similarity in pairs),
        left={why: tuple(at) for why, at in left.items()},
        unread=() if table.shape else tuple((k, n) for k, n in there.items() if k not in roots),
        no_labels=tuple(no_labels.items()),
    )


def _described(table: Rows, keys: Mapping[str, str], columns: Mapping[str, str]) -> str:
    """What the file was read as, and which key as which field."""
    if table.kind.startswith("text"):
        return table.kind
    if table.shape:
        mapped = [table.shape.mapped, *(f"{field} = {key}" for field, key in columns.items())]
        return f"{table.kind} of {table.shape.name}: {', '.join(mapped)}"
    there = {key for _, row in table.rows for key in row}
    mapped = [f"{field} = {key}" for field, key in keys.items() if key in there or field in columns]
    return f"{table.kind}: {', '.join(mapped)}"


def _keys(path: Path, columns: Mapping[str, str], table: Rows) -> dict[str, str]:
    """Field -> key, which may be written in other case where none is the field's name; LabError for a key
    that is needed and nowhere."""
    there = dict.fromkeys(key for _, row in table.rows for key in row)
    alike = {str(key).strip().casefold(): key for key in reversed(there)}
    keys = {
        field: columns.get(field) or (field if field in there else alike.get(field, field))
        for field in FIELDS
    }
    for name in columns if table.shape else ("prompt", *columns):
        if table.rows and keys[name] not in there and all(dig(r, keys[name]) is None for _, r in table.rows):
            raise LabError(
                f"{path}: no {table.unit} has the key {keys[name]!r}, the keys are "
                f"{', '.join(map(str, there)) or 'none'}; say which is the {name} with --map {name}=KEY"
            )
    return keys


def _taken(
    path: Path, number: int, row: Row, table: Rows, keys: Mapping[str, str], turn: Turn
) -> list[Row] | str:
    """What the row says of cases, or why it is left out."""
    mapped = {field: value for field, key in keys.items() if (value := dig(row, key)) not in (None, "")}
    if table.shape is None:
        return [mapped]
    named = {field: value for field, value in mapped.items() if keys[field] != field}
    try:
        made = table.shape.cases(row, turn)
        if isinstance(made, list):
            made = [{**data, **named} for data in made]
            for data in made:
                if isinstance(data["prompt"], ValueError):
                    raise data["prompt"]
        return made
    except ValueError as e:
        why = str(e)
    except (AttributeError, IndexError, KeyError, TypeError, RecursionError):
        why = "not as it writes them"
    there = ", ".join(map(str, row))
    raise LabError(f"{path}:{number}: read as {table.shape.name}: {why} (keys: {there})")


def _without(data: Row, taxonomy: Taxonomy) -> Iterator[str]:
    """Takes out of the row what is no label, and yields it."""
    values = [data.pop("label", None), data.pop("also", None)]
    given = [each for value in values for each in (value if isinstance(value, list) else [value]) if each]
    known = [label for label in given if isinstance(label, str) and label in taxonomy.families]
    data |= labelled(known)
    yield from (_clipped(label) for label in given if label not in known)


def _case(path: Path, line: int, row: Row, key: str) -> Case:
    """The row as a case; null and an empty text are as if the key were not there."""
    data = {field: value for field, value in row.items() if value not in (None, "")}
    data |= {name: str(data[name]) for name in ("id", "source_id") if type(data.get(name)) is int}
    if isinstance(data.get("also"), str):
        data["also"] = [label for text in data["also"].split(";") if (label := text.strip())]
    if isinstance(label := data.get("label"), list) and all(isinstance(each, str) for each in label):
        labels = labelled(each for each in label if each)
        data = {name: value for name, value in data.items() if name != "label"} | labels
    prompt = data.get("prompt", "")
    text = prompt if isinstance(prompt, str) else "?"
    if not text.strip():
        raise LabError(f"{path}:{line}: no prompt under {key!r}; write one, or take the line out")
    if "\0" in text:
        raise LabError(f"{path}:{line}: a NUL character in the prompt; take it out")
    data.setdefault("id", prompt_id(text))
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
        duplicates += [(line, first[0]) for line, case in same if case is not first[1]]
    kept.sort(key=lambda placed: placed[0])
    ids: dict[str, int] = {}
    for line, case in kept:
        if ids.setdefault(case.id, line) != line:
            faults.add(line, f"the id {case.id!r} is that of line {ids[case.id]}; ids are unique")
    return kept, sorted(duplicates)


def _listed(places: Sequence[str]) -> str:
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return ", ".join(places[:SHOWN]) + more


def _ranges(numbers: Sequence[int], unit: str) -> list[str]:
    """Rising numbers in words: line 3-5, line 9."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and runs[-1][-1] == n - 1:
            runs[-1][1:] = [n]
        else:
            runs.append([n])
    return [f"{unit} " + "-".join(map(str, run)) for run in runs]


def _short(case: Case) -> str:
    """A case in a line: its labels, and how its prompt begins."""
    labels = ", ".join([case.label or "no label", *(f"also {label}" for label in case.also)])
    return f"{labels} | {_clipped(case.prompt)}"


def _clipped(text: object) -> str:
    line = " ".join(str(text)[:600].split())
    return line if len(line) <= 60 else line[:59] + "…"
