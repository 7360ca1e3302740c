"""A session file that somebody removes or replaces while it is open: nothing that was recorded is lost."""

import re
import tempfile
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.session.file import SessionFile, read_session
from tests.core.session.harness import HEADER, note


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("more", [False, True])
def test_all_of_it_is_saved_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool, more: bool
) -> None:
    path = tmp_path / "s.toml"
    (tmp_path / "rescue").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "rescue"))
    file = SessionFile.create(path, HEADER)
    file.append(note(1, note="n1"))
    if replaced:
        (tmp_path / "new.toml").write_bytes(path.read_bytes())
        (tmp_path / "new.toml").replace(path)
    else:
        path.unlink()
    if more:
        for waiting in (1, 2):
            with pytest.raises(LabError, match=f"removed or replaced .* waiting in memory: {waiting}"):
                file.append(note(1 + waiting, note=f"n{1 + waiting}"))
    with pytest.raises(LabError, match="all that it had is in") as told:
        file.close()
    found = re.search(r"is in (\S+\.toml)", str(told.value))
    assert found
    notes = [a.note for a in read_session(Path(found[1])).session.annotations]
    assert notes == (["n1", "n2", "n3"] if more else ["n1"])


def test_one_that_was_moved_is_written_on(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    with SessionFile.create(path, HEADER) as file:
        path.rename(tmp_path / "moved.toml")
        file.append(note(1, note="n1"))
    assert len(read_session(tmp_path / "moved.toml").session.annotations) == 1
