"""Anybody's log of requests, CSV or JSON lines, as rows."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf, isfinite
from pathlib import Path
from typing import Any, Literal, get_args

from routerlab.core.errors import Faults, LabError
from routerlab.core.files.toml import read_text
from routerlab.core.prediction import Status
from routerlab.study.figures.arm import Source
from routerlab.study.figures.columns import PROBABILITY, PROMPT, Columns, resolve
from routerlab.study.figures.rows import ANSWERED, PARTS, Log, Row

_GOOD, _BAD = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson")
_BIGGEST_FIELD = 2**31 - 1


def read_log(
    path: Path,
    columns: Columns,
    unit: Literal["ms", "s"] = "ms",
    repeats_in_order: bool = False,
) -> Log:
    """The rows of a log; LabError with file and line for whatever cannot be read.

    Rows of the same arm and case are an error unless a column tells repeats apart, or they are numbered as
    they come (`repeats_in_order`). An arm with several contracts becomes several arms, named ARM:CONTRACT.
    """
    faults = Faults(path)
    lines = list(_records(path, faults))
    if not lines:
        faults.end()
        raise LabError(f"{path}: no rows; there is nothing to analyse")
    there = dict.fromkeys(name for _, record in lines for name in record)
    try:
        found = resolve(path, columns, there)
    except LabError:
        faults.end()  # lines that cannot be read may be why a column is not there
        raise
    reader = _Reader(faults, found, there, 1000.0 if unit == "s" else 1.0)
    rows = [reader.row(line, record) for line, record in lines]
    _number_repeats(faults, rows, lines, found.get("repeat"), repeats_in_order)
    faults.end()
    source = Source(
        path=str(path),
        format="jsonl" if path.suffix.lower() in _LINES else "csv",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        columns=found,
    )
    notes: list[str] = []
    if "latency" not in found:
        notes.append("the log has no column of latencies; name it with --latency")
    return Log(tuple(_by_contract(rows)), {}, source, notes=tuple(notes))


def _records(path: Path, faults: Faults) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each record with the number of its last line."""
    suffix = path.suffix.lower()
    text = read_text(path).removeprefix("\ufeff")
    if suffix in _DELIMITERS:
        yield from _csv(path, text, _DELIMITERS[suffix], faults)
    elif suffix in _LINES:
        yield from _jsonl(text, faults)
    else:
        raise LabError(
            f"{path}: the name says not what it is; a log ends in .csv, .tsv or .jsonl, a session in .toml"
        )


def _csv(path: Path, text: str, delimiter: str, faults: Faults) -> Iterator[tuple[int, Mapping[str, Any]]]:
    csv.field_size_limit(_BIGGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        twice = {name for name in header if header.count(name) > 1}
        if twice:
            raise LabError(f"{path}:1: column {sorted(twice)[0]!r} is there twice; rename one of them")
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(header):
                faults.add(reader.line_num, f"{len(fields)} fields where the header has {len(header)}")
                continue
            yield reader.line_num, dict(zip(header, fields, strict=True))
    except csv.Error as e:
        faults.add(reader.line_num, f"not valid CSV: {e}")  # nothing below can be told apart


def _jsonl(text: str, faults: Faults) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as e:
            faults.add(number, f"not JSON: {e}")
            continue
        if isinstance(record, dict):
            yield number, record
        else:
            faults.add(number, "not a JSON object; a log has one object a line")


class _Reader:
    """Turns a record into a row; what it cannot be is a fault in its line, and the row no row to use."""

    def __init__(
        self,
        faults: Faults,
        columns: Mapping[str, str],
        there: Mapping[str, None],
        scale: float,
    ) -> None:
        self._faults = faults
        self._columns = columns
        self._scale = scale
        self._shares = {
            name.removeprefix(PROBABILITY): name for name in there if name.startswith(PROBABILITY)
        }
        self._parts = {part: f"{part}_ms" for part in PARTS if f"{part}_ms" in there}

    def row(self, line: int, record: Mapping[str, Any]) -> Row:
        """The row; its repeat is not numbered yet."""
        gold, said = self._text(record, "gold"), self._text(record, "predicted")
        status = self._status(line, record, said)
        timed = status in ANSWERED
        latency = self._number(line, record, "latency")
        answer = self._text(record, "answer")
        return Row(
            arm=self._name(line, record, "arm"),
            case=self._name(line, record, "case", instead=record.get(PROMPT)),
            repeat=1,
            gold=gold,
            label=said if status == "ok" else None,
            status=status,
            contract=self._text(record, "contract"),
            latency_ms=latency * self._scale if latency is not None and timed else None,
            parts_ms=self._numbers(line, record, self._parts) if timed else None,
            tokens_in=self._count(line, record, "tokens_in"),
            tokens_out=self._count(line, record, "tokens_out"),
            chars=self._count(line, record, "chars") if answer is None else len(answer),
            probabilities=self._numbers(line, record, self._shares, most=1.0),
            confidence=self._number(line, record, "confidence", most=1.0),
            cost=self._number(line, record, "cost"),
            contended=str(record.get("contended", "")).lower() in _GOOD,
        )

    def _status(self, line: int, record: Mapping[str, Any], said: str | None) -> Status:
        given = self._text(record, "status")
        word = (given or "").lower()
        if word in get_args(Status):
            status: Status = word  # type: ignore[assignment]
        elif given is None or word in _GOOD:
            status = "ok"
        elif word in _BAD:
            status = "unparsed"
        else:
            known = ", ".join(get_args(Status))
            status = "unparsed"
            self._faults.add(
                line,
                f"status {given!r} is not known; there are {known}, and true or false for an answer that "
                "could be read or not",
            )
        return "unparsed" if status == "ok" and said is None else status

    def _text(self, record: Mapping[str, Any], field: str) -> str | None:
        value = record.get(self._columns.get(field, ""))
        return None if value is None or value == "" else str(value)

    def _name(self, line: int, record: Mapping[str, Any], field: str, instead: object = None) -> str:
        name = self._text(record, field) or instead
        if not name:
            self._faults.add(line, f"column {self._columns[field]!r} is empty; every row needs its {field}")
        return str(name)

    def _number(self, line: int, record: Mapping[str, Any], field: str, most: float = inf) -> float | None:
        column = self._columns.get(field)
        return None if column is None else self._float(line, record, column, most)

    def _count(self, line: int, record: Mapping[str, Any], field: str) -> int | None:
        number = self._number(line, record, field)
        return None if number is None else round(number)

    def _numbers(
        self, line: int, record: Mapping[str, Any], columns: Mapping[str, str], most: float = inf
    ) -> dict[str, float] | None:
        """Name -> the number in its column, where there is one; None where there is none at all."""
        found = ((name, self._float(line, record, column, most)) for name, column in columns.items())
        return {name: number for name, number in found if number is not None} or None

    def _float(self, line: int, record: Mapping[str, Any], column: str, most: float = inf) -> float | None:
        """The number in the column, None where it is empty; a fault when it is none, or not in 0..`most`."""
        value = record.get(column)
        if value is None or value == "":
            return None
        try:
            number = float("nan") if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if isfinite(number) and 0 <= number <= most:
            return number
        limits = "0 or more" if most == inf else f"from 0 to {most:g}"
        self._faults.add(line, f"column {column!r} holds {value!r}; it must be a number, {limits}")
        return None


def _number_repeats(
    faults: Faults,
    rows: list[Row],
    lines: list[tuple[int, Mapping[str, Any]]],
    column: str | None,
    in_order: bool,
) -> None:
    """Number the repeats of each arm, contract and case, in place; a fault where one is there twice.

    A column of whole numbers is taken as it is; otherwise they count from 1, as they come.
    """
    names = [str(record.get(column)) if column else "" for _, record in lines]
    numbers = bool(column) and all(name.isascii() and name.isdigit() for name in names)
    seen: dict[tuple[str, str | None, str], dict[str, int]] = {}
    for i, (row, (line, _)) in enumerate(zip(rows, lines, strict=True)):
        known = seen.setdefault((row.arm, row.contract, row.case), {})
        name = str(line) if in_order else names[i]
        if name in known:
            which = f", {column} {name!r}" if column else ""
            todo = "name the column that tells repeats apart with --repeat, or say --repeats-in-order"
            first = f"(first in line {known[name]}); {'remove one of them' if column else todo}"
            faults.add(line, f"arm {row.arm!r} has case {row.case!r}{which} twice {first}")
        known[name] = line
        rows[i] = replace(row, repeat=int(name) if numbers and not in_order else len(known))


def _by_contract(rows: list[Row]) -> Iterator[Row]:
    contracts: dict[str, set[str | None]] = {}
    for row in rows:
        contracts.setdefault(row.arm, set()).add(row.contract)
    for row in rows:
        several = len(contracts[row.arm]) > 1 and row.contract is not None
        yield replace(row, arm=f"{row.arm}:{row.contract}") if several else row
