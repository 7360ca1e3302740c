"""`routerlab serve promote`: what passes takes the place of the one at work, and a server is told."""

import asyncio
import shutil
from pathlib import Path

import pytest

from routerlab.api import load_async_router
from routerlab.core.corpus import load_corpus
from routerlab.core.errors import LabError
from routerlab.core.session.file import read_session
from routerlab.core.session.session import Event
from routerlab.core.statistics.paired import mcnemar
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.arms.arm import ArmSpec
from routerlab.resources import ROUTING60, TAXONOMY
from routerlab.serve.at_work import Choice, arm_at_work, judge, labelled, promoted, read_at_work, verdict
from routerlab.serve.front import Wanted
from routerlab.serve.run import TOKEN as VARIABLE
from tests import program
from tests.conftest import REPO
from tests.core.session.harness import note, trial, written
from tests.serve.harness import TOKEN, serving

EASY = ("--require", "accuracy>=0.1")
BEARER = {"Authorization": f"Bearer {TOKEN}"}
WORSE, BETTER = "baseline:majority", "baseline:keywords"
NOWHERE = "http://127.0.0.1:1"


def answered(folder: Path) -> Path:
    """A session in which both answered the sixty cases."""
    done = program.run(folder, "replay", "--arm", WORSE, "--arm", BETTER, "--session", "both.toml")
    assert done.returncode == 0, done.stderr
    return folder / "both.toml"


async def test_what_is_better_takes_the_place_and_what_is_worse_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, TOKEN)
    session, file = answered(tmp_path), tmp_path / "serving.toml"
    first = program.run(tmp_path, "serve", "promote", WORSE, "--on", ROUTING60, *EASY)
    assert (first.returncode, "SIGHUP" in first.stderr) == (0, True), first.stderr
    wanted = Wanted(str(file), shadows=(BETTER,))
    async with serving(tmp_path, make=load_async_router, wanted=wanted, token=TOKEN, headers=BEARER) as visit:

        async def promote(*words: object) -> tuple[int, str]:
            done = await asyncio.to_thread(program.run, tmp_path, "serve", "promote", *words)
            return done.returncode, done.stderr

        async def at_work() -> str:
            return str((await visit.route()).json()["arm"])

        assert await at_work() == "majority"
        before = file.read_bytes()
        code, said = await promote(BETTER, "--on", session, *EASY, "--url", NOWHERE)
        assert (code, file.read_bytes()) == (2, before)  # nobody there: nothing has changed
        assert said.startswith(f"error: {NOWHERE}: ConnectError")
        code, said = await promote(BETTER, "--on", session, "--require", "accuracy>=0.99", "--url", visit.url)
        assert (code, file.read_bytes()) == (1, before)
        assert "keywords is not promoted: accuracy>=0.99: fail" in said

        code, said = await promote(BETTER, "--on", session, *EASY, "--url", visit.url)
        assert (code, await at_work()) == (0, "keywords"), said
        record = read_at_work(file)
        assert record is not None
        evidence = record.promotion[-1].evidence
        assert evidence is not None
        assert evidence.paired is not None
        right = right_of(session)
        only_new, only_before = right["keywords"] - right["majority"], right["majority"] - right["keywords"]
        assert (evidence.paired.only_new, evidence.paired.only_before) == (len(only_new), len(only_before))
        assert evidence.paired.p == mcnemar(len(only_new), len(only_before))
        assert evidence.measured.accuracy == pytest.approx(len(right["keywords"]) / 60)

        before = file.read_bytes()
        code, said = await promote(WORSE, "--on", session, *EASY, "--url", visit.url)
        assert (code, file.read_bytes(), await at_work()) == (1, before, "keywords")
        assert "majority is not promoted: significantly worse than keywords: -" in said
        assert f"{len(only_new)} only with the one at work" in said
        code, said = await promote(BETTER, "--on", session, *EASY)
        assert (code, "keywords is at work already" in said) == (2, True)

        code, said = await promote("--back", "--url", visit.url)
        assert (code, await at_work()) == (0, "majority"), said
        code, said = await promote("--back", "--url", visit.url)
        assert (code, "no router was at work before" in said) == (2, True)
        assert visit.recorder.path is not None
    shadowed = [t.arm for t in visit.session().trials]  # while keywords was at work it shadowed nobody
    assert shadowed == ["majority", "keywords", "keywords", "keywords", "majority", "keywords"]
    record = read_at_work(file)
    assert record is not None
    assert [one.router.name for one in record.promotion] == ["majority", "keywords", "majority"]


def right_of(session: Path) -> dict[str, set[str]]:
    """Arm -> the cases that it has right, counted from the session and the corpus."""
    gold = {case.id: case.label for case in load_corpus(ROUTING60, load_taxonomy(TAXONOMY)).case}
    found: dict[str, set[str]] = {"majority": set(), "keywords": set()}
    for one in read_session(session).session.trials:
        if one.case and one.label == gold[one.case]:
            found[one.arm].add(one.case)
    return found


def test_a_router_that_is_not_what_was_promoted_is_not_served(tmp_path: Path) -> None:
    """Its name and its answers of before are no evidence for it either."""
    for name in ("smollm2-135m.toml", "smollm2-135m.npz"):
        shutil.copy(REPO / "routers" / name, tmp_path)
    router = tmp_path / "smollm2-135m.toml"
    spec = ArmSpec(name="smollm2-135m:probe", model=tmp_path / "m.gguf", contract="probe", router=router)
    choice = Choice.of(str(router), spec)
    file = tmp_path / "serving.toml"
    promoted(file, None, choice, None)
    assert arm_at_work(str(file)) == str(router)
    assert arm_at_work(str(router)) == str(router)
    text = router.read_text()
    router.write_text(text.replace("seed = 0", "seed = 1"))
    with pytest.raises(LabError, match="has changed since it was promoted"):
        arm_at_work(str(file))

    analysis = labelled(answered(tmp_path))
    with pytest.raises(LabError, match="another router of this name"):
        judge(analysis, Choice(name="keywords", arm=BETTER, sha256="0" * 64), None)
    with pytest.raises(LabError, match="has no answers of smollm2-135m:probe"):
        judge(analysis, choice, None)


def test_what_people_said_of_live_traffic_is_what_is_right(tmp_path: Path) -> None:
    """Of a question once, beside whichever arm's answer; questions that nobody labelled do not count."""
    right, wrong = "CoT/simple", "code/simple"
    answers = [  # the one at work, the new one, and whose answer was labelled
        (wrong, right, 0),
        (wrong, right, 1),
        (right, wrong, 1),
        (right, right, 0),
        (wrong, wrong, None),
    ]
    events: list[Event] = []
    for n, (by_old, by_new, told) in enumerate(answers):
        facts = {"case": None, "prompt_sha256": f"{n:064x}"}
        events += [trial(2 * n, label=by_old, **facts), trial(2 * n + 1, arm="b", label=by_new, **facts)]
        if told is not None:
            events.append(note(n, f"t{2 * n + told:06d}", label=right))
    path = written(tmp_path / "live-watched.toml", *events)
    old, new = Choice(name="a", arm="a"), Choice(name="b", arm="b")
    evidence = judge(labelled(path), new, old)
    assert evidence.paired is not None
    assert (evidence.measured.n, evidence.measured.accuracy) == (4, 0.75)
    assert (evidence.paired.n, evidence.paired.only_new, evidence.paired.only_before) == (4, 2, 1)
    assert (evidence.paired.difference, evidence.paired.p) == (0.25, 1.0)
    assert verdict(evidence) is None
    many = evidence.paired.model_copy(update={"only_new": 1, "only_before": 9, "p": mcnemar(1, 9)})
    assert verdict(evidence.model_copy(update={"paired": many})) is not None  # repeats: the means may hide it
    back = judge(labelled(path), old, new)
    said = verdict(back)
    assert said is not None
    assert said.startswith("less accurate (not significantly) than b: -0.250 in accuracy on 4 cases, 1 right")

    written(path, *events, note(9, "t000001", label=wrong))
    with pytest.raises(LabError, match="t000001: code/simple, but its question was labelled CoT/simple"):
        labelled(path)
