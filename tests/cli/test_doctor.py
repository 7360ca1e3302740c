"""`doctor` where it measures: what it prints and writes, and how it ends when it is stopped."""

import json
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from routerlab.bench import threads, types
from routerlab.cli.doctor import doctor
from routerlab.core.errors import LabError
from routerlab.engine.worker import build
from routerlab.paths import config_file
from routerlab.settings import load_settings, set_threads
from tests.conftest import PATIENCE_S
from tests.proc import alive

OWN = """# mine
theme = "nord"  # dark
arms = [
  "a:json",
]
threads = 8   # all of them

[keys]
threads = "t"
"""


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab with a file in models/, settings of its own, and no library to ask."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))

    def none() -> build.BuildInfo:
        raise LabError("not asked")

    monkeypatch.setattr(build, "describe_build", none)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "small.gguf").write_bytes(b"GGUF")
    (tmp_path / "models" / "large.gguf").write_bytes(b"GGUF" * 2)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> str:
    app = typer.Typer()
    app.command()(doctor)
    result = CliRunner().invoke(app, words)
    if isinstance(result.exception, LabError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def found(model: Path, before: int, **update: Any) -> threads.ThreadsFound:
    rows = [
        threads.Measured(threads=n, cpus=(), what="all CPUs", prefill_ms=100.0 * n, step_ms=9.0)
        for n in (2, 4)
    ]
    told = {
        "model": str(model),
        "before": before,
        "best": 2,
        "pinned": (),
        "busy": 0.0,
        "candidates": tuple(rows),
    }
    return threads.ThreadsFound.model_validate(told | update)


def test_the_best_number_of_threads_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        threads, "measure_threads", lambda model, cpus, before, tell: found(model, before, pinned=(0, 2))
    )
    monkeypatch.setattr("routerlab.models.cpus.usable_numbers", lambda: [0, 1, 2, 3])
    out = " ".join(run("--tune-threads").split())
    assert "4 threads (all CPUs): 400 ms, a step 9.0 ms" in out
    assert f"threads = 2 written into {config_file()} (before: 4)" in out
    assert "taskset -c 0,2 routerlab" in out
    assert load_settings().threads == 2
    data = json.loads(run("--tune-threads", "--format", "json"))["threads"]
    assert (data["before"], data["best"], data["written"]) == (2, 2, None)
    assert Path(data["model"]).name == "small.gguf"
    assert "2 stay: nothing else was surely quicker with large.gguf" in " ".join(
        run("--tune-threads", "--model", "large").split()
    )

    def busy(model: Path, cpus: object, before: int, tell: object) -> threads.ThreadsFound:
        return found(model, before, busy=0.5)

    monkeypatch.setattr(threads, "measure_threads", busy)
    out = " ".join(run("--tune-threads").split())
    assert "nothing written: 50% of the CPUs were busy before it began" in out


def test_types_are_told_by_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (
        types.TypeSpeed(type="Q4_0", ms=100.0, times=1.0),
        types.TypeSpeed(type="Q4_1", ms=231.0, times=2.31),
    )
    monkeypatch.setattr(
        types, "measure_types", lambda n, _: types.TypesFound(threads=n, types=rows, busy=0.57)
    )
    out = " ".join(run("--types").split())
    assert "Q4_0: 100 ms for 192 tokens, the quickest" in out
    assert "Q4_1: 231 ms for 192 tokens, Q4_0 is 2.3 x as quick" in out
    assert "not sure: 57% of the CPUs were busy before it began" in out
    data = json.loads(run("--types", "--format", "json"))
    assert [one["type"] for one in data["types"]["types"]] == ["Q4_0", "Q4_1"]
    plain = json.loads(run("--format", "json"))
    assert not {"types", "threads"} & set(plain)


def test_what_cannot_be_measured_is_said(lab: Path) -> None:
    with pytest.raises(LabError, match="--model says what --tune-threads measures"):
        run("--model", "small")
    for path in (lab / "models").iterdir():
        path.unlink()
    with pytest.raises(LabError, match="no models here"):
        run("--tune-threads")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_settings_keep_all_else(lab: Path, ends: str) -> None:
    own = lab / "dotfiles.toml"
    own.write_bytes(OWN.replace("\n", ends).encode())
    (lab / "settings.toml").symlink_to(own)
    assert set_threads(3, lab / "settings.toml") == lab / "settings.toml"
    assert own.read_bytes().decode() == OWN.replace("threads = 8 ", "threads = 3 ").replace("\n", ends)
    assert (lab / "settings.toml").is_symlink()


def test_settings_without_threads_get_them_before_all_tables(lab: Path) -> None:
    file = lab / "settings.toml"
    text = OWN.replace("threads = 8   # all of them\n", "")
    file.write_text(text)
    set_threads(3, file)
    assert file.read_text() == f"threads = 3\n{text}"
    assert load_settings(file).threads == 3
    set_threads(4, lab / "new" / "settings.toml")
    assert tomllib.loads((lab / "new" / "settings.toml").read_text()) == {"threads": 4}


def test_settings_that_are_not_valid_stay_as_they_are(lab: Path) -> None:
    file = lab / "settings.toml"
    file.write_text("thraeds = 8\n")
    with pytest.raises(LabError, match="thraeds"):
        set_threads(3, file)
    assert file.read_text() == "thraeds = 8\n"


def test_stopped_it_ends_with_130_and_leaves_nothing(lab: Path) -> None:
    (lab / "tmp").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(lab / "tmp"))
        process = subprocess.Popen(
            [sys.executable, "-m", "routerlab", "doctor", "--types"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("making models: 1/6")
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    end = time.monotonic() + PATIENCE_S
    while not (children := listed.read_text().split()):
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert told.splitlines()[-1] == "interrupted"
    assert "Traceback" not in told
    while any(alive(int(pid)) for pid in children):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert list((lab / "tmp").iterdir()) == []
