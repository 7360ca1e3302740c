"""Logs as other tools and spreadsheets write them: what is told by content, and what was taken for what."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from routerlab.core.errors import LabError
from routerlab.study.figures.columns import Columns
from routerlab.study.figures.logs import read_log, unit_of
from routerlab.study.figures.rows import Log
from tests.annotate.formats.test_rows import workbook
from tests.annotate.formats.test_vllm import NEW, OLD

BODY = {"model": "m", "choices": [{"message": {"content": '{"label": "x"}'}}], "usage": {"prompt_tokens": 7}}
PROMPTFOO = {
    "results": {
        "results": [
            {
                "provider": {"id": "openai:m"},
                "vars": {"label": "x"},
                "testIdx": 3,
                "promptIdx": 0,
                "response": {"output": "x", "tokenUsage": {"prompt": 7, "completion": 2}},
                "latencyMs": 40,
            },
            {"provider": {"id": "openai:m"}, "vars": {"label": "y"}, "testIdx": 4, "error": "429"},
        ]
    }
}
INSPECT = {
    "eval": {"model": "openai/m"},
    "samples": [
        {"id": "s1", "epoch": 2, "target": ["x"], "output": {"completion": "x", "time": 0.04}},
        {"id": "s2", "epoch": 1, "target": "y", "output": {}, "error": {"message": "gone"}},
    ],
}
SPAN = {
    "context": {"span_id": "a1"},
    "start_time": "2026-11-28T09:00:00.000000Z",
    "end_time": "2026-11-28T09:00:00.040000Z",
    "status": {"status_code": "OK"},
    "attributes": {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 7, "app.label": "x"},
}
OTLP_SPAN = {
    "spanId": "a1",
    "startTimeUnixNano": "1000000000",
    "endTimeUnixNano": "1040000000",
    "attributes": [
        {"key": "gen_ai.request.model", "value": {"stringValue": "m"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "7"}},
        {"key": "app.label", "value": {"stringValue": "x"}},
    ],
}
MESSAGES = [{"role": "assistant", "parts": [{"type": "text", "content": '{"label": "x"}'}]}]
NEWER_SPAN = {
    **SPAN,
    "attributes": {
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 7,
        "truth": "x",
        "gen_ai.output.messages": json.dumps(MESSAGES),
    },
}
OTLP = {"resourceSpans": [{"scopeSpans": [{"spans": [OTLP_SPAN, {"spanId": "http", "attributes": []}]}]}]}
LITELLM = {
    "id": "r1", "call_type": "acompletion", "model": "m", "startTime": 10.0, "endTime": 10.04,
    "status": "success", "prompt_tokens": 7, "response": BODY, "metadata": {"truth": "x"},
}  # fmt: skip
SPEND = {
    "request_id": "r1", "call_type": "acompletion", "model": "m", "startTime": "2026-11-28T09:00:00.000Z",
    "endTime": "2026-11-28 09:00:00.040+00:00", "spend": 0.25, "prompt_tokens": 7, "response": BODY,
    "metadata": {"truth": "x"},
}  # fmt: skip


def of(folder: Path, data: Any, columns: Columns | None = None, name: str = "log.jsonl") -> Log:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return read_log(path, columns or Columns())


@pytest.mark.parametrize(
    ("data", "name", "columns", "tool"),
    [
        (PROMPTFOO, "log.json", Columns(), "promptfoo's results"),
        (INSPECT, "log.json", Columns(), "Inspect's log"),
        (SPAN, "log.jsonl", Columns(predicted="app.label", gold="app.label"), "OpenTelemetry spans"),
        (OTLP, "log.jsonl", Columns(predicted="app.label", gold="app.label"), "OpenTelemetry spans"),
        (NEWER_SPAN, "log.jsonl", Columns(gold="truth"), "OpenTelemetry spans"),
        (LITELLM, "log.jsonl", Columns(gold="metadata.truth"), "LiteLLM's log"),
        (SPEND, "log.jsonl", Columns(gold="metadata.truth"), "LiteLLM's log"),
    ],
)
def test_tools(tmp_path: Path, data: Any, name: str, columns: Columns, tool: str) -> None:
    found = of(tmp_path, data, columns, name)
    first = found.rows[0]
    assert (first.gold, first.label, first.status, first.right) == ("x", "x", "ok", True)
    assert first.latency_ms == pytest.approx(40)
    assert first.cost == (0.25 if data is SPEND else None)
    assert first.tokens_in == (None if data is INSPECT else 7)
    assert (found.source.read_as or "").startswith(f"{tool}: gold is ")
    assert [row.status for row in found.rows[1:]] == ["crashed"] * (name == "log.json")


def test_a_tool_that_knows_nothing_right_says_so(tmp_path: Path) -> None:
    found = of(tmp_path, {"custom_id": "c1", "response": {"body": BODY}, "error": None})
    assert [(r.arm, r.case, r.label, r.gold, r.tokens_in) for r in found.rows] == [("m", "c1", "x", None, 7)]
    assert any("name the column with --gold" in note for note in found.notes)


def test_a_tools_log_that_is_not_whole_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="looks like a tool's log, but is not whole"):
        of(tmp_path, {"eval": {}, "samples": [3]}, name="log.json")


def test_a_spreadsheets_table(tmp_path: Path) -> None:
    """Semicolons, decimal commas, Windows-1252 and a mark of seconds in the header."""
    text = "arm;case;gold;label;latency_s\nmodèle;c1;x;x;1,25\nmodèle;c2;x;y;1.000,5\n"
    columns = Columns(latency="latency_s")
    for codec, said in (("cp1252", ", Windows-1252"), ("utf-16", ", UTF-16"), ("utf-8-sig", "")):
        found = of(tmp_path, text.encode(codec), columns, "log.csv")
        assert [(r.arm, r.latency_ms) for r in found.rows] == [("modèle", 1250.0), ("modèle", 1_000_500.0)]
        assert (found.source.read_as or "").startswith(f"CSV with ;{said}: gold is gold; ")
        assert "latency is latency_s in s, by its name" in (found.source.read_as or "")


def test_a_comma_that_may_be_either_mark_is_not_guessed(tmp_path: Path) -> None:
    log = b'arm,case,gold,label,latency_ms\nm,c1,x,x,900\nm,c2,x,x,"2,500"\n'
    with pytest.raises(LabError, match=r"log.csv:3: .*may be 2500 or 2.500: write it without a comma"):
        of(tmp_path, log, name="log.csv")
    between = log.replace(b",", b";").replace(b'"2;500"', b"2,500")
    assert [row.latency_ms for row in of(tmp_path, between, name="log.csv").rows] == [900.0, 2.5]


def test_blanks_around_what_is_right_make_no_answer_wrong(tmp_path: Path) -> None:
    log = b"arm,case,label, gold\nm,1,x, x\nm, 2,x ,y \n"
    (first, second) = of(tmp_path, log, name="log.csv").rows
    assert (first.right, second.right) == (True, False)
    assert second.case == "2"


@pytest.mark.parametrize(
    ("column", "unit"),
    [("total_ms", "ms"), ("Duration (s)", "s"), ("elapsedNanos", "ns"), ("time.us", "us"),
     ("took_seconds", "s"), ("latency", "ms")],
)  # fmt: skip
def test_a_columns_name_says_its_unit(column: str, unit: str) -> None:
    assert unit_of(column)[0] == unit


def test_milliseconds_that_look_like_seconds_are_doubted(tmp_path: Path) -> None:
    log = b"arm,case,gold,label,latency\na,c1,x,x,1.2\n"
    told = "P95 is 1.2 ms: if the log is in seconds, say --latency-unit s"
    assert of(tmp_path, log, name="log.csv").notes == (told,)
    assert of(tmp_path, log.replace(b"1.2", b"1200"), name="log.csv").notes == ()


def test_an_error_without_a_status_is_no_answer(tmp_path: Path) -> None:
    log = b"arm,case,gold,label,total_ms,error\na,c1,x,,5,timed out\na,c2,x,x,5,None\n"
    assert [row.status for row in of(tmp_path, log, name="log.csv").rows] == ["crashed", "ok"]


def test_nested_fields_have_dotted_names(tmp_path: Path) -> None:
    record = {"who": {"model": "a"}, "id": 1, "gold": "x", "out": {"label": "x", "ms": 40}}
    columns = Columns(arm="who.model", case="id", predicted="out.label", latency="out.ms")
    (row,) = of(tmp_path, record, columns).rows
    assert (row.arm, row.label, row.latency_ms) == ("a", "x", 40.0)


def test_a_servers_own_log(tmp_path: Path) -> None:
    found = of(tmp_path, (OLD + NEW).encode(), name="server.log")
    assert [(r.arm, r.case, r.status, r.label, r.latency_ms, r.tokens_in) for r in found.rows] == [
        ("router", "cmpl-24f0-0", "unrouted", None, 2000.0, 4),
        ("vLLM", "cmpl-b", "cancelled", None, None, 2),
        ("vLLM", "chatcmpl-e", "ok", "code/simple", 2000.0, None),
        ("vLLM", "chatcmpl-f", "unrouted", None, None, None),
    ]
    assert (found.source.read_as or "").startswith(
        "log (4 requests in 12 lines, 2 other lines left out, 1 line of requests not understood) of vLLM: "
    )
    assert found.notes[-1] == "a server's log has whole seconds, and so have these latencies"


def test_a_path_may_lead_into_a_list(tmp_path: Path) -> None:
    record = {"arm": "a", "case": 1, "gold": "x", "out": [{"label": "y"}, {"label": "x"}]}
    (row,) = of(tmp_path, record, Columns(predicted="out.1.label")).rows
    assert row.label == "x"


def test_what_prompts_may_be_in_logs_may_be_in(tmp_path: Path) -> None:
    """One reader: workbooks, Inspect's zipped logs, lists under a key, `sep=`, formulas made harmless."""
    rows = [{"arm": "a", "case": "c1", "gold": "x", "label": "x", "latency_ms": 40}]
    assert of(tmp_path, {"rows": rows}, name="log.json").rows[0].latency_ms == 40
    table = b"sep=;\narm;case;gold;label\n'=a;c1;x;x\n"
    assert of(tmp_path, table, name="log.txt").rows[0].arm == "=a"
    book = workbook([list(rows[0]), list(rows[0].values())])
    assert of(tmp_path, book, name="log.xlsx").rows[0].latency_ms == 40
    sample = {
        "id": "s1",
        "epoch": 1,
        "target": "x",
        "output": {"model": "m", "completion": "x", "time": 0.04},
    }
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as z:
        z.writestr("samples/s1_epoch_1.json", json.dumps(sample))
    (row,) = of(tmp_path, zipped.getvalue(), name="log.eval").rows
    assert (row.arm, row.label, row.latency_ms) == ("m", "x", 40.0)


def test_a_workbook_with_a_header_only(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"log.xlsx: has a header \(arm, case\) and no row below it"):
        of(tmp_path, workbook([["arm", "case"]]), name="log.xlsx")
