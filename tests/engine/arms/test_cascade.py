"""A cascade of arms: who is asked, what adds up, and what a member's fault or a cancellation does."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.engine.arms.arm import ArmState
from routerlab.engine.arms.cascade import member_files
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.router import Cascade, FilePin, load_router
from routerlab.engine.lab.specs import router_spec
from routerlab.tune.write import save_toml
from tests.engine.arms.members import Member, arm_of, cascade, started
from tests.engine.workers import until
from tests.tui.scripted import info
from tests.tune.cascade.test_cascade import router

# --- who is asked -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.8, 0.95])
async def test_the_first_answers_when_it_is_sure(confidence: float) -> None:
    small, large = Member("small", "yes", confidence), Member("large", "no")
    arm = await started(small, large)
    prediction = await arm.ask("p", 5.0)
    assert (prediction.status, prediction.label) == ("ok", "yes")
    assert prediction.probabilities == pytest.approx({"yes": confidence, "no": 1 - confidence})
    assert (len(small.asked), len(large.asked)) == (1, 0)
    assert arm.state.phase == "ready"


async def test_the_second_is_asked_when_the_first_is_not_sure() -> None:
    small, large = Member("small", "yes", 0.79), Member("large", "no", 0.6)
    arm = await started(small, large)
    prediction = await arm.ask("p", 5.0)
    assert prediction.label == "no"
    assert prediction.probabilities == pytest.approx({"no": 0.6, "yes": 0.4})
    assert 0 < large.asked[0] < small.asked[0] <= 5.0  # what the first has used is off the time


async def test_a_threshold_of_zero_never_asks_the_second() -> None:
    small, large = Member("small", "yes", 0.51), Member("large")
    arm = await started(small, large, made=cascade(threshold=0.0))
    assert (await arm.ask("p", 5.0)).label == "yes"
    assert large.asked == []


async def test_many_prompts_go_to_the_second_together_where_the_first_is_not_sure() -> None:
    small, large = Member("small", "yes", 0.95), Member("large", "no")
    arm = await started(small, large)
    found = await arm.ask_many(["a", "b", "c"], 5.0)
    assert [p.label for p in found] == ["yes"] * 3
    assert (len(small.asked), len(large.asked)) == (3, 0)
    small.confidence = 0.5
    found = await arm.ask_many(["a", "b"], 5.0)
    assert [p.label for p in found] == ["no"] * 2
    assert [p.latency_ms.total for p in found] == [26.0, 26.0]  # of both members
    assert (len(small.asked), len(large.asked)) == (5, 2)
    assert arm.state.phase == "ready"
    small.status = "refused"
    assert [p.status for p in await arm.ask_many(["a"], 5.0)] == ["refused"]
    assert len(large.asked) == 2


@pytest.mark.parametrize(("second", "third_asked", "label"), [("yes", 0, "yes"), ("no", 1, "no")])
async def test_the_third_is_asked_where_the_first_two_disagree(
    second: str, third_asked: int, label: str
) -> None:
    """However sure the first is."""
    trio = Member("one", "yes", 0.99), Member("two", second), Member("three", "no")
    arm = await started(*trio, made=cascade(0.0, "disagreement"))
    assert (await arm.ask("p", 5.0)).label == label
    assert [len(m.asked) for m in trio] == [1, 1, third_asked]


async def test_times_and_tokens_add_up() -> None:
    arm = await started(Member("small", "yes", 0.5), Member("large"))
    found = await arm.ask("p", 5.0)
    assert (found.latency_ms.tokenize, found.latency_ms.prefill, found.latency_ms.generate) == (2, 20, 4)
    assert found.latency_ms.total not in (0, 13, 26)  # on this side's clock, not the members'
    assert (found.tokens.cached, found.tokens.evaluated, found.tokens.generated) == (200, 40, 6)
    assert found.tokens.dropped == 5


# --- what goes wrong --------------------------------------------------------------------------------------


async def test_cancelling_reaches_the_asked_member_and_no_further_one() -> None:
    small, large = Member("small", "yes", 0.5, waits=True), Member("large")
    arm = await started(small, large)
    asking = asyncio.create_task(arm.ask("p", 5.0))
    await until(lambda: bool(small.asked))
    assert arm.state.phase == "busy"
    arm.cancel()
    assert (await asking).status == "cancelled"
    assert (small.cancels, large.cancels, large.asked) == (1, 0, [])
    small.waits, small.cancels = False, 0
    assert (await arm.ask("again", 5.0)).status == "ok"
    assert len(large.asked) == 1


async def test_cancelling_reaches_the_second() -> None:
    small, large = Member("small", "yes", 0.5), Member("large", waits=True)
    arm = await started(small, large)
    asking = asyncio.create_task(arm.ask("p", 5.0))
    await until(lambda: bool(large.asked))
    arm.cancel()
    assert (await asking).status == "cancelled"
    assert (small.cancels, large.cancels) == (0, 1)


async def test_an_unsure_answer_that_comes_in_spite_of_a_cancellation_is_no_answer() -> None:
    small, large = Member("small", "yes", 0.5, waits=True, obeys=False), Member("large")
    arm = await started(small, large)
    asking = asyncio.create_task(arm.ask("p", 5.0))
    await until(lambda: bool(small.asked))
    arm.cancel()
    prediction = await asking
    assert large.asked == []
    assert prediction.status == "cancelled"


@pytest.mark.parametrize("status", ["crashed", "timeout", "refused"])
@pytest.mark.parametrize("which", [0, 1])
async def test_a_members_fault_is_the_cascades(
    status: Literal["crashed", "timeout", "refused"], which: int
) -> None:
    pair = Member("small", "yes", 0.5), Member("large")
    pair[which].status = status
    arm = await started(*pair)
    prediction = await arm.ask("p", 5.0)
    assert (prediction.status, prediction.label) == (status, None)
    assert len(pair[1].asked) == which
    if status == "crashed":
        assert prediction.error == "the worker was killed"
        assert arm.state.phase == "crashed"
        assert arm.state.message == f"{pair[which].spec.name}: the worker was killed"
        again = await arm.ask("p", 5.0)
        assert (again.status, again.error) == ("crashed", arm.state.message)
    else:
        assert arm.state.phase == "ready"


async def test_it_is_ready_again_when_its_member_is() -> None:
    small, large = Member("small", "yes", 0.5), Member("large", status="crashed")
    arm = await started(small, large)
    await arm.ask("p", 5.0)
    large.status = "ok"
    phases: list[str] = []
    arm.on_change = lambda a: phases.append(a.state.phase)
    await large.start()
    assert phases == ["loading", "ready"]
    assert (await arm.ask("p", 5.0)).status == "ok"


# --- states -----------------------------------------------------------------------------------------------


async def test_it_is_as_ready_as_its_least_ready_member() -> None:
    small, large = Member("small"), Member("large")
    large.loads.clear()
    arm = arm_of((small, large))
    seen: list[tuple[str, str]] = []
    arm.on_change = lambda a: seen.append((a.state.phase, a.state.stage))
    starting = asyncio.create_task(arm.start())
    await until(lambda: large.starts == 1)
    assert ("loading", "1/2 loading weights") in seen
    assert (arm.state.phase, arm.state.stage) == ("loading", "2/2 loading weights")
    assert (await arm.ask("p", 1.0)).status == "crashed"
    large.loads.set()
    await starting
    assert arm.state.phase == "ready"


async def test_its_facts_are_those_of_all() -> None:
    arm = await started(Member("small"), Member("large"))
    found = arm.state.info
    one = info(Member("x").spec)
    assert isinstance(found, ArmInfo)
    assert (found.contract, found.encoding) == ("cascade", "names -> names")
    assert found.router_sha256 == canonical_sha256(cascade())
    assert found.model_size == 2 * one.model_size
    assert found.load_ms == 2 * one.load_ms


async def test_stopping_stops_all_even_while_one_answers() -> None:
    small, large = Member("small", "yes", 0.5, waits=True), Member("large")
    arm = await started(small, large)
    asking = asyncio.create_task(arm.ask("p", 5.0))
    await until(lambda: bool(small.asked))
    small.status = "crashed"
    await arm.stop()
    assert (await asking).status != "ok"
    assert (small.stops, large.stops) == (1, 1)
    assert arm.state.phase == "stopped"
    assert large.asked == []


async def test_stopping_while_the_first_loads_loads_no_second() -> None:
    small, large = Member("small"), Member("large")
    small.loads.clear()
    arm = arm_of((small, large))
    starting = asyncio.create_task(arm.start())
    await until(lambda: small.starts == 1)
    await arm.stop()
    await starting
    assert large.starts == 0
    assert arm.state.phase == "stopped"


async def test_the_log_is_that_of_the_member_with_something_to_say(tmp_path: Path) -> None:
    small, large = Member("small", log=tmp_path / "s"), Member("large", log=tmp_path / "l")
    arm = await started(small, large)
    assert arm.log == tmp_path / "l"
    small.to(ArmState("crashed", message="x"))
    assert arm.log == tmp_path / "s"


# --- files ------------------------------------------------------------------------------------------------


def written(folder: Path) -> Path:
    """A cascade file and its two members."""
    members = [router("small"), router("large")]
    for member in members:
        save_toml(folder / f"{member.name}.toml", member)
    pins = tuple(FilePin(file=f"{m.name}.toml", sha256=canonical_sha256(m)) for m in members)
    save_toml(folder / "c.toml", cascade().model_copy(update={"member": pins}))
    return folder / "c.toml"


def test_members_lie_beside_the_cascade(tmp_path: Path) -> None:
    path = written(tmp_path)
    found = load_router(path)
    assert isinstance(found, Cascade)
    assert member_files(path, found) == [tmp_path / "small.toml", tmp_path / "large.toml"]


@pytest.mark.parametrize("name", ["small.toml", "large.toml"])
def test_a_changed_member_is_refused_and_named(tmp_path: Path, name: str) -> None:
    path = written(tmp_path)
    member = tmp_path / name
    member.write_text("# a comment changes nothing\n" + member.read_text())
    found = load_router(path)
    assert isinstance(found, Cascade)
    assert len(member_files(path, found)) == 2
    member.write_text(member.read_text().replace("window = 96", "window = 128"))
    with pytest.raises(LabError, match=f"{name} is not the router that the threshold was chosen with"):
        router_spec(path)
    member.unlink()
    with pytest.raises(LabError, match=f"{name}: no such file"):
        router_spec(path)


def test_a_cascade_has_as_many_members_as_its_rule_wants(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text().replace('"confidence"', '"disagreement"'))
    with pytest.raises(LabError, match="rule 'disagreement' needs 3 members, not 2"):
        load_router(path)
