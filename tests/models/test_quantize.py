"""Quantizing a real model file in a real process: named when whole, recorded, stopped, refused."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import gguf
import numpy as np
import pytest

from routerlab.core.errors import LabError
from routerlab.models.fingerprint import hash_file
from routerlab.models.gguf import read_header
from routerlab.models.progress import Progress, StoppedError
from routerlab.models.pull import recorded_sha256
from routerlab.models.quantize import TYPES, load_origin, quantize, target_name, type_named
from tests.conftest import PATIENCE_S
from tests.engine import tiny
from tests.proc import alive


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tiny.build(tmp_path / "tiny.F32.gguf", "llama", tiny.TEMPLATES["chatml"])


def test_it_is_made_beside_its_source_and_says_from_what(source: Path) -> None:
    told: list[Progress] = []
    made, origin = quantize(source, "Q8_0", None, told.append)
    assert made == source.with_name("tiny.Q8_0.gguf")
    assert read_header(made).quantization == origin.quantization == "Q8_0"
    assert load_origin(made) == origin
    assert (origin.source, origin.source_quantization) == ("tiny.F32.gguf", "F32")
    assert origin.source_sha256 == hash_file(source)
    assert origin.sha256 == recorded_sha256(made) == hash_file(made)
    assert "llama.cpp" in origin.library
    assert origin.warnings == []
    bars = [p for p in told if p.stage == "quantize"]
    assert [p.done for p in bars] == sorted(p.done for p in bars)
    assert bars[-1].done == bars[-1].total == source.stat().st_size


def test_the_same_bytes_come_of_it_every_time(source: Path) -> None:
    first, _ = quantize(source, "Q4_0", None, lambda _: None)
    again, _ = quantize(source, "Q4_0", source.with_name("again.gguf"), lambda _: None)
    assert first.read_bytes() == again.read_bytes()


def test_few_bits_and_a_quantized_source_are_warned_of(source: Path) -> None:
    made, _ = quantize(source, "Q8_0", None, lambda _: None)
    _, origin = quantize(made, "Q4_0", None, lambda _: None)
    lost, imatrix = origin.warnings
    assert lost.startswith("made from Q8_0")
    assert "importance matrix" in imatrix


def test_made_before_it_is_not_made_again(source: Path) -> None:
    made, origin = quantize(source, "Q8_0", None, lambda _: None)
    before = made.stat().st_mtime_ns
    assert quantize(source, "Q8_0", None, lambda _: None) == (made, origin)
    assert made.stat().st_mtime_ns == before


def test_another_file_is_never_written_over(source: Path) -> None:
    other = source.with_name("tiny.Q8_0.gguf")
    other.write_text("mine")
    with pytest.raises(LabError, match="was not made from this file"):
        quantize(source, "Q8_0", None, lambda _: None)
    assert other.read_text() == "mine"
    with pytest.raises(LabError, match="is F32 already"):
        quantize(source, "F32", None, lambda _: None)


def test_what_the_library_refuses_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "odd.gguf", "of-no-known-family")
    writer.add_tensor("t", np.ones(64, dtype=np.float32))
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        step()
    writer.close()
    with pytest.raises(LabError, match=r"odd\.gguf: cannot be quantized: .*architecture"):
        quantize(tmp_path / "odd.gguf", "Q8_0", None, lambda _: None)
    assert [p.name for p in tmp_path.glob("**/*") if p.is_file() and p.suffix != ".lock"] == ["odd.gguf"]


def test_stopped_it_leaves_no_file_and_no_process(source: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        quantize(source, "Q8_0", None, lambda _: None, stop)
    assert not source.with_name("tiny.Q8_0.gguf").exists()
    assert not list(source.parent.glob("**/*.part"))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_it_leaves_no_half_and_no_program(smollm2: Path, tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / smollm2.name).symlink_to(smollm2)
    command = [sys.executable, "-m", "routerlab", "models", "quantize", smollm2.name, "--to", "f32"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    part = tmp_path / "models" / ".partial" / "SmolLM2-135M-Instruct.F32.gguf.part"
    end = time.monotonic() + PATIENCE_S
    while not (part.exists() and part.stat().st_size):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    children = [int(p) for p in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    process.send_signal(how)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == (-9 if how == signal.SIGKILL else 130)
    assert "Traceback" not in told
    while any(alive(pid) for pid in children):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert not (tmp_path / "models" / "SmolLM2-135M-Instruct.F32.gguf").exists()
    assert part.exists() == (how == signal.SIGKILL)


def test_names_follow_the_sources() -> None:
    at = Path("m")
    assert target_name(at / "SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1", "Q4_0") == (
        "SmolLM2-135M-Instruct.Q4_0.gguf"
    )
    assert target_name(at / "qwen-q4_k_m.gguf", "Q4_K_M", "Q8_0") == "qwen-q8_0.gguf"
    assert target_name(at / "plain.gguf", "F16", "Q4_0") == "plain.Q4_0.gguf"


def test_types_are_taken_in_any_case_and_others_named() -> None:
    assert type_named("q4_k_m") == "Q4_K_M"
    assert "IQ2_XXS" not in TYPES  # llama.cpp makes it with an importance matrix only
    with pytest.raises(LabError, match="Q4_0"):
        type_named("q9")
