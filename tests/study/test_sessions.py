"""Sessions as rows, and their exports: the same analysis."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from routerlab.cli.sessions import app
from routerlab.core.corpus import load_corpus
from routerlab.core.errors import LabError
from routerlab.core.prediction import Latency, Tokens, Trial
from routerlab.core.remote import Prices
from routerlab.core.session.arm import RemoteRecord
from routerlab.core.session.file import SessionFile, read_session
from routerlab.core.session.run import Mark
from routerlab.core.session.session import Event, Header, pin_corpus, pin_taxonomy
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import ROUTING60, TAXONOMY
from routerlab.study.figures.rows import session_log
from routerlab.study.load import analysis_of, load
from routerlab.study.report.blocks import Table
from routerlab.study.report.sections.labels import accuracy
from routerlab.study.report.sections.performance import latency
from routerlab.study.report.subject import Subject
from tests.conftest import REPO

AT = datetime(2026, 11, 23, 19, 40, 3, 120000, UTC)
TAX = load_taxonomy(TAXONOMY)
CASES = load_corpus(ROUTING60, TAX)


def trial(n: int, index: int = 0, **more: Any) -> Trial:
    one = CASES.case[index]
    facts: dict[str, Any] = {
        "arm": "a",
        "case": one.id,
        "gold": one.label,
        "label": one.label,
        "status": "ok",
        "contended": False,
        "latency_ms": Latency(queue=1.0, prefill=40.0, total=50.0 + n),
    }
    return Trial(id=f"t{n:06d}", at=AT, **{**facts, **more})


def remote(name: str, currency: str = "USD") -> RemoteRecord:
    return RemoteRecord(
        at=AT,
        kind="remote",
        remote=name,
        base_url="https://api.example.com/v1",
        model="big",
        contract="json",
        prompt_sha256="0" * 64,
        client="openai 2",
        hosting="api",
        retries=2,
        prices=Prices(input=0.27, output=1.1, currency=currency, date=date(2026, 3, 16)),
        load_ms=1.0,
        name=name,
    )


def session(path: Path, *events: Event) -> Path:
    header = Header(
        id=path.stem,
        created=AT,
        lab_version="0.1.0",
        machine="test",
        schedule="exclusive",
        repeats=1,
        corpus=pin_corpus(CASES, ROUTING60),
        taxonomy=pin_taxonomy(TAX, TAXONOMY),
    )
    with SessionFile.create(path, header) as file:
        for event in events:
            file.append(event)
    return path


def test_trials_are_rows(tmp_path: Path) -> None:
    label = CASES.case[0].label
    path = session(
        tmp_path / "s.toml",
        trial(1, probabilities={str(label): 0.9}, tokens=Tokens(cached=100, evaluated=20, generated=5)),
        trial(2, 1, label=None, status="unparsed", answer="no", confidence=0.5),
        trial(3, 2, label=None, status="timeout"),
        trial(4, 3, batched=True, contended=True),
    )
    one, two, three, four = load(path).rows
    assert (one.label, one.latency_ms, one.tokens_in, one.tokens_out) == (label, 51.0, 120, 5)
    assert one.parts_ms == {"queue": 1.0, "tokenize": 0.0, "prefill": 40.0, "generate": 0.0}
    assert (two.latency_ms, two.chars, two.confidence, two.right) == (52.0, 2, 0.5, False)
    assert (three.latency_ms, three.right) == (53.0, False)  # so long it was waited for
    assert (four.latency_ms, four.contended, four.right) == (None, True, True)


def test_a_question_under_the_same_number_is_another_repeat(tmp_path: Path) -> None:
    typed: dict[str, Any] = {"case": None, "prompt": "hello", "gold": "code/simple"}
    path = session(
        tmp_path / "s.toml",
        trial(1, **typed),
        trial(2, **typed),
        trial(3, label=None, status="cancelled"),
        trial(4),
    )
    log = load(path)
    assert [(r.case, r.repeat) for r in log.rows if r.status == "ok"] == [
        ("hello", 1),
        ("hello", 2),
        (CASES.case[0].id, 1),
    ]
    assert log.notes == ("1 trial repeats a question under the same number; they count as more repeats",)
    assert analysis_of(log).cancelled == 1


def test_a_torn_end_and_deviations_are_told(tmp_path: Path) -> None:
    path = session(
        tmp_path / "s.toml",
        trial(1),
        Mark(at=AT, kind="deviation", reason="the clock jumped"),
        Mark(at=AT, arm="a", kind="warmup", took_ms=3.0),
    )
    with path.open("ab") as f:
        f.write(b"\n[[trial]]\nid")
    assert session_log(path, read_session(path)).notes == (
        "an unfinished record of 12 bytes at the end of s.toml is left out",
        "deviation: the clock jumped",
    )


def test_a_session_without_trials(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="has no trials; there is nothing to analyse"):
        load(session(tmp_path / "s.toml"))


def test_a_remote_arm_costs_what_its_prices_say(tmp_path: Path) -> None:
    tokens = Tokens(evaluated=300, generated=20)
    found = analysis_of(load(session(tmp_path / "s.toml", remote("big"), trial(1, arm="big", tokens=tokens))))
    (arm,) = found.arms
    assert (arm.hosting, arm.contract) == ("api", "json")
    assert arm.cost is not None
    assert arm.cost.total == pytest.approx((300 * 0.27 + 20 * 1.1) / 1e6)
    assert arm.cost.currency == "USD"
    assert arm.record is not None


def test_an_arm_that_times_out_is_no_quick_arm(tmp_path: Path) -> None:
    slow = Latency(total=5000.0)
    late = (trial(i, i, label=None, status="timeout", latency_ms=slow) for i in range(20, 40))
    never = trial(50, 50, label=None, status="crashed")
    path = session(tmp_path / "s.toml", *(trial(i, i) for i in range(20)), *late, never)
    found = analysis_of(load(path))
    (arm,) = found.arms
    assert arm.latency
    assert (arm.latency.n, arm.latency.timed_out, arm.latency.unanswered) == (40, 20, 1)
    assert arm.latency.p95.value == 5000.0
    assert [gate.answer for gate in arm.gates if gate.gate.startswith("p95")] == ["fail"]
    assert any("20 of 40 latencies are of trials that timed out" in line for line in found.warnings)


def test_memory_and_start_are_figures_and_arms_are_in_the_order_of_their_records(tmp_path: Path) -> None:
    sizes = {"resident": 300 * 2**20, "own": 100 * 2**20}
    mark = Mark.model_validate(
        {"at": AT, "arm": "big", "kind": "memory", "reason": "loaded", "memory": sizes}
    )
    path = session(tmp_path / "s.toml", remote("big"), mark, trial(1), trial(2, arm="big"))
    found = analysis_of(load(path))
    assert found.arms[0].arm == "big"
    assert found.arms[0].memory == {"loaded": sizes}
    section = latency(Subject("s", path, found), "r1")
    assert section
    (start,) = [one for one in section.blocks if isinstance(one, Table) and "Memory" in one.heads]
    assert [[cell.text for cell in row[2:4]] for row in start.rows] == [["300 MiB", "100 MiB"]]


def test_prices_in_two_currencies_are_refused(tmp_path: Path) -> None:
    path = session(tmp_path / "s.toml", remote("big"), remote("other", "EUR"), trial(1, arm="big"))
    with pytest.raises(LabError, match="its remote arms have prices in EUR and USD"):
        load(path)


@pytest.mark.parametrize("shape", ["jsonl", "csv"])
def test_an_exported_session_gives_the_same_figures(tmp_path: Path, shape: str) -> None:
    example = REPO / "sessions" / "example.toml"
    out = tmp_path / f"s.{shape}"
    result = CliRunner().invoke(app, ["export", str(example), "--format", shape, "--out", str(out)])
    assert result.exit_code == 0
    log = load(example)
    assert not all(row.case in CASES.by_id for row in log.rows)  # some were typed: the prompt is the case
    one, other = analysis_of(log), analysis_of(load(out))
    assert [a.arm for a in one.arms] == [a.arm for a in other.arms]
    for ours, theirs in zip(one.arms, other.arms, strict=True):
        unsaid = {"record": None, "contract": None}
        assert ours.model_copy(update=unsaid) == theirs.model_copy(update=unsaid)
    assert one.pairs == other.pairs
    assert one.verdict == other.verdict


@pytest.mark.parametrize("shape", ["toml", "jsonl", "csv"])
def test_a_lenient_arm_has_both_parse_rates_and_no_lenient_answer_is_parsed(
    tmp_path: Path, shape: str
) -> None:
    lenient = remote("big").model_copy(update={"parse": "lenient"})
    said = [trial(1, 0, arm="big", strict=True), trial(2, 1, arm="big", strict=False)]
    none = trial(3, 2, arm="big", label=None, status="unparsed", strict=False)
    path = session(tmp_path / "s.toml", lenient, remote("plain"), *said, none, trial(4, 0, arm="plain"))
    if shape != "toml":
        out = tmp_path / f"s.{shape}"
        args = ["export", str(path), "--format", shape, "--out", str(out)]
        assert CliRunner().invoke(app, args).exit_code == 0
        path = out
    found = analysis_of(load(path))
    big, plain = found.arms
    assert big.parse_rate
    assert big.lenient_rate
    assert big.accuracy
    assert (big.parse_rate.hits, big.lenient_rate.hits, big.accuracy.right) == (1, 2, 2)
    assert plain.lenient_rate is None
    section = accuracy(Subject("s", path, found))
    (table,) = [one for one in section.blocks if isinstance(one, Table) and "Read leniently" in one.heads]
    assert [row[-1].text for row in table.rows] == ["0.667", "-"]
    if shape == "toml":
        assert (big.contract, plain.contract) == ("json, lenient", "json")
