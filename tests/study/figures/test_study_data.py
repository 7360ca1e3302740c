"""The script that makes the original study's logs, where it cannot: the data itself is not ours to keep."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from routerlab.core.errors import Exit
from scripts import study_data
from tests.conftest import PATIENCE_S

RESULT = {
    "model_shortname": "m",
    "arm": "B",
    "prompt_id": "c1",
    "gt_label": "code/simple",
    "predicted_label": "code/simple",
    "json_parse_success": True,
    "latency_ms": 12.3456,
    "predicted_confidence": 1.0,
    "cost_usd": 0.5,
    "raw_output": "abc",
}


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(study_data, "DATA", tmp_path / "data")
    return tmp_path / "data"


def commit(folder: Path, files: Mapping[str, str]) -> str:
    """A repository in `folder` with the files in one commit; the commit's hash."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    def git(*args: str) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@t")
        command = ["git", "-C", str(folder), *who, *args]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=PATIENCE_S
        ).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "data")
    return git("rev-parse", "HEAD")


@pytest.mark.parametrize("there", [True, False])
def test_a_repository_without_the_data(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    if there:
        commit(tmp_path / "repo", {"README": "another repository"})
    assert study_data.main(str(tmp_path / "repo")) == Exit.MISSING
    err = capsys.readouterr().err
    assert "repo: has no data/harmonized/harmonized_phi-3.5-mini" in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_logs_other_than_pinned_are_not_written(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = dict.fromkeys((*study_data.STUDY_1, *study_data.STUDY_2), json.dumps({"results": [RESULT]}))
    monkeypatch.setattr(study_data, "COMMIT", commit(tmp_path / "repo", files))
    assert study_data.main(str(tmp_path / "repo")) == Exit.CHECK_FAILED
    err = capsys.readouterr().err
    assert f"not {study_data.SHA256['study1.csv']}; nothing is written" in err
    assert err.count("\n") == 1
    assert not out.exists()
