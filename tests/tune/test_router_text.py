"""Router files as text from strangers: paths that lead elsewhere, keys that nobody knows, wrong values."""

from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.engine.contract.router import FilePin, load_router
from routerlab.engine.lab.specs import router_spec
from routerlab.tune.write import save_toml
from tests.engine import tiny
from tests.engine.workers import one_line
from tests.tune.cascade.test_cascade import router


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A router file as tuning writes it."""
    made = router("r")
    answers = FilePin(file="r.oof.npz", sha256="f" * 64)
    evidence = made.evidence.model_copy(update={"answers": answers})
    save_toml(tmp_path / "r.toml", made.model_copy(update={"evidence": evidence}))
    return tmp_path / "r.toml"


@pytest.mark.parametrize("trick", ["../r.npz", "/etc/passwd", "a/b.npz", "..\\\\r.npz", ""])
@pytest.mark.parametrize("name", ["r.gguf", "r.npz", "r.oof.npz"])
def test_a_file_lies_beside_the_router_or_nowhere(copy: Path, name: str, trick: str) -> None:
    text = copy.read_text()
    assert text.count(f'file = "{name}"') == 1
    copy.write_text(text.replace(f'file = "{name}"', f'file = "{trick}"'))
    with pytest.raises(LabError, match=r"\.file: String should") as e:
        load_router(copy)
    assert str(e.value).startswith(f"{copy}")


def test_the_id_of_a_model_is_no_path(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tiny.build(tmp_path_factory.mktemp("elsewhere") / "any.gguf")
    text = copy.read_text()
    copy.write_text(text.replace('file = "r.gguf"', f'file = "r.gguf"\nid = "{elsewhere}"'))
    with pytest.raises(LabError):
        router_spec(copy)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            'contract = "probe"',
            'contract = "probe"\ncolour = "red"',
            r"r\.toml:4: colour: no key of this name",
        ),
        ('contract = "probe"', 'contract = "json"', r"r\.toml:3: contract: should be"),
        ('contract = "probe"', 'contract = "score"', "a probe has a .head., a score router has none"),
        ("window = 96", "window = 8", r"r\.toml:\d+: window: "),
        ("layer = 3", "layer = -1", r"head\.layer: "),
        ("[head]", "[head]\nother = 1", r"head\.other: no key of this name"),
        ('name = "r"', 'name = "a b"', r"r\.toml:2: name: "),
        ("schema_version = 2", "schema_version = 3", r"r\.toml:1: schema_version: "),
        ("[head]", "[head", r"r\.toml:\d+: not valid TOML"),
    ],
)
def test_faults_of_the_form_name_file_and_place(copy: Path, old: str, new: str, words: str) -> None:
    text = copy.read_text()
    assert old in text
    copy.write_text(text.replace(old, new, 1))
    with pytest.raises(LabError, match=words) as e:
        load_router(copy)
    assert one_line(str(e.value))
