"""A sitting is saved trial by trial, comes back whole, and survives a full disk and a kill."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.arm import ArmRecord
from routerlab.core.session.file import SessionFile, read_session
from routerlab.engine.lab.events import Notice
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import Materials
from routerlab.resources import ROUTING60, TAXONOMY
from tests.conftest import PATIENCE_S
from tests.engine.lab.test_runner import started, trials, until
from tests.tui.scripted import Bench, ScriptedArm, bench, specs


async def reopened(it: Bench) -> Bench:
    """The same sitting after the lab was left and opened again, with its arms ready."""
    path = it.lab.path
    assert path is not None
    materials = Materials(it.lab.taxonomy, TAXONOMY, it.lab.corpus, ROUTING60)
    script = it.script
    lab = Lab(
        materials, it.lab.settings, lambda spec: ScriptedArm(spec, script), path, SessionFile.open(path)
    )
    for spec in specs(len(it.lab.arms)):
        lab.add_arm(spec)
    await lab.settled()
    return Bench(lab, script)


async def test_no_file_before_the_first_record(tmp_path: Path) -> None:
    it = await started(tmp_path)
    await it.lab.close()
    assert not it.lab.saved
    assert list(tmp_path.glob("*.toml")) == []


async def test_what_is_shown_is_on_the_disk_already(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=1)
    it.script.answers.set()
    missing: list[str] = []
    path = it.lab.path
    assert path is not None
    it.lab.subscribe(
        lambda e: (
            missing.append(e.trial.id)
            if hasattr(e, "trial") and f'id = "{e.trial.id}"' not in path.read_text()
            else None
        )
    )
    it.lab.replay(it.lab.cases()[:5])
    await it.lab.finished()
    assert len(trials(it)) == 5
    assert missing == []
    await it.lab.close()


async def test_arm_records_come_before_their_trials_and_once(tmp_path: Path) -> None:
    it = await started(tmp_path)
    it.script.answers.set()
    it.lab.replay(it.lab.cases()[:3])
    await it.lab.finished()
    await it.lab.close()
    text = (tmp_path / "session.toml").read_text()
    assert text.count("[[arm]]") == 2
    assert text.index("[[arm]]") < text.index("[[trial]]")
    session = read_session(tmp_path / "session.toml").session
    assert all(isinstance(record, ArmRecord) for record in session.arms.values())
    assert [t.model_dump() for t in session.trials] == [
        Trial.model_validate(t.model_dump()).model_dump() | {"at": s.at}
        for t, s in zip(_rounded(trials(it)), session.trials, strict=True)
    ]


def _rounded(found: list[Trial]) -> list[Trial]:
    """As a file keeps them: probabilities to 6 decimals, milliseconds to 3."""
    result = []
    for t in found:
        latency = {k: round(v, 3) for k, v in t.latency_ms.model_dump().items()}
        shares = t.probabilities and {k: round(v, 6) for k, v in t.probabilities.items()}
        mass = None if t.mass is None else round(t.mass, 6)
        result.append(
            Trial.model_validate(
                t.model_dump() | {"latency_ms": latency, "probabilities": shares, "mass": mass}
            )
        )
    return result


async def test_a_sitting_comes_back_and_its_replay_goes_on(tmp_path: Path) -> None:
    it = await started(tmp_path)
    it.script.answers.set()
    it.lab.replay(it.lab.cases()[:5])
    await until(lambda: len(trials(it)) >= 4, "some answers")
    it.lab.runner.cancel()
    await it.lab.annotate(trials(it)[0].id, label="code/simple", note="clear")
    await it.lab.close()
    again = await reopened(it)
    assert [t.id for t in trials(again)] == [t.id for t in trials(it)]
    assert again.lab.session.current(trials(it)[0].id).label == "code/simple"
    again.lab.replay(again.lab.cases()[:5])
    await again.lab.finished()
    done = [t.key for t in trials(again) if t.status != "cancelled"]
    assert len(done) == len(set(done)) == 10
    again.lab.replay(again.lab.cases()[:5])
    await again.lab.finished()
    assert {t.repeat for t in trials(again)} == {1, 2}, "a complete repeat is followed by the next"
    assert len({t.id for t in trials(again)}) == len(trials(again))
    await again.lab.close()


async def test_filters_choose_by_the_latest_answers(tmp_path: Path) -> None:
    it = await started(tmp_path)
    it.script.answers.set()
    assert it.lab.cases("errors") == []
    it.lab.replay(it.lab.cases())
    await it.lab.finished()
    by_case: dict[str, list[Trial]] = {}
    for t in trials(it):
        by_case.setdefault(str(t.case), []).append(t)
    wrong = {case for case, ts in by_case.items() if any(t.correct is False for t in ts)}
    split = {case for case, ts in by_case.items() if len({t.label for t in ts}) > 1}
    assert 0 < len(wrong) < len(by_case)
    assert {i.case for i in it.lab.cases("errors")} == wrong
    assert {i.case for i in it.lab.cases("disagreements")} == split
    assert it.lab.cases("unfamiliar") == []
    odd = trials(it)[0].model_copy(update={"id": "t900000", "repeat": 2, "familiarity": 0.019})
    it.lab.session.add(odd)
    assert [i.case for i in it.lab.cases("unfamiliar")] == [odd.case]
    it.lab.session.add(odd.model_copy(update={"id": "t900001", "repeat": 3, "familiarity": 0.02}))
    assert it.lab.cases("unfamiliar") == []
    families = it.lab.taxonomy.families
    assert all(families[str(i.gold)] == "CoT" for i in it.lab.cases(family="CoT"))
    assert sum(len(it.lab.cases(family=f)) for f in ("code", "CoT", "hybrid")) == len(by_case)
    await it.lab.close()


async def test_annotations_are_undone_in_turn_at_any_depth(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=1)
    it.script.answers.set()
    it.lab.replay(it.lab.cases()[:2])
    await it.lab.finished()
    one, two = (t.id for t in trials(it))
    await it.lab.annotate(one, label="code/simple")
    await it.lab.annotate(two, action="flag")
    await it.lab.annotate(one, label="CoT/simple")
    assert it.lab.session.current(one).label == "CoT/simple"
    assert await it.lab.undo() == one
    assert it.lab.session.current(one).label == "code/simple"
    assert await it.lab.undo() == two
    assert not it.lab.session.current(two).flagged
    assert await it.lab.undo() == one
    assert it.lab.session.current(one).label is None
    assert await it.lab.undo() is None
    await it.lab.close()
    assert len(read_session(tmp_path / "session.toml").session.annotations) == 6


async def test_a_full_disk_is_told_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = await started(tmp_path, arms=1)
    it.script.answers.set()
    notices: list[str] = []
    it.lab.subscribe(lambda e: notices.append(e.message) if isinstance(e, Notice) else None)
    it.lab.replay(it.lab.cases()[:1])
    await it.lab.finished()
    write = os.write
    full = True

    def writes(fd: int, data: bytes) -> int:
        if full and b"[[" in bytes(data):
            raise OSError(28, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr(os, "write", writes)
    it.lab.replay(it.lab.cases()[:3])
    await it.lab.finished()
    assert it.lab.unsaved == 2
    assert len(notices) == 1, "told once, not for every record"
    assert "No space left on device" in notices[0]
    assert len(trials(it)) == 3
    full = False
    it.lab.ask("and now?")
    await until(lambda: len(notices) == 2, "the end of it is told too")
    assert "nothing was lost" in notices[1]
    assert it.lab.unsaved == 0
    await it.lab.close()
    kept = read_session(tmp_path / "session.toml").session.trials
    assert [t.id for t in kept] == ["t000001", "t000002", "t000003", "t000004"]


async def test_a_record_that_is_being_written_is_not_one_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = await started(tmp_path, arms=1)
    it.script.answers.set()
    fsync, writing, go_on = os.fsync, threading.Event(), threading.Event()

    def slow(fd: int) -> None:
        writing.set()
        go_on.wait(PATIENCE_S)
        fsync(fd)

    it.lab.ask("one")
    await until(lambda: len(trials(it)) == 1, "the file")
    await it.lab.finished()
    monkeypatch.setattr(os, "fsync", slow)
    it.lab.ask("two")
    await until(writing.is_set, "a disk that takes its time")
    waiting = it.lab.unsaved
    go_on.set()
    assert waiting == 0
    await until(lambda: len(trials(it)) == 2, "the record")
    await it.lab.close()


async def test_a_folder_that_cannot_be_made_is_told_and_tried_again(tmp_path: Path) -> None:
    it = bench(tmp_path / "file" / "below")
    (tmp_path / "file").write_text("in the way")
    notices: list[str] = []
    it.lab.subscribe(lambda e: notices.append(e.message) if isinstance(e, Notice) else None)
    it.lab.add_arm(specs(1)[0])
    await it.lab.settled()
    it.lab.ask("one")
    await until(lambda: len(trials(it)) == 1, "an answer all the same")
    assert it.lab.unsaved == 2  # the arm and the trial
    assert notices
    (tmp_path / "file").unlink()
    it.lab.ask("two")
    await until(lambda: it.lab.saved, "a file at last")
    await it.lab.close()
    kept = read_session(tmp_path / "file" / "below" / "session.toml").session
    assert [t.prompt for t in kept.trials] == ["one", "two"]
    assert list(kept.arms) == [specs(1)[0].name]


async def test_what_could_never_be_saved_is_put_somewhere_at_the_end(tmp_path: Path) -> None:
    it = bench(tmp_path / "file" / "below")
    (tmp_path / "file").write_text("in the way")
    it.lab.add_arm(specs(1)[0])
    await it.lab.settled()
    it.lab.ask("one")
    await until(lambda: len(trials(it)) == 1, "an answer all the same")
    with pytest.raises(LabError, match=r"cannot be made: .*; this session is in ") as told:
        await it.lab.close()
    rescued = Path(str(told.value).rpartition(" is in ")[2].removesuffix(" instead"))
    kept = read_session(rescued).session
    assert [t.prompt for t in kept.trials] == ["one"]
    assert list(kept.arms) == [specs(1)[0].name]


async def test_a_session_open_elsewhere_is_refused(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=1)
    it.script.answers.set()
    it.lab.ask("one")
    await until(lambda: it.lab.saved, "a file")
    path = it.lab.path
    assert path is not None
    code = "import sys, pathlib; from routerlab.core.session.file import SessionFile as S; "
    code += "S.open(pathlib.Path(sys.argv[1]))"
    result = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert f"open in another lab (pid {os.getpid()})" in result.stderr
    await it.lab.close()
    SessionFile.open(path).close()


def test_a_headless_replay_killed_in_the_middle_loses_and_repeats_nothing(
    tmp_path: Path, smollm2: Path
) -> None:
    """kill -9 of the real command with the real model, then the same command again, until it is done."""
    session = tmp_path / "run.toml"
    corpus = tmp_path / "corpus.toml"
    head = 'schema_version = 1\nname = "ten"\ntaxonomy = "front-door"\n'
    cases = [
        f'\n[[case]]\nid = "C{n}"\nprompt = "write line {n}"\nlabel = "code/simple"\n' for n in range(10)
    ]
    corpus.write_text(head + "".join(cases))
    command = [sys.executable, "-m", "routerlab", "replay", str(corpus), "--arm", str(smollm2)]
    command += ["--exemplars", "none", "--out", str(session), "--format", "json"]
    seen: list[str] = []
    for wanted in (2, 5):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + PATIENCE_S
            while not session.exists() or session.read_text().count("[[trial]]") < wanted:
                assert time.monotonic() < deadline, "no trials in a minute"
                assert process.poll() is None, "ended early"
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        ids = [t.id for t in read_session(session).session.trials]
        assert ids[: len(seen)] == seen
        assert len(ids) >= wanted
        seen = ids
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert '"n": 10' in result.stdout
    done = read_session(session).session.trials
    assert [t.case for t in done] == [f"C{n}" for n in range(10)]
    assert [t.id for t in done][: len(seen)] == seen


def test_a_session_of_another_corpus_is_refused(tmp_path: Path) -> None:
    from routerlab.cli.shared.open import open_materials, open_session
    from tests.tui.scripted import bench as other

    async def make() -> None:
        it = other(tmp_path)
        it.lab.add_arm(specs(1)[0])
        await it.lab.settled()
        it.lab.ask("one")
        await until(lambda: it.lab.saved, "a file")
        await it.lab.close()

    asyncio.run(make())
    with pytest.raises(LabError, match="was made with corpus routing60"):
        open_session(tmp_path / "session.toml", open_materials(None, None))
