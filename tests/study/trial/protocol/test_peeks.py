"""Looks at the outcomes are written down, whatever else happens meanwhile."""

from pathlib import Path

from routerlab.core.session.file import SessionFile, read_session
from routerlab.study.trial.protocol.peeks import forget_peeks, note_peek, peeks_path, waiting_peeks
from tests.core.session.harness import HEADER


def test_a_peek_that_comes_while_others_are_taken_into_the_session_still_waits(tmp_path: Path) -> None:
    session = tmp_path / "s.toml"
    with SessionFile.create(session, HEADER):
        note_peek(session, "one")
        taken = waiting_peeks(session)
        note_peek(session, "two")
        assert (
            tmp_path / ".s.toml.peeks.lock"
        ).stat().st_mode & 0o777 == 0o666  # another user's run takes it
    forget_peeks(session, len(taken))
    (left,) = waiting_peeks(session)
    assert "(two, " in left
    forget_peeks(session, 1)
    assert not peeks_path(session).exists()
    note_peek(session, "three")
    assert [mark.kind for mark in read_session(session).session.marks] == ["deviation"]
