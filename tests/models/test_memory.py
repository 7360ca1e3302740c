"""The estimate follows its formula; what is available is bounded by the cgroup."""

from dataclasses import replace
from pathlib import Path

import pytest

from routerlab.core.errors import Exit, LabError
from routerlab.models import memory
from routerlab.models.gguf import GgufHeader

MIB = 1 << 20

SMOL = GgufHeader(
    version=3,
    architecture="llama",
    name="smol",
    parameters=134515008,
    quantization="Q4_1",
    size=98362432,
    tensors=272,
    tensor_bytes=96576768,
    n_layers=30,
    context_length=8192,
    embedding_length=576,
    feed_forward_length=1536,
    heads=9,
    kv_heads=3,
    key_length=None,
    value_length=None,
    vocab_size=49152,
    tokenizer="gpt2",
    chat_template=None,
    sliding_window=None,
    recurrent=False,
    state_per_layer=0,
)


def test_what_llama_cpp_reported_for_smollm2() -> None:
    got = memory.estimate(SMOL, 4096)
    assert got.kv == 90 * MIB
    assert got.weights == 96576768
    assert 19 * MIB <= got.buffers <= 2 * 19 * MIB
    assert got.total == got.weights + got.kv + got.buffers


def test_an_encoder_keeps_nothing() -> None:
    assert memory.estimate(replace(SMOL, encoder=True), 4096).kv == 0


def test_what_llama_cpp_reported_for_gemma_3_270m() -> None:
    gemma = replace(
        SMOL,
        n_layers=18,
        embedding_length=640,
        feed_forward_length=2048,
        heads=4,
        kv_heads=1,
        key_length=256,
        value_length=256,
        vocab_size=262144,
        sliding_window=512,
    )
    got = memory.estimate(gemma, 4096)
    assert got.kv == 72 * MIB
    assert 40 * MIB <= got.buffers <= 2 * 40 * MIB


def test_one_number_a_layer() -> None:
    one = memory.estimate(replace(SMOL, kv_heads=(3,) * 10 + (0,) * 20), 4096)
    assert one.kv == 30 * MIB


def test_sequences_share_the_cache_but_not_a_recurrent_state() -> None:
    assert memory.estimate(SMOL, 4096, 7) == memory.estimate(SMOL, 4096, 1)
    mamba = replace(SMOL, recurrent=True, kv_heads=None, heads=None, state_per_layer=1000)
    assert memory.estimate(mamba, 4096, 7).kv == 7 * 30 * 1000 * 4


def test_a_header_that_says_nothing() -> None:
    nothing = replace(
        SMOL,
        n_layers=None,
        embedding_length=None,
        feed_forward_length=None,
        heads=(),
        kv_heads=(),
        vocab_size=None,
    )
    assert memory.estimate(nothing, 4096).kv == 0


def test_check_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 100_000_000)
    with pytest.raises(LabError, match=r"m.gguf needs about 216.6 MB .*100.0 MB are available") as e:
        memory.check_fits(SMOL, 4096, Path("m.gguf"))
    assert e.value.code == Exit.MISSING
    monkeypatch.setattr(memory, "available_memory", lambda: 10**12)
    memory.check_fits(SMOL, 4096, Path("m.gguf"))


def test_available_memory_is_sane() -> None:
    free, total = memory.available_memory(), memory.total_memory()
    assert 0 < free <= total


def group(root: Path, name: str, limit: str, used: int, cache: int) -> None:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cache}\n")


def test_cgroups_above_this_process_count(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    group(root, "a", "1000", 900, 50)
    group(root, "a/b", "max", 10, 0)
    group(root, "a/b/c", "700", 100, 0)
    membership = tmp_path / "self"
    membership.write_text("1:cpu:/x\n0::/a/b/c\n")
    assert list(memory._cgroup_room(root, membership)) == [600, 150]
    membership.write_text("0::/../../..\n")  # as seen from inside a namespace
    assert list(memory._cgroup_room(root, membership)) == []
    assert list(memory._cgroup_room(root, tmp_path / "none")) == []
