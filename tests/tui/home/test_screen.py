"""Home: what it finds, what it opens, and how it looks."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.pilot import Pilot

from routerlab.core.session.file import SessionFile
from routerlab.core.session.run import Mark
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.arms.arm import Spec
from routerlab.engine.lab.lab import Lab
from routerlab.resources import TAXONOMY
from routerlab.settings import Settings
from routerlab.tui.annotate.screen import AnnotateScreen
from routerlab.tui.app import OpenLab
from routerlab.tui.home import screen as shown
from routerlab.tui.home.look import Entry, entries
from routerlab.tui.home.mode import HomeMode
from routerlab.tui.lab.screen import LabScreen
from routerlab.tui.models.screen import ModelsScreen
from routerlab.tui.results.screen import ResultsScreen
from tests.conftest import REPO
from tests.tui.annotate.harness import mode_on, secret
from tests.tui.harness import Watch, app_in, no_lab, settle
from tests.tui.scripted import bench, specs
from tests.tui.trial.harness import lab_of, script_of, work_of


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, of a user who is new."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    for name in ("sessions", "corpus", "models"):
        (tmp_path / name).mkdir()
    return tmp_path


@asynccontextmanager
async def home(open_lab: OpenLab = no_lab) -> AsyncIterator[Watch[HomeMode]]:
    settings = Settings(annotator="ada")
    mode = HomeMode(load_taxonomy(TAXONOMY), settings)
    app = app_in(mode, settings, open_lab)
    async with app.run_test(size=(110, 45), notifications=True) as pilot:
        watch = Watch(app, mode, pilot)
        await watch.until(lambda: bool(mode.page.found), "what is here")
        yield watch


async def asked(lab: Lab) -> None:
    """Ask one arm all cases."""
    lab.add_arm(specs(1)[0])
    await lab.settled()
    lab.replay(lab.cases())
    await lab.finished()
    await lab.close()


def chosen(s: Watch[HomeMode]) -> Entry | None:
    return s.mode.page.chosen


async def choose(s: Watch[HomeMode], kind: str, name: str) -> None:
    """Move the cursor there."""
    for _ in range(60):
        entry = chosen(s)
        if entry and (entry.kind, entry.name) == (kind, name):
            return
        await s.pilot.press("j")
    raise AssertionError(f"no {kind} {name} in\n{s.picture()}")


async def test_what_is_here_by_kind(workspace: Path) -> None:
    await asked(bench(workspace / "sessions").lab)
    mode_on(workspace / "sessions" / "made.ada.toml", secret(2)).desk.file.close()
    work = work_of(workspace, 2, 10, 500.0)
    lab = lab_of(workspace, work, script_of(work), Settings())
    lab.path = workspace / "sessions" / "trial.toml"
    await lab.record(work.run)
    await lab.close()
    (workspace / "sessions" / "broken.toml").write_text("schema_version = 99")
    (workspace / "corpus" / "mine.toml").write_text("schema_version = 1\n[[case]]\nprompt = 'a'\n")
    (workspace / "corpus" / "hashes.toml").write_text("schema_version = 1\n[[case]]\nprompt_sha256 = 'a'\n")
    found, faults = entries()
    kinds = {(entry.kind, entry.name): entry for entry in found}
    trial = kinds["trial", "small"]
    assert trial.facts == "0 sessions answered, 10 planned an arm"
    assert kinds["session", "session"].facts == "12 answers, on routing60"
    assert kinds["corpus", "mine"].facts == "1 case"
    assert ("corpus", "routing60") in kinds
    assert ("corpus", "hashes") not in kinds, "it has no prompts"
    router = kinds["router", "smollm2-135m"]
    assert router.facts.startswith("accuracy .")
    assert not router.ready
    assert "not here" in router.more
    assert {entry.name for entry in found if entry.kind == "pull"} >= {"smollm2-135m"}
    assert "broken.toml" in faults[0]
    with SessionFile.open(lab.path) as file:
        file.append(Mark(at=datetime.now(UTC), reason="every session is answered", kind="end"))
    assert ("result", trial.name) in {(entry.kind, entry.name) for entry in entries()[0]}


def test_what_an_editor_leaves_in_the_folder_does_no_harm(workspace: Path) -> None:
    (workspace / "sessions" / ".#monday.toml").symlink_to("ada@host.1234:1")
    found, faults = entries()
    assert not faults
    assert not [entry for entry in found if entry.kind == "session"]


def test_a_line_is_the_same_while_it_ages() -> None:
    path = Path("sessions/monday.toml")
    younger = Entry("session", "monday", "1 answer", path, "last written 2 s ago")
    older = Entry("session", "monday", "2 answers", path, "last written 3 s ago")
    assert younger == older


async def test_annotations_whose_prompts_are_gone_are_told(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Entry("labels", "made by ada", "60 annotations", Path("gone.toml"), ready=False)
    monkeypatch.setattr(shown, "entries", lambda: ([gone], []))
    async with home() as s:
        await s.shows("finds nothing here: begin routerlab where the file was named")
        await s.pilot.press("enter")
        await s.shows("gone.toml: is not here")
        assert s.app.current_mode == "home"


async def test_the_first_time_three_lines_help(workspace: Path) -> None:
    (workspace / "sessions" / "example.toml").write_text((REPO / "sessions" / "example.toml").read_text())
    async with home() as s:
        await s.shows("F8 pulls a model", "F3 opens the Lab", "F4 labels prompts", "Corpora")
        await s.pilot.press("f1")
        await s.shows("What is here", "Go to")


async def test_a_session_a_corpus_and_a_missing_model_are_opened_where_they_belong(workspace: Path) -> None:
    await asked(bench(workspace / "sessions").lab)
    wanted: list[tuple[Path | None, Path | None]] = []

    def open_lab(session: Path | None, corpus: Path | None) -> tuple[Lab, list[Spec]]:
        wanted.append((session, corpus))
        return bench(workspace / "other").lab, []

    async with home(open_lab) as s:
        await s.shows("session", "12 answers")
        assert "F8 pulls a model" not in s.picture()
        await s.shows("takes the tour")
        await choose(s, "session", "session")
        await s.pilot.press("R")
        await s.until(lambda: isinstance(s.app.screen, ResultsScreen), "the results")
        await s.shows("session.toml", "smollm2-135m")
        await s.pilot.press("f2")
        await choose(s, "corpus", "routing60")
        await s.pilot.press("enter")
        await s.until(lambda: isinstance(s.app.screen, AnnotateScreen), "the annotate screen")
        await s.shows("routing60.ada.toml")
        await s.pilot.press("f2")
        await choose(s, "router", "smollm2-135m")
        await s.shows("gets its model")
        await choose(s, "pull", "qwen2.5-coder-0.5b")
        await s.pilot.press("enter")
        await s.until(lambda: isinstance(s.app.screen, ModelsScreen), "the models")
        models = s.app.screen
        assert isinstance(models, ModelsScreen)
        await s.until(lambda: bool(models.chosen and models.chosen.id == "qwen2.5-coder-0.5b"), "the model")
        await s.pilot.press("f2")
        await choose(s, "session", "session")
        await s.pilot.press("enter")
        await s.until(lambda: isinstance(s.app.screen, LabScreen), "the lab")
    assert wanted == [(Path("sessions/session.toml"), None)]


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "first"])
@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_the_screen(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], begun: bool
) -> None:
    evidence, q = "accuracy .83 (.82 to .84), P95 1.3 s", "qwen2.5-coder-0.5b"
    session = Path("sessions/monday.toml")
    mine = [
        Entry("trial", "march", "212 of 600 sessions answered", Path("march.toml"), "begun 2026-11-28"),
        Entry("session", "monday", "240 answers, 12 annotations, on routing60", session, "begun 2026-11-28"),
        Entry("result", "cpu-three-models", "540 answers, on routing60", Path("sessions/cpu.toml")),
        Entry("labels", "annotations by ada", "60 annotations", Path("corpus/pool.toml")),
    ]
    found = [
        *(mine if begun else []),
        Entry("corpus", "routing60", "60 cases", Path("corpus/routing60.toml"), "The sixty cases."),
        Entry("corpus", "pool", "780 cases", Path("corpus/pool.toml")),
        Entry("router", "smollm2-135m", evidence, Path("routers/smollm2-135m.toml")),
        Entry("router", q, evidence, Path("routers/q.toml"), "its model is not here", ready=False),
        Entry("model", "smollm2-135m", "135M, Q4_1, 98.4 MB", Path("models/s.gguf")),
        Entry("pull", q, "0.5B, Q4_K_M, 491.4 MB, to pull", ready=False),
    ]
    monkeypatch.setattr(shown, "entries", lambda: (found, []))
    monkeypatch.setattr(shown, "offers_tour", lambda: not begun)
    mode = HomeMode(load_taxonomy(TAXONOMY), Settings())
    app = app_in(mode, Settings())

    async def run(pilot: Pilot[None]) -> None:
        watch = Watch(app, mode, pilot)
        await settle(pilot, lambda: found[-1].facts in watch.picture())

    assert snap_compare(app, terminal_size=size, run_before=run)
