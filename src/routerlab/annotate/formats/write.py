"""Cases in the formats of other tools."""

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from routerlab.annotate.formats.annotators import to_argilla, to_doccano, to_label_studio, to_prodigy
from routerlab.annotate.formats.binary import library
from routerlab.annotate.formats.chats import to_openai
from routerlab.annotate.formats.evals import to_inspect, to_promptfoo
from routerlab.annotate.formats.fields import Row, facts
from routerlab.annotate.formats.table import write_table
from routerlab.core.corpus import Case
from routerlab.core.names import CorpusFormat


def written(cases: Sequence[Case], labels: Iterable[str], shape: CorpusFormat, path: Path) -> bytes:
    """The cases as a file of that format; `labels` are those to choose from, where it names them. JSON is
    ASCII. LabError, which names `path`, where a library is missing."""
    if shape == "csv":
        return write_table([{key: _flat(value) for key, value in _plain(c).items()} for c in cases]).encode()
    if shape == "parquet":
        return _parquet([_plain(case) for case in cases], path)
    if shape == "prodigy":
        return _lines(to_prodigy(cases, labels))
    one, whole = _ROWS[shape]
    return whole([one(case) for case in cases])


def _plain(case: Case) -> Row:
    row = facts(case)
    return {"id": row.pop("id"), "prompt": case.prompt, **row}


def _flat(value: Any) -> str:
    return "; ".join(value) if isinstance(value, list) else str(value)


def _lines(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _array(rows: list[Row]) -> bytes:
    return (json.dumps(rows, indent=1) + "\n").encode()


_ROWS: Mapping[str, tuple[Callable[[Case], Row], Callable[[list[Row]], bytes]]] = {
    "jsonl": (_plain, _lines),
    "doccano": (to_doccano, _lines),
    "label-studio": (to_label_studio, _array),
    "argilla": (to_argilla, _array),
    "promptfoo": (to_promptfoo, _array),
    "inspect": (to_inspect, _lines),
    "openai": (to_openai, _lines),
}


def _parquet(rows: list[Row], path: Path) -> bytes:
    arrow, parquet = library("pyarrow", path), library("pyarrow.parquet", path)
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: arrow.array([row.get(name) for row in rows]) for name in names}
    out = io.BytesIO()
    parquet.write_table(arrow.table(columns), out)
    return out.getvalue()
