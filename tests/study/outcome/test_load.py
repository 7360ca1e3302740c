"""Outcome sessions: what is written is read, a torn tail is set aside, the last outcome counts."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from routerlab.core.errors import LabError
from routerlab.study.outcome.load import OutcomeFile, load_matrix, read_outcomes
from routerlab.study.outcome.record import ModelRecord, Outcome, OutcomeHeader, TaskRecord

NOW = datetime(2026, 11, 28, tzinfo=UTC)
HEADER = OutcomeHeader(
    schema_version=1,
    kind="outcomes",
    lab_version="0",
    created=NOW,
    name="two",
    taxonomy="front-door",
    model=(ModelRecord(name="a", tier=1, chat={"stop": ["\n[[outcome]]"]}), ModelRecord(name="b")),
    task=(TaskRecord(id="t1", label="code/simple", good=0.8), TaskRecord(id="t2", group="g")),
)


def outcome(task: str, model: str, **more: object) -> Outcome:
    told = {"at": NOW, "task": task, "model": model, "status": "ok", "checked": True} | more
    return Outcome.model_validate(told)


def written(path: Path, *outcomes: Outcome) -> bytes:
    with OutcomeFile.create(path, HEADER) as file:
        for one in outcomes:
            file.append(one)
    return path.read_bytes()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    hostile = "a\n[[outcome]]\nx = '''\"\"\"\0\x1b]0;\u202e\ud800"
    one = outcome("t1", "a", answer=hostile, cost=4.293e-9, latency_ms=1.23456, score=0.5, said=("no",))
    written(path, one)
    back = read_outcomes(path)
    assert back.header == HEADER
    assert back.of["t1", "a"] == one.model_copy(
        update={"answer": hostile.replace("\ud800", "\ufffd"), "latency_ms": 1.235}
    )


def test_the_last_outcome_counts_and_what_was_not_asked_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    first, last = (outcome("t1", "b", score=x, cost=x, tokens_in=3) for x in (0.25, 0.75))
    written(path, first, outcome("t2", "a", score=1.0), last, outcome("t2", "b", checked=False))
    matrix = load_matrix(path)
    assert (matrix.tasks, matrix.models, matrix.tiers) == (("t1", "t2"), ("a", "b"), (1, None))
    np.testing.assert_array_equal(matrix.score, [[np.nan, 0.75], [1.0, np.nan]])
    np.testing.assert_array_equal(matrix.cost, [[np.nan, 0.75], [np.nan, np.nan]])
    np.testing.assert_array_equal(matrix.tokens_in, [[np.nan, 3], [np.nan, np.nan]])
    np.testing.assert_array_equal(matrix.good, [0.8, 1.0])
    assert (matrix.labels, matrix.group) == (("code/simple", None), (None, "g"))


def test_a_record_cut_anywhere_is_set_aside_and_the_rest_opens(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    head = len(written(path, outcome("t1", "a", answer="x", score=1.0)))
    path.unlink()
    whole = written(
        path, outcome("t1", "a", answer="x", score=1.0), outcome("t2", "a", answer="yes", score=0.5)
    )
    for n in range(head + 1, len(whole) - 1):
        path.write_bytes(whole[:n])
        assert list(read_outcomes(path).of) == [("t1", "a")]
    with OutcomeFile.open(path) as file:
        assert file.torn == n - head - 1  # but for the blank line before it
        file.append(outcome("t2", "a", score=0.25))
    assert file.torn_path.read_bytes() == whole[head + 1 : n]
    assert read_outcomes(path).of["t2", "a"].score == 0.25


def test_one_writer_and_no_other_kind_of_file(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    with OutcomeFile.create(path, HEADER), pytest.raises(LabError, match="open in another lab"):
        OutcomeFile.open(path)
    with pytest.raises(LabError, match="exists already"):
        OutcomeFile.create(path, HEADER)
    path.write_bytes(path.read_bytes() + b"\n[[outcome]]\nwhat = 1\n\n[[trial]]\nid = 1\n")
    with pytest.raises(LabError) as caught:
        read_outcomes(path)
    assert len(caught.value.parts) == 2
    assert "'trial'" in str(caught.value.parts[1])
    path.write_text('schema_version = 1\nname = "x"\n')
    with pytest.raises(LabError, match="not a session of outcomes"):
        read_outcomes(path)
