"""Looks at the outcomes that the protocol does not have: each is written down, whoever takes it.

While a run has the session open, they wait in a file beside it, which the run takes into the session.
"""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from routerlab.core.errors import LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.session.file import SessionFile
from routerlab.core.session.run import Mark
from routerlab.core.session.session import Session
from routerlab.study.trial.protocol.session import ended


def peeks_path(session: Path) -> Path:
    """Where peeks wait while the session cannot be written."""
    return session.with_name(f"{session.name}.peeks")


def note_peek(session: Path, how: str) -> None:
    """Write down that somebody looked; LabError when that is not possible: then nothing is to be shown."""
    now = datetime.now(UTC)
    reason = f"looked at the outcomes before the end ({how}, {now:%Y-%m-%d %H:%M:%S} UTC)"
    file = None
    with suppress(LabError):  # a run has it open
        file = SessionFile.open(session)
    if file is not None:
        with file:
            file.append(Mark(at=now, reason=reason, kind="deviation"))
        return
    try:
        with _lock(session), peeks_path(session).open("a", encoding="utf-8") as f:
            f.write(reason + "\n")
            f.flush()
            os.fsync(f.fileno())
    except OSError as e:
        raise LabError(f"{peeks_path(session)}: cannot be written: {e.strerror}") from None


def note_early_look(path: Path, session: Session, how: str) -> bool:
    """Whether the session is of a trial that is not over; then it is written down that somebody looked."""
    early = bool(session.runs) and session.runs[-1].kind == "trial" and ended(session) is None
    if early:
        note_peek(path, how)
    return early


def waiting_peeks(session: Path) -> list[str]:
    """The peeks that are not in the session yet."""
    with suppress(OSError, UnicodeDecodeError):
        return peeks_path(session).read_text(encoding="utf-8").splitlines()
    return []


def forget_peeks(session: Path, taken: int) -> None:
    """So many are in the session now; what came since then waits."""
    path = peeks_path(session)
    with _lock(session):
        if left := waiting_peeks(session)[taken:]:
            write_new(path, "".join(f"{reason}\n" for reason in left).encode())
        else:
            path.unlink(missing_ok=True)


def _lock(session: Path) -> FileLock:
    path = peeks_path(session)
    return FileLock(path.with_name(f".{path.name}.lock"), mode=0o666)  # whoever looks may be another user
