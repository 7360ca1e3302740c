"""Damaged GGUF files and the header reader, which runs in the lab's own process: an error, soon, in little
memory, and never anything else."""

import random
import struct
import time
import tracemalloc
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.models.gguf import read_header
from tests.engine import tiny
from tests.faults.fuzz import damaged_gguf

MOST_BYTES = 16 << 20
MOST_SECONDS = 5.0


def read(path: Path, memory: bool = True) -> str | None:
    """The error, None when there was none; once against the clock, and once against the memory it takes."""
    start = time.process_time()
    error = _error(path)
    assert time.process_time() - start < MOST_SECONDS
    if not memory:
        return error
    tracemalloc.start()
    assert _error(path) == error
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MOST_BYTES
    return error


def _error(path: Path) -> str | None:
    try:
        read_header(path)
    except LabError as e:
        return str(e)
    return None


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_damaged_headers(tmp_path: Path, family: tiny.Family) -> None:
    whole = tiny.build(tmp_path / "whole.gguf", family, tiny.TEMPLATES["chatml"]).read_bytes()
    file = tmp_path / "damaged.gguf"
    errors = []
    for seed in range(60):
        file.write_bytes(damaged_gguf(whole, random.Random(f"{family}/{seed}")))
        errors.append(read(file))
    refused = [e for e in errors if e is not None]
    assert 20 < len(refused) < 60
    assert all(str(file) in e and "\n" not in e for e in refused)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.5, 0.9, 0.999])
def test_truncated_files(tmp_path: Path, share: float) -> None:
    whole = tiny.build(tmp_path / "whole.gguf", "llama").read_bytes()
    file = tmp_path / "cut.gguf"
    file.write_bytes(whole[: int(len(whole) * share)])
    assert read(file) is not None


@pytest.mark.parametrize("count", [1 << 22, 1 << 40])
@pytest.mark.parametrize("kind", [0, 8, 12])
def test_huge_arrays_in_a_file_that_seems_large_enough(tmp_path: Path, kind: int, count: int) -> None:
    """A terabyte of nothing, as a sparse file holds it."""
    file = tmp_path / "sparse.gguf"
    key = b"general.name"
    head = struct.pack("<4sIQQ", b"GGUF", 3, 1, 1) + struct.pack("<Q", len(key)) + key
    file.write_bytes(head + struct.pack("<IIQ", 9, kind, count))
    with file.open("r+b") as f:
        f.truncate(1 << 40)
    assert read(file, memory=kind != 8) is not None  # counting it makes the long loop ten times slower
