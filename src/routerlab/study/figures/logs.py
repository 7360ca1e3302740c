"""Anybody's log of requests, CSV or JSON lines, as rows."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf, isfinite
from pathlib import Path
from typing import Any, Literal, get_args

from routerlab.core.errors import Faults, LabError
from routerlab.core.files.toml import read_text
from routerlab.core.prediction import Status
from routerlab.study.figures.arm import Source
from routerlab.study.figures.columns import PROBABILITY, PROMPT, Columns, resolve
from routerlab.study.figures.rows import ANSWERED, PARTS, Log, Row, grouped

_GOOD, _BAD = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson")
_BIGGEST_FIELD = 2**31 - 1
_PARTS = {part: f"{part}_ms" for part in PARTS}


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
    scale = 1000.0 if unit == "s" else 1.0
    rows = [_Line(number, record, found, faults).row(scale) for number, record in lines]
    _number_repeats(faults, rows, lines, found.get("repeat"), repeats_in_order)
    faults.end()
    source = Source(
        path=str(path),
        format="jsonl" if path.suffix.lower() in _LINES else "csv",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        columns=found,
    )
    untimed = "the log has no column of latencies; name it with --latency"
    notes = () if "latency" in found else (untimed,)
    return Log(tuple(_by_contract(rows)), {}, source, notes=notes)


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


@dataclass(frozen=True)
class _Line:
    """A record of a log, with the number of its line. What it cannot be is a fault there, and the row that is
    made of it no row to use. `columns` says in which column what is needed is."""

    number: int
    record: Mapping[str, Any]
    columns: Mapping[str, str]
    faults: Faults

    def row(self, scale: float) -> Row:
        """The row, times multiplied by `scale`; its repeat is not numbered yet."""
        said, answer = self._text("predicted"), self._text("answer")
        status = self._status(said)
        timed = status in ANSWERED
        latency = self._number(self.columns.get("latency"))
        shares = {
            name.removeprefix(PROBABILITY): name for name in self.record if name.startswith(PROBABILITY)
        }
        return Row(
            arm=self._name("arm"),
            case=self._name("case", instead=self.record.get(PROMPT)),
            repeat=1,
            gold=self._text("gold"),
            label=said if status == "ok" else None,
            status=status,
            contract=self._text("contract"),
            latency_ms=latency * scale if latency is not None and timed else None,
            parts_ms=self._numbers(_PARTS) if timed else None,
            tokens_in=self._count("tokens_in"),
            tokens_out=self._count("tokens_out"),
            chars=self._count("chars") if answer is None else len(answer),
            probabilities=self._numbers(shares, most=1.0),
            confidence=self._number(self.columns.get("confidence"), most=1.0),
            strict={"true": True, "false": False}.get(str(self.record.get("strict")).lower()),
            cost=self._number(self.columns.get("cost")),
            contended=str(self.record.get("contended", "")).lower() in _GOOD,
            abstained=(self._text("abstained") or "").lower() in _GOOD,
            familiarity=self._number(self.columns.get("familiarity"), most=1.0),
        )

    def _status(self, said: str | None) -> Status:
        given = self._text("status")
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
            self.faults.add(
                self.number,
                f"status {given!r} is not known; there are {known}, and true or false for an answer that "
                "could be read or not",
            )
        return "unparsed" if status == "ok" and said is None else status

    def _text(self, field: str) -> str | None:
        value = self.record.get(self.columns.get(field, ""))
        return None if value is None or value == "" else str(value)

    def _name(self, field: str, instead: object = None) -> str:
        name = self._text(field) or instead
        if not name:
            what = f"column {self.columns[field]!r} is empty; every row needs its {field}"
            self.faults.add(self.number, what)
        return str(name)

    def _count(self, field: str) -> int | None:
        number = self._number(self.columns.get(field))
        return None if number is None else round(number)

    def _numbers(self, columns: Mapping[str, str], most: float = inf) -> dict[str, float] | None:
        """Name -> the number in its column, where there is one; None where there is none at all."""
        found = ((name, self._number(column, most)) for name, column in columns.items())
        return {name: number for name, number in found if number is not None} or None

    def _number(self, column: str | None, most: float = inf) -> float | None:
        """The number in the column, None where it is empty; a fault when it is none, or not in 0..`most`."""
        value = None if column is None else self.record.get(column)
        if value is None or value == "":
            return None
        try:
            number = float("nan") if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if isfinite(number) and 0 <= number <= most:
            return number
        limits = "0 or more" if most == inf else f"from 0 to {most:g}"
        self.faults.add(self.number, f"column {column!r} holds {value!r}; it must be a number, {limits}")
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
    contracts = grouped((row.arm, row.contract) for row in rows)
    several = {arm for arm, found in contracts.items() if len(set(found)) > 1}
    for row in rows:
        split = row.arm in several and row.contract is not None
        yield replace(row, arm=f"{row.arm}:{row.contract}") if split else row
