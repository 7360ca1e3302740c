"""A lab over a session that somebody else writes: shown as it comes, annotated in a session of one's own."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from routerlab.cli.shared.open import open_watch
from routerlab.core.errors import LabError
from routerlab.core.session.file import SessionFile, read_session
from routerlab.core.session.fragment import fragment
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.lab.events import Event, Notice, TrialDone
from routerlab.engine.lab.materials import Materials, new_header
from routerlab.resources import TAXONOMY
from routerlab.serve import follow
from routerlab.serve.follow import FollowingLab
from routerlab.serve.tail import Tail
from routerlab.settings import Settings
from routerlab.tui.lab.mode import LabMode
from tests.core.session.harness import ARM, trial
from tests.engine.workers import until
from tests.serve.test_drift import TUNED
from tests.tui.harness import Watch, app_in

MATERIALS = Materials(load_taxonomy(TAXONOMY), TAXONOMY, None, None)


def live(n: int, arm: str = ARM.name, **more: Any) -> Any:
    facts = {"case": None, "prompt_sha256": f"{n // 2:064x}", "arm": arm, "familiarity": 0.5}
    return trial(n, **{**facts, **more})


def test_a_tail_reads_whole_records_and_each_once(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    SessionFile.create(path, new_header(MATERIALS)).close()
    tail = Tail(path)
    assert tail.read() == []
    data, got = fragment(ARM) + fragment(live(1)) + fragment(live(2)), []
    for at in range(0, len(data), 97):  # the writer may be seen in the middle of any record
        with path.open("ab") as f:
            f.write(data[at : at + 97])
        got += tail.read()
    assert [type(e).__name__ for e in got] == ["ArmRecord", "Trial", "Trial"]
    assert got[1:] == read_session(path).session.trials
    assert tail.read() == []
    with path.open("ab") as f:
        f.write(b"\n[[nonsense]]\na = 1\n")
    with pytest.raises(LabError, match="no record this version knows"):
        tail.read()
    path.unlink()
    with pytest.raises(LabError, match="cannot be read"):
        tail.read()


async def test_what_is_annotated_is_kept_with_all_arms_answers_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "EVERY_S", 0.01)
    path, own = tmp_path / "s.toml", tmp_path / "own.toml"
    shadow = ARM.model_copy(update={"name": "shadow"})
    with SessionFile.create(path, new_header(MATERIALS)) as file:
        for event in (ARM, shadow, live(2), live(3, "shadow"), live(4)):
            file.append(event)
        lab = FollowingLab(MATERIALS, Settings(annotator="ada"), Tail(path), own)
        seen: list[Event] = []
        lab.subscribe(seen.append)
        lab.begin()
        await until(lambda: sum(isinstance(e, TrialDone) for e in seen) == 3)
        assert list(lab.arms) == [ARM.name, "shadow"]
        assert not own.exists()
        await lab.annotate("t000002", label="CoT/simple")
        file.append(live(5, "shadow"))  # of a question that is not annotated
        await until(lambda: sum(isinstance(e, TrialDone) for e in seen) == 4)
        with pytest.raises(LabError, match="asks nobody"):
            lab.ask("hi")
        with pytest.raises(LabError, match="asks nobody"):
            lab.replay([])
        await lab.close()
        before = path.read_bytes()
        kept = read_session(own).session
        assert [t.id for t in kept.trials] == ["t000002", "t000003"]
        assert set(kept.arms) == {ARM.name, "shadow"}
        assert kept.current("t000002").label == "CoT/simple"

        again = FollowingLab(MATERIALS, Settings(), Tail(path), own, SessionFile.open(own))
        seen.clear()
        again.subscribe(seen.append)
        again.begin()
        await until(lambda: sum(isinstance(e, TrialDone) for e in seen) == 2)  # the others are in its own
        await again.annotate("t000003", action="flag")
        await again.annotate("t000005", note="odd")
        await again.close()
        assert path.read_bytes() == before
    kept = read_session(own).session
    assert [t.id for t in kept.trials] == [f"t00000{n}" for n in (2, 3, 4, 5)]
    assert len(kept.annotations) == 3
    assert own.read_text().count("[[arm]]") == 2


async def test_drift_is_told_and_a_session_that_breaks_off_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "EVERY_S", 0.01)
    path = tmp_path / "s.toml"
    file = SessionFile.create(path, new_header(MATERIALS))
    lab = FollowingLab(MATERIALS, Settings(), Tail(path), tmp_path / "own.toml", drift=20)
    told: list[str] = []
    lab.subscribe(lambda e: told.append(e.message) if isinstance(e, Notice) else None)
    lab.begin()
    with file:
        for n in range(40):
            file.append(live(2 * n, label="code/simple" if n < 20 else "CoT/simple"))
    await until(lambda: len(told) == 1)
    assert told[0].startswith(f"drift: {ARM.name}: labels: ")
    path.unlink()
    await until(lambda: len(told) == 2)
    assert told[1].startswith("not watched any more: ")
    await lab.close()


async def test_a_router_whose_files_are_here_is_held_against_its_tuning_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "EVERY_S", 0.01)
    path = tmp_path / "s.toml"
    with SessionFile.create(path, new_header(MATERIALS)) as file:
        for event in (TUNED, *(live(2 * n) for n in range(20))):
            file.append(event)
    lab = FollowingLab(MATERIALS, Settings(), Tail(path), tmp_path / "own.toml", drift=20)
    told: list[str] = []
    lab.subscribe(lambda e: told.append(e.message) if isinstance(e, Notice) else None)
    lab.begin()
    await until(lambda: bool(told))
    assert told[0].startswith(f"drift: {ARM.name}: labels: code/simple ")
    assert told[0].endswith(", against tuning)")
    await lab.close()


async def test_the_screen_shows_what_comes(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    with SessionFile.create(path, new_header(MATERIALS)) as file:
        file.append(ARM)
        file.append(live(2))
        lab = FollowingLab(MATERIALS, Settings(annotator="ada"), Tail(path), tmp_path / "own.toml")
        mode = LabMode(lab, [])
        app = app_in(mode, lab.settings)
        async with app.run_test(size=(120, 40)) as pilot:
            here = Watch(app, mode, pilot)
            await here.shows(ARM.name, "(this prompt was not")
            file.append(live(4, familiarity=0.001))
            await here.until(lambda: len(lab._groups) == 2)
            await pilot.press("escape", "U")
            await here.shows("[unfamiliar]", "1 of 2")
            await pilot.press("1")
            await here.until(lambda: len(lab.session.annotations) == 1)
    await asyncio.sleep(0)
    assert [t.id for t in read_session(tmp_path / "own.toml").session.trials] == ["t000004"]


def test_what_cannot_be_watched_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    header = new_header(MATERIALS)
    SessionFile.create(path, header).close()
    with pytest.raises(LabError, match="annotations go to another"):
        open_watch(path, None, None, Settings(), path)
    strange = header.taxonomy.model_copy(update={"sha256": "0" * 64})
    SessionFile.create(tmp_path / "t.toml", header.model_copy(update={"taxonomy": strange})).close()
    with pytest.raises(LabError, match="name it with --taxonomy"):
        open_watch(tmp_path / "t.toml", None, None, Settings(), None)
    (tmp_path / "prompts.txt").write_text("hello")
    with pytest.raises(LabError, match="not a session"):
        open_watch(tmp_path / "prompts.txt", None, None, Settings(), None)
