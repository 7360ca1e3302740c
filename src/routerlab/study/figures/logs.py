"""Anybody's log of requests as rows: which column holds what, and what its values mean."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf, isfinite
from pathlib import Path
from typing import Any, Literal, get_args

from routerlab.annotate.formats.fields import dig
from routerlab.core.errors import Faults, LabError
from routerlab.core.prediction import Status
from routerlab.core.statistics.quantiles import percentile
from routerlab.study.figures.arm import Source
from routerlab.study.figures.columns import NEEDED, PROBABILITY, PROMPT, Columns, resolve
from routerlab.study.figures.dialect import plain_number, read_records
from routerlab.study.figures.rows import ANSWERED, PARTS, Log, Row, again_note, grouped
from routerlab.study.figures.tools import label_of

_GOOD, _BAD = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
_NO_ERROR = frozenset({"", "none", "null", "nan", "false", "0"})
_PARTS = {part: f"{part}_ms" for part in PARTS}
Unit = Literal["auto", "s", "ms", "us", "ns"]
_SCALES: Mapping[str, float] = {"s": 1000.0, "ms": 1.0, "us": 0.001, "ns": 1e-6}
_WORDS = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("micros", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("nano", "nanos", "nanosecond", "nanoseconds"), "ns"),
}
_FORMATS: Mapping[str, Any] = {
    "CSV": "csv", "TSV": "csv", "JSON": "json", "JSONL": "jsonl", "YAML": "yaml", "Excel": "xlsx",
    "Parquet": "parquet", "Inspect's": "eval", "log": "log",
}  # fmt: skip
"""What a file is, by the first word of what it was read as."""
_FEW_MS = 20.0
"""So quick is hardly a model at P95; in seconds it is usual."""


def read_log(
    path: Path,
    columns: Columns,
    unit: Unit = "auto",
    repeats_in_order: bool = False,
) -> Log:
    """The rows of a log; LabError with file and line for whatever cannot be read.

    Rows of the same arm and case are an error unless a column tells repeats apart, or they are numbered as
    they come (`repeats_in_order`). An arm with several contracts becomes several arms, named ARM:CONTRACT.
    The
    unit of latencies is told by their column's name, as in latency_s, unless it is given; else it is ms.
    """
    faults = Faults(path)
    read, tool, lines = read_records(path, faults)
    if not lines:
        faults.end()
        why = f"no answers in what looks like {tool}" if tool else read.lack
        raise LabError(f"{path}: {why}; there is nothing to analyse")
    there = dict.fromkeys(name for _, record in lines for name in record)
    listed = (name for name in asdict(columns).values() if name and name not in there)
    there |= dict.fromkeys(name for name in listed if any(dig(r, name) is not None for _, r in lines))
    try:
        found = resolve(path, columns, there, [n for n in NEEDED if n != "gold"] if tool else NEEDED)
    except LabError:
        faults.end()  # lines that cannot be read may be why a column is not there
        raise
    taken, why = (unit, "as given") if unit != "auto" else unit_of(found.get("latency", ""))
    asked = not tool or any(dig(record, found["predicted"]) for _, record in lines)
    lacks: Status = "unparsed" if asked else "unrouted"
    told = (found, faults, lacks, read.kind.startswith("CSV with ;"))
    rows = [_Line(number, record, *told).row(_SCALES[taken]) for number, record in lines]
    again = _number_repeats(faults, rows, lines, found.get("repeat"), repeats_in_order)
    faults.end()
    read_as = f"{read.kind} of vLLM" if "vllm" in there else tool or read.kind
    units = {"latency": f" in {taken}, {why}"}
    source = Source(
        path=str(path),
        format=_FORMATS[read.kind.split()[0].rstrip(",")],
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        columns=found,
        read_as=f"{read_as}: " + "; ".join(f"{n} is {c}{units.get(n, '')}" for n, c in found.items()),
    )
    notes = [*([again_note(again)] if again else ()), *_doubts(rows, found, taken)]
    if "vllm" in there and "began" in there:
        notes.append("a server's log has whole seconds, and so have these latencies")
    return Log(tuple(_by_contract(rows)), {}, source, notes=tuple(notes))


def unit_of(column: str) -> tuple[str, str]:
    """The unit that a column's name says, and how it was told: latency_s, Duration (ms), elapsedNanos."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", column)
    told = [_WORDS.get(word.lower(), word.lower()) for word in words]
    found = next((word for word in reversed(told) if word in _SCALES), None)
    return (found, "by its name") if found else ("ms", "for nothing says otherwise (--latency-unit)")


def _doubts(rows: Sequence[Row], found: Mapping[str, str], unit: str) -> Iterator[str]:
    if "latency" not in found:
        yield "the log has no column of latencies; name it with --latency"
    if "gold" not in found:
        yield "the log does not say what is right, so nothing is judged; name the column with --gold"
    p95 = percentile([row.latency_ms for row in rows if row.latency_ms is not None], 0.95)
    if unit == "ms" and p95 is not None and 0 < p95 < _FEW_MS and found["latency"] != "total_ms":
        yield f"P95 is {p95:g} ms: if the log is in seconds, say --latency-unit s"


@dataclass(frozen=True)
class _Line:
    """A record of a log, with the number of its line. What it cannot be is a fault there, and the row that is
    made of it no row to use. `columns` says in which column what is needed is, `lacks` what an answer without
    a label is, and `semicolons` whether they are between its cells."""

    number: int
    record: Mapping[str, Any]
    columns: Mapping[str, str]
    faults: Faults
    lacks: Status
    semicolons: bool

    def row(self, scale: float) -> Row:
        """The row, times multiplied by `scale`; its repeat is not numbered yet."""
        said = _plain(label_of(dig(self.record, self.columns.get("predicted", ""))))
        answer = _plain(dig(self.record, self.columns.get("answer", "")))
        status = self._status(said)
        latency = self._number(self.columns.get("latency"))
        alone = str(self.record.get("batched", "")).lower() not in _GOOD
        timed = alone and (status in ANSWERED or (status == "timeout" and bool(latency)))
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
        elif given is None and (self._text("error") or "").strip().lower() not in _NO_ERROR:
            status = "crashed"
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
        return self.lacks if status == "ok" and said is None else status

    def _text(self, field: str) -> str | None:
        return (_plain(dig(self.record, self.columns.get(field, ""))) or "").strip() or None

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
        value = None if column is None else dig(self.record, column)
        if value is None or value == "":
            return None
        try:
            plain = plain_number(value, self.semicolons)
        except ValueError as e:
            what = f"column {column!r} holds {value!r}, which {e}: write it without a comma"
            self.faults.add(self.number, what)
            return None
        try:
            number = float("nan") if isinstance(plain, bool) else float(plain)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if isfinite(number) and 0 <= number <= most:
            return number
        limits = "0 or more" if most == inf else f"from 0 to {most:g}"
        self.faults.add(self.number, f"column {column!r} holds {value!r}; it must be a number, {limits}")
        return None


def _plain(value: object) -> str | None:
    """As a text that can be written; None for nothing, which some write as a number that is none."""
    if value is None or value == "" or value != value:
        return None
    return re.sub("[\ud800-\udfff]", "\ufffd", str(value))


def _number_repeats(
    faults: Faults,
    rows: list[Row],
    lines: list[tuple[int, Mapping[str, Any]]],
    column: str | None,
    in_order: bool,
) -> int:
    """Number the repeats of each arm, contract and case, in place; a fault where one is there twice.

    A column of whole numbers is taken as it is; otherwise they count from 1, as they come. In an exported
    session what is there twice counts as one more repeat, as in the session itself; how many do is returned.
    """
    again = 0
    names = [str(record.get(column)) if column else "" for _, record in lines]
    numbers = bool(column) and all(name.isascii() and name.isdigit() for name in names)
    exported = numbers and not in_order and lines[0][1].keys() >= {"session", "id", "at", "correct"}
    seen: dict[tuple[str, str | None, str], dict[str, int]] = {}
    for i, (row, (line, _)) in enumerate(zip(rows, lines, strict=True)):
        known = seen.setdefault((row.arm, row.contract, row.case), {})
        name = str(line) if in_order else names[i]
        if exported and row.status == "cancelled":
            rows[i] = replace(row, repeat=int(name))
            continue
        again += exported and name in known
        while exported and name in known:
            name = str(int(name) + 1)
        if name in known:
            which = f", {column} {name!r}" if column else ""
            todo = "name the column that tells repeats apart with --repeat, or say --repeats-in-order"
            first = f"(first in line {known[name]}); {'remove one of them' if column else todo}"
            faults.add(line, f"arm {row.arm!r} has case {row.case!r}{which} twice {first}")
        known[name] = line
        rows[i] = replace(row, repeat=int(name) if numbers and not in_order else len(known))
    return again


def _by_contract(rows: list[Row]) -> Iterator[Row]:
    contracts = grouped((row.arm, row.contract) for row in rows)
    several = {arm for arm, found in contracts.items() if len(set(found)) > 1}
    for row in rows:
        split = row.arm in several and row.contract is not None
        yield replace(row, arm=f"{row.arm}:{row.contract}") if split else row
