"""A remote arm that was recorded answers again without a network, and every trial says what it repeats."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from routerlab.core.corpus import load_corpus
from routerlab.core.prediction import Trial
from routerlab.core.session.arm import RemoteRecord
from routerlab.core.session.file import SessionFile, read_session
from routerlab.engine.arms.arm import Spec
from routerlab.engine.lab.factory import ModelArms
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import Materials
from routerlab.engine.remote.arm import RemoteSpec
from routerlab.engine.remote.playback import RecordedArm, RecordedSpec
from routerlab.resources import TAXONOMY
from routerlab.settings import Settings
from tests.engine.asking import FRONT_DOOR, TWO
from tests.engine.remote.harness import runner, settings_text
from tests.engine.remote.server import error, never, says, serving, serving_beside
from tests.twocases import TWO_CASES

pytestmark = pytest.mark.usefixtures("remote_key")
BODY = {"thinking": {"type": "disabled"}, "stop": ["\n"], "top_p": 1.0}
COMPLEX = '{"label": "code/complex"}'


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of two cases in the folder that the test is in."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "two.toml"
    path.write_text(TWO_CASES)
    return path


async def sitting(
    spec: Spec,
    corpus: Path,
    session: Path,
    repeats: int = 1,
    typed: tuple[str, ...] = (),
    settings: Settings | None = None,
) -> list[Trial]:
    """What an arm answers in a lab of its own, that goes on with the session if there is one."""
    cases = load_corpus(corpus, FRONT_DOOR)
    made = settings or Settings(annotator="ada", timeout_s=1.0)
    file = SessionFile.open(session) if session.exists() else None
    materials = Materials(FRONT_DOOR, TAXONOMY, cases, corpus)
    lab = Lab(materials, made, ModelArms(FRONT_DOOR, (), None, made), session, file, repeats)
    before = len(lab.session.trials)
    lab.add_arm(spec)
    await lab.settled()
    assert lab.arms[spec.name].state.phase == "ready", lab.arms[spec.name].state.message
    lab.replay_repeats(lab.cases(), repeats)
    await lab.finished()
    for n, prompt in enumerate(typed, len(lab.session.trials) + 1):
        lab.ask(prompt)
        while len(lab.session.trials) < n:
            await asyncio.sleep(0.005)
    await lab.close()
    return lab.session.trials[before:]


async def recording(corpus: Path, *script: Any, repeats: int = 1, typed: tuple[str, ...] = ()) -> list[Trial]:
    """A session `live.toml` beside the corpus, of a server that did these things in turn."""
    async with serving(*script) as server:
        prices = {"input": 0.27, "output": 1.1, "currency": "USD", "date": "2026-11-24"}
        spec = RemoteSpec(name="remote:test", remote=server.remote(retries=1, prices=prices, body=BODY))
        return await sitting(spec, corpus, corpus.parent / "live.toml", repeats, typed)


def recorded(file: str | Path = "live.toml", remote: str = "test") -> RecordedSpec:
    return RecordedSpec(name="remote:test@live", remote=remote, file=Path(file))


def answered(trial: Trial) -> dict[str, Any]:
    """The trial as it is answered, without what belongs to the session and the place in it."""
    return trial.model_dump(exclude={"id", "at", "arm", "recorded"}) | {"latency_ms": trial.latency_ms.total}


async def test_a_recording_answers_like_the_arm_and_says_that_it_is_one(corpus: Path) -> None:
    live = await recording(corpus, error(500), says(), never, typed=("typed \udc80",))
    again = await sitting(recorded(), corpus, corpus.parent / "again.toml", typed=("typed \udc80",))
    assert [t.status for t in live] == ["ok", "timeout", "ok"]
    kept = read_session(corpus.parent / "live.toml").session
    assert [t.recorded for t in again] == [t.id for t in kept.trials]
    assert [answered(t) for t in again] == [answered(t) for t in kept.trials]
    assert again[0].latency_ms.total > 20
    assert len(again[0].attempts or ()) == 2
    assert again[1].latency_ms.total >= 1000
    session = read_session(corpus.parent / "again.toml").session
    record, original = session.arms["remote:test@live"], kept.arms["remote:test"]
    assert isinstance(record, RemoteRecord)
    assert isinstance(original, RemoteRecord)
    assert (original.kind, record.kind, record.recording) == ("remote", "recorded", "live.toml")
    assert len(record.recording_sha256 or "") == 64
    same = {"base_url", "model", "served_model", "system_fingerprint", "prices", "prompt_sha256"}
    assert record.model_dump(include=same) == original.model_dump(include=same)
    assert original.prices
    assert original.body == record.body == BODY
    assert original.served_model == "m-2026-11"
    assert session.trials[0].recorded == live[0].id


async def test_repeats_are_given_in_turn_and_then_from_the_first(corpus: Path) -> None:
    live = await recording(corpus, says(), says(COMPLEX), says(COMPLEX), says(), repeats=2)
    again = await sitting(recorded(), corpus, corpus.parent / "again.toml", repeats=3)
    assert [t.recorded for t in again] == [t.id for t in live] + [t.id for t in live[:2]]
    assert [t.label for t in again if t.case == "A"] == ["code/simple", "code/complex", "code/simple"]


async def test_a_session_that_is_gone_on_with_gets_the_next_answers(corpus: Path) -> None:
    live = await recording(corpus, says(), says(COMPLEX), says(COMPLEX), says(), repeats=2)
    again = await sitting(recorded(), corpus, corpus.parent / "again.toml", repeats=1)
    again += await sitting(recorded(), corpus, corpus.parent / "again.toml", repeats=2)
    assert [t.recorded for t in again] == [t.id for t in live]


async def test_a_prompt_that_was_not_recorded_is_refused(corpus: Path) -> None:
    await recording(corpus)
    (trial,) = (await sitting(recorded(), corpus, corpus.parent / "again.toml", typed=("else",)))[2:]
    assert (trial.status, trial.recorded) == ("refused", None)
    assert trial.error == "live.toml has no answer of test to this prompt"


async def started(spec: RecordedSpec, taxonomy: Any = FRONT_DOOR) -> RecordedArm:
    arm = RecordedArm(spec, taxonomy)
    await arm.start()
    return arm


async def test_what_cannot_be_replayed_says_why(corpus: Path) -> None:
    await recording(corpus)
    unknown = await started(recorded(remote="other"))
    assert unknown.state.message == (
        "live.toml: has no remote arm for 'other'; there are: remote:test of remote test"
    )
    taxonomy = await started(recorded(), TWO)
    assert "was made with taxonomy front-door" in taxonomy.state.message
    missing = await started(recorded("gone.toml"))
    assert missing.state.message == "gone.toml: no such file"
    corpus.write_text(TWO_CASES.replace("blue", "red"))
    moved = await started(recorded())
    assert "its corpus two (two.toml, " in moved.state.message
    assert {a.state.phase for a in (unknown, taxonomy, missing, moved)} == {"failed"}
    assert (await moved.ask("x", 1.0)).status == "crashed"


async def test_a_recording_of_a_recording_is_none(corpus: Path) -> None:
    await recording(corpus)
    await sitting(recorded(), corpus, corpus.parent / "again.toml")
    arm = await started(recorded("again.toml"))
    assert arm.state.message == "again.toml: has no remote arm for 'test'; there are: none"


async def test_latencies_of_another_load_are_not_passed_on(corpus: Path) -> None:
    await recording(corpus)
    live = corpus.parent / "live.toml"
    live.write_text(live.read_text().replace("contended = false", "contended = true", 1))
    again = await sitting(recorded(), corpus, corpus.parent / "again.toml")
    assert [t.batched for t in again] == [True, None]


async def test_a_server_that_becomes_another_is_written_down_once(corpus: Path) -> None:
    other = says(system_fingerprint="fp_2")
    await recording(corpus, says(), says(), other, other, repeats=2)
    text = (corpus.parent / "live.toml").read_text()
    assert text.count("[[arm]]") == 2
    assert text.index("fp_1") < text.index("t000001") < text.index("fp_2") < text.index("t000003")


def test_commands_go_on_with_a_remote_and_replay_it_offline(tmp_path: Path) -> None:
    with serving_beside() as server:
        run = runner(tmp_path, settings_text(server))
        first = run("replay", "two.toml", "--arm", "remote:test", "--session", "live.toml")
        assert first.returncode == 0, first.stderr
        assert "ready in " in first.stderr
        assert f" on 127.0.0.1:{server.port}\n" in first.stderr
        more = run("replay", "two.toml", "--session", "live.toml", "--repeats", 2)
        assert more.returncode == 0, more.stderr
        assert len(server.asked) == 4
    arm = ("--arm", "remote:test@live.toml")
    again = run("replay", "two.toml", *arm, "--session", "again.toml", "--format", "json", key=None)
    assert again.returncode == 0, again.stderr
    (row,) = json.loads(again.stdout)["arms"]
    assert (row["arm"], row["n"]) == ("remote:test@live", 2)
    typed = run("route", "why is the sky blue?", *arm, "--format", "json", key=None)
    assert json.loads(typed.stdout)["label"] == "code/simple"
    unknown = run("route", "something else", *arm, key=None)
    assert (unknown.returncode, unknown.stdout.split("\t")[0]) == (
        2,
        "refused: live.toml has no answer of test to this prompt",
    )
    resumed = run("replay", "two.toml", "--session", "again.toml", "--repeats", 2, key=None)
    assert resumed.returncode == 0, resumed.stderr
    shown = run("sessions", "show", "again.toml", key=None)
    assert "remote:test@live: recorded from live.toml, m at http://127.0.0.1:" in shown.stdout
    assert [t.recorded for t in read_session(tmp_path / "again.toml").session.trials] == [
        "t000001",
        "t000002",
        "t000003",
        "t000004",
    ]
