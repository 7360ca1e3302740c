"""What a result says besides its trials comes back whole, from the file and from the cache."""

from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.session.arm import BaselineRecord
from routerlab.core.session.file import peek_session, read_session
from routerlab.core.session.fragment import fragment, header_text
from routerlab.core.session.run import Mark, RunRecord
from routerlab.core.session.session import Event, Session
from routerlab.core.session.snapshot import load_snapshot, save_snapshot
from tests.core.session.harness import ARM, AT, HEADER, note, trial, written

RUN = RunRecord(
    at=AT, kind="bench", name="a", plan='{"name":"a\\nb","seed":1}', percentile="study",
    command="routerlab bench 'a plan.toml'", versions={"llama.cpp": "b1"}, seed=1, sha256="a" * 64,
)  # fmt: skip
MARKS = (
    Mark(at=AT, arm="a", status="ok", took_ms=12.3456, kind="warmup"),
    Mark(at=AT, arm="a", memory={"resident": 1 << 40, "own": 5}, reason="loaded", kind="memory"),
    Mark(at=AT, reason='quotes " and\nlines\x1b[31m', kind="deviation"),
)
BASELINE = BaselineRecord(
    at=AT, kind="baseline", contract="agreement", member=(ARM, ARM), load_ms=1.0, name="both"
)
EVENTS: tuple[Event, ...] = (RUN, ARM, BASELINE, *MARKS, trial(1), note(1, label="code/simple"))


def parts(session: Session) -> tuple[object, ...]:
    return (session.runs, session.marks, session.arms, session.trials, session.annotations)


def test_every_record_comes_back(tmp_path: Path) -> None:
    path = written(tmp_path / "s.toml", *EVENTS)
    session = read_session(path).session
    assert session.runs == [RUN]
    assert [m.model_copy(update={"took_ms": None}) for m in session.marks] == [
        m.model_copy(update={"took_ms": None}) for m in MARKS
    ]
    assert session.marks[0].took_ms == 12.346
    both = session.arms["both"]
    assert isinstance(both, BaselineRecord)
    assert both.member[0] == ARM.model_copy(update={"load_ms": 812.34567})
    assert peek_session(path)[1] == {"run": 1, "arm": 2, "mark": 3, "trial": 1, "annotation": 1}


@pytest.mark.parametrize("event", [RUN, BASELINE, *MARKS])
def test_a_record_cut_short_anywhere_is_no_record(tmp_path: Path, event: Event) -> None:
    whole = fragment(event)
    path = tmp_path / "s.toml"
    for end in range(3, len(whole) - 1):
        path.write_bytes(header_text(HEADER) + whole[:end])
        opened = read_session(path)
        assert not opened.session.runs
        assert not opened.session.marks
        assert not opened.session.arms
        assert opened.torn


def test_the_cache_gives_the_same_session(tmp_path: Path) -> None:
    path = written(tmp_path / "s.toml", *EVENTS)
    session, data = read_session(path).session, path.read_bytes()
    save_snapshot(tmp_path / "cache", path, data, session)
    again = Session(HEADER)
    assert load_snapshot(tmp_path / "cache", path, data, again) == len(data)
    assert parts(again) == parts(session)


def test_a_mark_of_another_kind_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "s.toml", MARKS[0], trial(1))
    path.write_bytes(path.read_bytes().replace(b'"warmup"', b'"party"'))
    with pytest.raises(LabError, match=r"s.toml:\d+: mark.kind: should be 'warmup', "):
        read_session(path)
