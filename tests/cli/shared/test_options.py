"""What a command opens: the files a session pins come back, and a stranger's paths lead nowhere."""

import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from routerlab.cli.shared.open import open_materials
from routerlab.cli.shared.options import Machine, settings_with, spread
from routerlab.core.corpus import Corpus, load_corpus
from routerlab.core.errors import LabError
from routerlab.core.session.file import SessionFile
from routerlab.core.session.session import pin_corpus, pin_taxonomy, pinned, pinned_files
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import ROUTING60, TAXONOMY
from tests.core.session.harness import HEADER

TWO = """schema_version = 1
name = "two"
version = "1"
label = [{ name = "a", family = "f", cue = "x" }, { name = "b", family = "f", cue = "y" }]
"""
ONE_CASE = (
    'schema_version = 1\nname = "c"\ntaxonomy = "two"\ncase = [{ id = "1", prompt = "p", label = "a" }]\n'
)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own labels and cases, and a session that pins them."""
    (tmp_path / "two.toml").write_text(TWO)
    (tmp_path / "cases.toml").write_text(ONE_CASE)
    monkeypatch.chdir(tmp_path)
    here = Path.cwd()
    taxonomy = load_taxonomy(here / "two.toml")
    corpus = load_corpus(here / "cases.toml", taxonomy)
    pins = {
        "taxonomy": pin_taxonomy(taxonomy, here / "two.toml"),
        "corpus": pin_corpus(corpus, here / "cases.toml"),
    }
    SessionFile.create(here / "s.toml", HEADER.model_copy(update=pins)).close()
    return here


def test_a_session_brings_its_taxonomy_and_corpus_back(workspace: Path) -> None:
    found = open_materials(None, None, Path("s.toml"))
    assert found.taxonomy.name == "two"
    assert found.corpus is not None
    assert found.corpus.name == "c"


def test_a_workspace_that_moved_still_opens(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = workspace.parent / "moved"
    shutil.copytree(workspace, moved)
    shutil.rmtree(workspace)
    monkeypatch.chdir(moved)
    assert open_materials(None, None, Path("s.toml")).taxonomy.name == "two"


def test_what_is_named_wins_over_the_session(workspace: Path) -> None:
    found = open_materials(TAXONOMY, ROUTING60, Path("s.toml"))
    assert found.taxonomy.name == "front-door"


def test_no_session_means_what_ships(workspace: Path) -> None:
    found = open_materials(None, None, Path("new.toml"))
    assert found.corpus is not None
    assert (found.taxonomy.name, found.corpus.name) == ("front-door", "routing60")
    assert open_materials(Path("two.toml"), None).corpus is None


def test_a_pinned_path_is_followed_below_the_workspace_only(workspace: Path) -> None:
    outside = workspace.parent / "outside.toml"
    outside.write_text(TWO)
    pin = HEADER.taxonomy.model_copy(update={"path": "../outside.toml"})
    assert pinned_files(pin, workspace / "s.toml", TAXONOMY) == [TAXONOMY]
    (workspace / "link.toml").symlink_to(outside)
    pin = HEADER.taxonomy.model_copy(update={"path": "link.toml"})
    assert pinned_files(pin, workspace / "s.toml", TAXONOMY) == [TAXONOMY]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ([], None),
        (["--device", "CUDA0"], ["CUDA0"]),
        (["--device", "CUDA0, CUDA1", "--device", "cpu"], ["CUDA0", "CUDA1", "cpu"]),
        (["--device", ","], None),
    ],
)
def test_devices_once_a_name_or_with_commas(given: list[str], names: list[str] | None) -> None:
    seen: list[object] = []
    lab = typer.Typer()

    @lab.command()
    @spread
    def command(*, on: Machine) -> None:
        seen.extend((on.devices, on.gpu_layers))

    for spelling in ("--layers", "--gpu-layers"):
        seen.clear()
        result = CliRunner().invoke(lab, [*given, spelling, "3"])
        assert result.exit_code == 0, result.output
        assert seen == [names, 3]


def test_options_win_over_the_settings_file(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = own_folders / "other-config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    (config / "routerlab").mkdir(parents=True, exist_ok=True)
    file = config / "routerlab" / "settings.toml"
    file.write_text('annotator = "ada"\ncontext = 1024\n')
    found = settings_with(context=2048, threads=None)
    assert (found.annotator, found.context, found.threads) == ("ada", 2048, None)
    file.write_text('annotator = "ada"\ncontxt = 1024\n')
    with pytest.raises(LabError, match=r"settings.toml:2: contxt"):
        settings_with()


def test_a_file_of_prompts_is_a_corpus_that_a_session_can_pin(workspace: Path) -> None:
    Path("p.csv").write_text("Prompt;label\nwhy;CoT/simple\n")
    found = open_materials(TAXONOMY, Path("p.csv"), Path("s.toml"))
    again = open_materials(TAXONOMY, Path("p.csv"), Path("s.toml"))
    assert found.corpus is not None
    assert [(case.prompt, case.label) for case in found.corpus.case] == [("why", "CoT/simple")]
    assert found.corpus_path is not None
    assert found.corpus_path == again.corpus_path == next(Path("corpora").iterdir())
    assert pinned(pin_corpus(found.corpus, found.corpus_path), Path("s.toml"), ROUTING60, Corpus)
    Path("q.csv").write_text("question\nwhy\n")
    with pytest.raises(LabError, match=r"with --map prompt=KEY of `routerlab corpus import`$"):
        open_materials(TAXONOMY, Path("q.csv"))
    Path("corpus").write_text(Path("cases.toml").read_text())
    assert open_materials(Path("two.toml"), Path("corpus")).corpus_path == Path("corpus")
