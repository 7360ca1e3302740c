"""A keeper, records that a disk refuses, for good or for a while, and callers that leave."""

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.session.file import read_session
from routerlab.engine.lab.keeper import Keeper
from tests.core.session.harness import HEADER, note


def keeper(path: Path) -> tuple[Keeper, list[str]]:
    told: list[str] = []
    return Keeper(path, None, HEADER, lambda line, _: told.append(line)), told


async def test_a_caller_that_is_cancelled_loses_and_doubles_nothing(tmp_path: Path) -> None:
    (tmp_path / "below").write_text("in the way")
    path = tmp_path / "below" / "s.toml"
    kept, told = keeper(path)
    for n in range(3):
        await kept.append(note(n, note=f"n{n}"))
    assert kept.unsaved == 3
    (tmp_path / "below").unlink()
    asking = asyncio.ensure_future(kept.append(note(3, note="n3")))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await kept.append(note(4, note="n4"))
    await kept.close()
    assert [a.note for a in read_session(path).session.annotations] == [f"n{n}" for n in range(5)]
    assert kept.unsaved == 0
    assert told[-1].endswith("written again, nothing was lost")


async def test_all_records_are_somewhere_where_the_folder_is_back_but_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "below").write_text("in the way")
    kept, _ = keeper(tmp_path / "below" / "s.toml")
    for n in range(3):
        await kept.append(note(n, note=f"n{n}"))
    (tmp_path / "below").unlink()
    write = os.write

    def full(fd: int, data: bytes) -> int:
        if b"[[" in bytes(data) and os.readlink(f"/proc/self/fd/{fd}").endswith("s.toml"):
            raise OSError(28, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(LabError, match=r"the last records \(3\) are in .*\.rescued\.toml"):
        await kept.close()
    (rescued,) = tmp_path.glob("*.rescued.toml")
    assert rescued.read_text().count("[[annotation]]") == 3


async def test_where_nothing_can_be_written_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").write_text("in the way")
    kept, _ = keeper(tmp_path / "below" / "s.toml")
    await kept.append(note(0, note="n0"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(LabError, match="could not be saved anywhere"):
        await kept.close()


async def test_what_waits_is_written_without_another_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, told = keeper(tmp_path / "s.toml")
    await kept.append(note(0, note="n0"))
    write, full = os.write, True

    def writes(fd: int, data: bytes) -> int:
        if full:
            raise OSError(28, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr(os, "write", writes)
    await kept.append(note(1, note="n1"))
    await kept.flush()
    assert (kept.unsaved, len(told)) == (1, 1)
    full = False
    await kept.flush()
    assert kept.unsaved == 0
    assert len(read_session(tmp_path / "s.toml").session.annotations) == 2
    await kept.close()
