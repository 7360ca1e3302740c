"""Hashes are right, remembered, and forgotten when the file changes."""

import hashlib
import os
from pathlib import Path

import pytest

from routerlab.core.errors import Exit, LabError
from routerlab.models import fingerprint


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "cache" / "hashes.json"
    monkeypatch.setattr(fingerprint, "_file", lambda: file)
    return file


def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Counts the files that are really read."""
    seen: list[Path] = []
    real = fingerprint.hash_file

    def counted(path: Path, progress: object = None) -> str:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(fingerprint, "hash_file", counted)
    return seen


def test_hash_and_progress(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * (fingerprint.CHUNK + 5))
    steps: list[tuple[int, int]] = []
    digest = fingerprint.hash_file(file, lambda done, total: steps.append((done, total)))
    assert digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert steps == [
        (fingerprint.CHUNK, fingerprint.CHUNK + 5),
        (fingerprint.CHUNK + 5, fingerprint.CHUNK + 5),
    ]


def test_second_time_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    seen = reads(monkeypatch)
    first = fingerprint.file_sha256(file)
    assert fingerprint.file_sha256(file) == first == hashlib.sha256(b"abc").hexdigest()
    assert len(seen) == 1


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    fingerprint.file_sha256(file)
    file.write_bytes(b"abd")  # same size
    os.utime(file, ns=(1, 1))
    assert fingerprint.file_sha256(file) == hashlib.sha256(b"abd").hexdigest()


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    file, other = tmp_path / "f", tmp_path / "g"
    for f, content in ((file, b"abc"), (other, b"xyz")):
        f.write_bytes(content)
        os.utime(f, ns=(7, 7))
    fingerprint.file_sha256(file)
    other.replace(file)  # same size and time, another inode
    assert fingerprint.file_sha256(file) == hashlib.sha256(b"xyz").hexdigest()


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b"\xff\xfe", b'{"x": 3}', b"[" * 100_000])
def test_a_damaged_cache_is_no_error(tmp_path: Path, cache: Path, junk: bytes) -> None:
    cache.parent.mkdir()
    cache.write_bytes(junk)
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    for _ in range(2):
        assert fingerprint.file_sha256(file) == hashlib.sha256(b"abc").hexdigest()


def test_entries_of_the_wrong_shape_are_ignored(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    cache.parent.mkdir()
    cache.write_text(f'{{"{file}": {{"stamp": "no", "sha256": 5}}}}')
    assert fingerprint.file_sha256(file) == hashlib.sha256(b"abc").hexdigest()


def test_an_unwritable_cache_is_no_error(tmp_path: Path, cache: Path) -> None:
    cache.parent.write_bytes(b"a file where the folder should be")
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    assert fingerprint.file_sha256(file) == hashlib.sha256(b"abc").hexdigest()


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no such file") as e:
        fingerprint.file_sha256(tmp_path / "none")
    assert e.value.code == Exit.MISSING
