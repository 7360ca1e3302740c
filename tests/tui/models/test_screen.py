"""The models screen: pulled over real sockets, quantized by the real program, stopped, removed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from routerlab import resources
from routerlab.core.taxonomy import load_taxonomy
from routerlab.models.progress import Progress
from routerlab.models.pull import partial_bytes
from routerlab.models.quantize import TYPES
from routerlab.models.stock import Stock
from routerlab.resources import TAXONOMY
from routerlab.settings import Settings
from routerlab.tui.models import screen as shown
from routerlab.tui.models.jobs import Job
from routerlab.tui.models.mode import ModelsMode
from tests.engine import tiny
from tests.models import harness as pulling
from tests.models.harness import BODY, SHA, Server, entry
from tests.tui.harness import Watch, app_in, settle

server, alone = pulling.server, pulling.alone  # where pytest looks for fixtures
CATALOG = f"""
schema_version = 1
[[model]]
id = "tiny"
name = "Tiny"
file = "tiny.gguf"
size = {len(BODY)}
sha256 = "{SHA}"
license = "MIT"
parameters = "64"
quantization = "F32"
accept = true
license_url = "terms of Tiny"
source = [{{ kind = "hub", repo = "who/tiny", file = "tiny.gguf" }}]
"""


@asynccontextmanager
async def models(size: tuple[int, int] = (100, 30)) -> AsyncIterator[Watch[ModelsMode]]:
    mode = ModelsMode(load_taxonomy(TAXONOMY), Settings())
    app = app_in(mode, Settings())
    async with app.run_test(size=size, notifications=True) as pilot:
        watch = Watch(app, mode, pilot)
        await watch.until(lambda: bool(mode.page.rows), "the models")
        yield watch


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder, and a catalogue of one model."""
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(CATALOG)
    monkeypatch.setattr(resources, "CATALOG", catalog)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.mark.usefixtures("alone")
async def test_a_pull_is_stopped_goes_on_and_is_removed(folder: Path, server: Server) -> None:
    server.files["tiny.gguf"] = BODY
    server.stall = "tiny"
    async with models() as s:
        await s.shows("tiny", "to pull", "p pulls it")
        await s.pilot.press("p")
        await s.shows("terms of Tiny")
        await s.pilot.press("enter")
        assert not s.mode.jobs.all, "terms are not accepted by the first line"
        await s.pilot.press("enter", "down", "enter")
        await s.shows("pull tiny", "% ", "of 1.0 MB")
        await s.pilot.press("c")
        server.go.set()  # the socket must have something to say for the pull to look up
        await s.shows("stopped; what was downloaded is kept", "unfinished")
        assert 0 < partial_bytes(entry(), folder) < len(BODY)
        await s.pilot.press("p", "down", "enter")
        await s.until(lambda: (folder / "tiny.gguf").exists(), "the file")
        await s.shows("1 here, 1.0 MB")
        assert (folder / "tiny.gguf").read_bytes() == BODY
        await s.pilot.press("v")
        await s.shows("verify tiny", "ok (catalogue)")
        await s.pilot.press("d", "enter")
        assert (folder / "tiny.gguf").exists()
        await s.pilot.press("d", "down", "enter")
        await s.until(lambda: not (folder / "tiny.gguf").exists(), "no file")
        await s.shows("0 here")


async def test_another_quantization_is_made(folder: Path) -> None:
    tiny.build(folder / "my.F32.gguf", "llama", tiny.TEMPLATES["chatml"])
    async with models() as s:
        await s.shows("my.F32", "F32", "here")
        await s.pilot.press("z")
        await s.shows("Quantize my.F32 (F32) to", "Q8_0")
        at = [name for name in TYPES if name != "F32"].index("Q8_0")
        await s.pilot.press(*["down"] * at, "enter")
        await s.until(lambda: (folder / "my.Q8_0.gguf").exists(), "the file")
        await s.shows("my.Q8_0", "2 here")
        (folder / "my.Q8_0.gguf").write_bytes(b"GGUF")
        await s.pilot.press("j", "v")
        await s.shows("MISMATCH")


async def test_what_runs_is_stopped_when_the_app_is_left(folder: Path, server: Server) -> None:
    server.files["tiny.gguf"] = BODY
    server.stall = "tiny"
    async with models() as s:
        await s.pilot.press("p", "down", "enter")
        await s.until(lambda: bool(s.mode.jobs.active and s.mode.jobs.active[0].progress), "a download")
        server.go.set()  # the socket must have something to say for the pull to look up
        await s.pilot.press("q")
        await s.until(lambda: s.app.return_code == 0, "the end")
        assert not s.mode.jobs.active


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_the_screen(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    smol, mine = Path("models/smol.gguf"), Path("models/mine.gguf")
    says = "The smallest: good for trying things out."
    rows = [
        Stock("smollm2-135m", "135M", "Q4_1", 98_362_432, "Apache-2.0", "here", True, smol, 0, says),
        Stock("gemma-3-270m", "270M", "Q4_K_M", 253_100_000, "Gemma", "partial", False, None, 9, ""),
        Stock("phi-4-mini", "3.8B", "Q4_K_M", 2_500_000_000, "MIT", "absent", False, None, 0, ""),
        Stock("mine", None, None, 77, None, "damaged", False, mine, 0, "cannot be read"),
    ]
    monkeypatch.setattr(shown, "stock", lambda: rows)
    monkeypatch.setattr(shown, "_free", lambda folder: 67_200_000_000)
    monkeypatch.setattr(shown, "models_dir", lambda: Path("models"))
    mode = ModelsMode(load_taxonomy(TAXONOMY), Settings())
    told = Progress("download", "downloading from the hub", 101_000_000, 253_100_000)
    mode.jobs.all += [
        Job("verify smollm2-135m", "smollm2-135m", "done", message="ok (catalogue)"),
        Job("pull phi-4-mini", "phi-4-mini", "failed", message="phi-4-mini could not be pulled: no network"),
        Job("pull gemma-3-270m", "gemma-3-270m", "running", told),
        Job("quantize smollm2-135m to Q8_0", "s", "waiting"),
    ]

    app = app_in(mode, Settings())
    drawn = ("67.2 GB free", *(row.id for row in rows), *(job.title for job in mode.jobs.all))

    async def run(pilot: Pilot[None]) -> None:
        watch = Watch(app, mode, pilot)
        await settle(pilot, lambda: all(text in watch.picture() for text in drawn))

    assert snap_compare(app, terminal_size=size, run_before=run)
