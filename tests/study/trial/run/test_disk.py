"""A trial whose disk is full: it stops, says so, and goes on once there is room."""

import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

from routerlab.core.errors import Exit
from routerlab.study.trial.protocol.session import answered, recorded
from tests.conftest import PATIENCE_S
from tests.study.benchmark.harness import count, result
from tests.study.trial.harness import protocol_file


def trial(folder: Path, *args: str, bytes_a_file: int = resource.RLIM_INFINITY) -> "tuple[int, str]":
    """Exit code and stderr of the command, no file of which grows beyond a size: the kernel sees to that."""
    done = subprocess.run(
        [sys.executable, "-m", "routerlab", "trial", *args],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_a_file, resource.RLIM_INFINITY)),
    )
    return done.returncode, done.stderr


def test_a_full_disk_stops_a_trial_and_nothing_is_lost_or_repeated(tmp_path: Path) -> None:
    protocol_file(tmp_path, cases=20, sessions=20, rate=200.0)
    assert trial(tmp_path, "lock", "protocol.toml")[0] == Exit.OK
    run = ("run", "protocol.toml", "--out", "s.toml")
    code, said = trial(tmp_path, *run, bytes_a_file=24_000)
    assert code == Exit.USAGE, said
    assert "Traceback" not in said
    assert "s.toml" in said.strip().splitlines()[-1]
    sent = count(tmp_path / "s.toml")
    assert 0 < sent < 60
    assert trial(tmp_path, *run)[0] == Exit.OK
    session = result(tmp_path / "s.toml")
    planned = recorded(tmp_path / "s.toml", session).planned
    assert Counter(t.session for t in session.trials) == Counter(p.id for p in planned)
    assert len(answered(session)) == len(planned)
    assert any(
        "interrupted after" in (mark.reason or "") for mark in session.marks if mark.kind == "deviation"
    )
