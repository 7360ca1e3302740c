"""The header reader agrees with the reference reader, and nothing but LabError comes out of a bad file."""

import random
import struct
import time
from pathlib import Path

import gguf
import numpy as np
import pytest

from routerlab.core.errors import Exit, LabError
from routerlab.models.gguf import GgufHeader, read_header
from routerlab.models.gguf_types import FILE_TYPES, TENSOR_TYPES


def write(path: Path, arch: str = "llama", **numbers: int | list[int]) -> Path:
    """A small GGUF file by the reference writer."""
    w = gguf.GGUFWriter(path, arch)
    w.add_name("Tiny \x1b[31m")
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    w.add_block_count(2)
    w.add_context_length(512)
    w.add_embedding_length(64)
    w.add_head_count(4)
    w.add_head_count_kv([2, 0])
    w.add_sliding_window(128)
    for key, value in numbers.items():
        full = f"{arch}.{key.replace('__', '.')}"
        if isinstance(value, list):
            w.add_array(full, value)
        else:
            w.add_uint32(full, value)
    w.add_bool("general.odd", True)
    w.add_float64("general.pi", 3.14)
    w.add_tokenizer_model("gpt2")
    w.add_token_list([f"token {i}" for i in range(5000)])
    w.add_token_scores([0.5] * 5000)
    w.add_chat_template("{{ messages }}")
    w.add_tensor("norm", np.ones(64, dtype=np.float32))
    w.add_tensor("half", np.ones((3, 64), dtype=np.float16))
    q8 = np.zeros((8, 64 // 32 * 34), dtype=np.uint8)
    w.add_tensor("quantized", q8, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def refused(path: Path, said: str) -> None:
    with pytest.raises(LabError, match=said) as e:
        read_header(path)
    assert e.value.code == Exit.MISSING
    assert path.name in str(e.value)


def test_a_small_file(tiny: Path) -> None:
    h = read_header(tiny)
    assert h == GgufHeader(
        version=3,
        architecture="llama",
        name="Tiny \x1b[31m",
        parameters=64 + 3 * 64 + 8 * 64,
        quantization="Q8_0",
        size=tiny.stat().st_size,
        tensors=3,
        tensor_bytes=h.tensor_bytes,
        n_layers=2,
        context_length=512,
        embedding_length=64,
        feed_forward_length=None,
        heads=4,
        kv_heads=(2, 0),
        key_length=None,
        value_length=None,
        vocab_size=5000,
        tokenizer="gpt2",
        chat_template="{{ messages }}",
        sliding_window=128,
        recurrent=False,
        state_per_layer=0,
    )


def agrees(path: Path) -> None:
    h, oracle = read_header(path), gguf.GGUFReader(path)

    def field(key: str) -> object:
        found = oracle.get_field(key)
        return None if found is None else found.contents()

    arch = h.architecture
    assert arch == field("general.architecture")
    assert h.name == field("general.name")
    assert h.n_layers == field(f"{arch}.block_count")
    assert h.context_length == field(f"{arch}.context_length")
    assert h.embedding_length == field(f"{arch}.embedding_length")
    assert h.heads == field(f"{arch}.attention.head_count")
    kv = field(f"{arch}.attention.head_count_kv")
    assert h.kv_heads == (tuple(kv) if isinstance(kv, list) else kv)
    assert h.chat_template == field("tokenizer.chat_template")
    tokens = oracle.get_field("tokenizer.ggml.tokens")
    assert tokens is not None
    assert h.vocab_size == len(tokens.data)
    assert h.tensors == len(oracle.tensors)
    assert h.parameters == sum(int(t.n_elements) for t in oracle.tensors)
    last = max(oracle.tensors, key=lambda t: t.data_offset)
    assert h.tensor_bytes == int(last.data_offset) + int(last.n_bytes) - oracle.data_offset


def test_agrees_with_the_reference_reader(tiny: Path) -> None:
    agrees(tiny)


def test_a_real_model_agrees(smollm2: Path) -> None:
    agrees(smollm2)


def test_tables_agree_with_the_reference() -> None:
    for kind, (block, size) in gguf.GGML_QUANT_SIZES.items():
        assert TENSOR_TYPES[int(kind)] == (kind.name, block, size)
    for file_type in gguf.LlamaFileType:
        if file_type.name != "GUESSED":
            assert FILE_TYPES[int(file_type)] == file_type.name.replace("MOSTLY_", "").replace("ALL_", "")


def test_recurrent_models(tmp_path: Path) -> None:
    numbers = {"ssm__inner_size": 8, "ssm__state_size": 4, "ssm__conv_kernel": 4, "ssm__group_count": 1}
    h = read_header(write(tmp_path / "mamba.gguf", "mamba2", **numbers))
    assert h.recurrent
    assert h.state_per_layer == 3 * (8 + 2 * 4) + 4 * 8
    assert read_header(write(tmp_path / "hybrid.gguf", "something-new", ssm__inner_size=8)).recurrent
    assert read_header(write(tmp_path / "lfm2.gguf", "lfm2", shortconv__l_cache=3)).recurrent
    assert not read_header(write(tmp_path / "plain.gguf")).recurrent


def test_quantization_without_a_file_type_is_the_commonest(tmp_path: Path) -> None:
    path = write(tmp_path / "f.gguf")
    path.write_bytes(path.read_bytes().replace(b"general.file_type", b"general.file_tyqe"))
    assert read_header(path).quantization == "Q8_0"


def header_bytes(kv: bytes, n_kv: int, n_tensors: int = 1) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, n_tensors, n_kv) + kv


def text(s: str) -> bytes:
    return struct.pack("<Q", len(s.encode())) + s.encode()


ARCH = text("general.architecture") + struct.pack("<I", 8) + text("llama")


def tensor(dims: list[int], kind: int = 0, offset: int = 0) -> bytes:
    return text("t") + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04zip", r"not a GGUF file \(starts with b'PK"),
        (b"GG", "not a GGUF file"),
        (b"GGUF\x03\x00", "truncated"),
        (b"GGUF\x00\x00\x00\x03" + bytes(16), "big-endian"),
        (b"GGUF\x01\x00\x00\x00" + bytes(16), "GGUF version 1"),
        (header_bytes(b"", 0, 0), "no tensors"),
        (header_bytes(b"", 2**63), "cannot be right"),
        (header_bytes(b"", 0, 2**40), "cannot be right"),
        (header_bytes(struct.pack("<Q", 2**62), 1), "a text of"),
        (header_bytes(text("k") + struct.pack("<I", 77), 1), "value type 77"),
        (header_bytes(text("k") + struct.pack("<IIQ", 9, 9, 1), 1), "array of arrays"),
        (header_bytes(text("k") + struct.pack("<IIQ", 9, 8, 2**60), 1), "an array of"),
        (header_bytes(text("k") + struct.pack("<IIQ", 9, 6, 2**61), 1), "truncated"),
        (header_bytes(ARCH + ARCH, 2), "twice"),
        (
            header_bytes(text("general.architecture") + struct.pack("<II", 4, 1), 1)
            + tensor([1])
            + bytes(64),
            "not a text",
        ),
        (header_bytes(b"", 0) + tensor([1]) + bytes(64), "general.architecture is missing"),
        (header_bytes(ARCH, 1) + tensor([1] * 9), "9 dimensions"),
        (header_bytes(ARCH, 1) + tensor([2**62, 2**62, 2**62]), "truncated"),
        (header_bytes(ARCH, 1) + tensor([0]), "shape"),
        (header_bytes(ARCH, 1) + tensor([33], 8), "cannot be Q8_0"),
        (header_bytes(ARCH, 1) + tensor([1], 0, 7), "multiple of 32"),
        (header_bytes(ARCH, 1) + tensor([32], 0, 2**62), "truncated"),
        (
            header_bytes(ARCH + text("general.alignment") + struct.pack("<II", 4, 24), 2)
            + tensor([1])
            + bytes(64),
            "power of two",
        ),
        (
            header_bytes(ARCH + text("llama.block_count") + struct.pack("<II", 4, 2**31), 2)
            + tensor([1])
            + bytes(64),
            "llama.block_count is not a number",
        ),
        (
            header_bytes(ARCH + text("llama.block_count") + struct.pack("<If", 6, 2.0), 2)
            + tensor([1])
            + bytes(64),
            "llama.block_count is not a number",
        ),
    ],
)
def test_faults_are_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    refused(path, said)


def test_a_tensor_type_of_the_future_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "new.gguf"
    path.write_bytes(header_bytes(ARCH, 1) + tensor([32], 99) + bytes(64))
    assert read_header(path).quantization == "type 99"


def test_missing_and_folder(tmp_path: Path) -> None:
    refused(tmp_path / "none.gguf", "no such file")
    refused(tmp_path, "cannot be read")


def test_every_truncation_is_told(tiny: Path, tmp_path: Path) -> None:
    whole = tiny.read_bytes()
    path = tmp_path / "cut.gguf"
    rng = random.Random(5)
    for length in [5, 23, 24, 25, len(whole) - 200, *(rng.randrange(4, len(whole) - 64) for _ in range(60))]:
        path.write_bytes(whole[:length])
        refused(path, "truncated: .*pull it again")
    path.write_bytes(whole[: len(whole) - 300])
    refused(path, r"the header promises [\d,]+ bytes, the file has [\d,]+")


@pytest.mark.parametrize("kind", [8, 4])
def test_a_huge_sparse_file_costs_neither_time_nor_memory(tmp_path: Path, kind: int) -> None:
    """Zeros read as empty texts: a promise of 2^40 of them must end early."""
    path = tmp_path / "sparse.gguf"
    with path.open("wb") as f:
        f.write(header_bytes(text("k") + struct.pack("<IIQ", 9, kind, 4_000_000), 1))
        f.truncate(1 << 40)
    began = time.process_time()
    with pytest.raises(LabError):
        read_header(path)
    assert time.process_time() - began < 20  # of this process alone: all of the promise would take hours


@pytest.mark.parametrize("seed", range(8))
def test_mutations_raise_lab_errors_only(tiny: Path, tmp_path: Path, seed: int) -> None:
    """800 damaged files: whatever was hit, the reader returns or names the fault."""
    rng = random.Random(seed)
    whole = tiny.read_bytes()
    path = tmp_path / "mutant.gguf"
    spots = [*range(700), *(len(whole) - n for n in range(800, 1600))]  # keys and tensor table
    said: list[str] = []
    extremes = [0, 1, 0x7F, 0xFF, 2**16, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
    for _ in range(100):
        mutant = bytearray(whole)
        for _ in range(rng.choice((1, 1, 2, 8))):
            at = rng.choice(spots)
            how = rng.randrange(4)
            if how == 0:
                mutant[at] = rng.randrange(256)
            elif how == 1:
                mutant[at : at + 8] = struct.pack("<Q", rng.choice(extremes))
            elif how == 2:
                mutant[at : at + 4] = struct.pack("<I", rng.choice(extremes) & 0xFFFFFFFF)
            else:
                del mutant[at : at + rng.randrange(1, 9)]
        path.write_bytes(mutant)
        try:
            read_header(path)
        except LabError as e:
            said.append(str(e))
    assert said
    assert all("mutant.gguf" in line and line.isprintable() for line in said)
