"""A cascade of arms: who is asked, what adds up, and what a member's fault or a cancellation does."""

import asyncio
import time
from pathlib import Path
from typing import Any, Literal

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
    assert (prediction.status, prediction.label, prediction.member) == ("ok", "yes", "small")
    assert prediction.error is None
    assert prediction.probabilities == pytest.approx({"yes": confidence, "no": 1 - confidence})
    assert (len(small.asked), len(large.asked)) == (1, 0)
    assert arm.state.phase == "ready"


async def test_the_second_is_asked_when_the_first_is_not_sure() -> None:
    small, large = Member("small", "yes", 0.79), Member("large", "no", 0.6)
    arm = await started(small, large)
    prediction = await arm.ask("p", 5.0)
    assert (prediction.label, prediction.member) == ("no", "large")
    assert prediction.probabilities == pytest.approx({"no": 0.6, "yes": 0.4})
    assert 0 < large.asked[0] < small.asked[0] <= 5.0  # what the first has used is off the time


async def test_a_threshold_of_zero_never_asks_the_second() -> None:
    small, large = Member("small", "yes", 0.51), Member("large")
    arm = await started(small, large, made=cascade(0.0))
    assert (await arm.ask("p", 5.0)).label == "yes"
    assert large.asked == []


@pytest.mark.parametrize(
    ("thresholds", "asked"),
    [((0.5, 0.9, 0.9), 1), ((0.6, 0.7, 0.9), 2), ((0.6, 0.8, 0.75), 3), ((1, 1, 1), 4)],
)
async def test_members_are_asked_until_one_is_sure_enough(thresholds: tuple[float, ...], asked: int) -> None:
    """Each by its own threshold; the last answers however unsure it is."""
    four = [Member("one", "yes", 0.5), Member("two", "no", 0.7), Member("three", confidence=0.75)]
    four.append(Member("four", "no", 0.51))
    arm = await started(*four, made=cascade(*thresholds))
    for found in (await arm.ask("p", 5.0), (await arm.ask_many(["p"], 5.0))[0]):
        assert (found.member, found.status) == (four[asked - 1].name, "ok")
        assert found.latency_ms.prefill == 10 * asked
    assert [len(m.asked) for m in four] == [2] * asked + [0] * (4 - asked)


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
    (passed,) = await arm.ask_many(["a"], 5.0)
    assert (passed.label, passed.error) == ("no", "small: refused: refused")
    assert len(large.asked) == 3


@pytest.mark.parametrize(("second", "third_asked", "label"), [("yes", 0, "yes"), ("no", 1, "no")])
async def test_the_third_is_asked_where_the_first_two_disagree(
    second: str, third_asked: int, label: str
) -> None:
    """However sure the first is."""
    trio = Member("one", "yes", 0.99), Member("two", second), Member("three", "no")
    arm = await started(*trio, made=cascade(rule="disagreement", members=3))
    assert (await arm.ask("p", 5.0)).label == label
    assert [len(m.asked) for m in trio] == [1, 1, third_asked]


@pytest.mark.parametrize("rule", ["confidence", "disagreement"])
@pytest.mark.parametrize(
    ("facts", "asked"),
    [
        ({"familiarity": 0.02}, 0),
        ({"familiarity": 0.019}, 1),
        ({"familiarity": None}, 0),  # it cannot tell
        ({"abstained": True}, 1),
    ],
)
async def test_an_unfamiliar_prompt_goes_on_however_sure_a_member_is(
    rule: Literal["confidence", "disagreement"], facts: dict[str, Any], asked: int
) -> None:
    first, second = Member("one", "yes", 0.99), Member("two", "yes", 0.99, **facts)
    third = Member("three", "no", 0.6, familiarity=0.001)
    made = cascade(1.0, 0.8) if rule == "confidence" else cascade(rule=rule, members=3)
    arm = await started(first, second, third, made=made.model_copy(update={"unfamiliar": 0.02}))
    found = await arm.ask("p", 5.0)
    assert len(third.asked) == asked
    assert found.label == ("no" if asked else "yes")
    assert found.familiarity == (0.001 if asked else facts.get("familiarity"))
    assert found.abstained is None  # the last answers, and it does not abstain


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


Fault = Literal["crashed", "timeout", "refused"]
SAID = {"crashed": "the worker was killed", "timeout": "timeout", "refused": "refused"}


@pytest.mark.parametrize("status", ["crashed", "refused"])
async def test_the_next_answers_where_a_member_fails(status: Fault) -> None:
    trio = Member("small", status=status), Member("middle", "no", 0.9), Member("large", "yes")
    arm = await started(*trio)
    found = await arm.ask("p", 5.0)
    assert (found.status, found.label, found.member) == ("ok", "no", "middle")
    assert found.error == f"small: {status}: {SAID[status]}"
    assert [len(m.asked) for m in trio] == [1, 1, 0]


@pytest.mark.parametrize("status", ["crashed", "timeout", "refused"])
async def test_an_unsure_answer_stands_where_those_after_it_fail(status: Fault) -> None:
    trio = Member("small", "yes", 0.4), Member("middle", "no", 0.5), Member("large", status=status)
    found = await (await started(*trio)).ask("p", 5.0)
    assert (found.status, found.label, found.member) == ("ok", "no", "middle")
    assert found.error == f"large: {status}: {SAID[status]}"


async def test_where_nobody_has_an_answer_all_faults_are_told() -> None:
    arm = await started(Member("small", status="refused"), Member("large", status="crashed"))
    found = await arm.ask("p", 5.0)
    assert (found.status, found.label, found.member) == ("crashed", None, None)
    assert found.error == "small: refused: refused; large: crashed: the worker was killed"
    assert arm.state.phase == "crashed"
    assert arm.state.message == "large: the worker was killed"
    again = await arm.ask("p", 5.0)
    assert (again.status, again.error) == ("crashed", arm.state.message)


async def test_two_that_fail_do_not_agree() -> None:
    trio = Member("one", status="refused"), Member("two", status="refused"), Member("three", "no")
    arm = await started(*trio, made=cascade(rule="disagreement", members=3))
    found = await arm.ask("p", 5.0)
    assert (found.label, found.member) == ("no", "three")
    assert found.error == "one: refused: refused; two: refused: refused"


async def test_nobody_is_asked_when_the_time_is_up() -> None:
    """A member that is asked without time loses its worker for nothing."""
    small, large = Member("small", status="timeout"), Member("large")
    found = await (await started(small, large)).ask("p", 5.0)
    assert (found.status, found.error, large.asked) == ("timeout", "small: timeout: timeout", [])
    unsure, never = Member("small", "yes", 0.5, waits=True, obeys=False), Member("large", "no")
    arm = await started(unsure, never)
    begun = time.perf_counter()
    asking = asyncio.create_task(arm.ask("p", 0.01))
    await until(lambda: bool(unsure.asked) and time.perf_counter() - begun > 0.05)
    unsure.cancel()  # of which it makes nothing: it answers
    late = await asking
    assert (late.label, late.member, never.asked) == ("yes", "small", [])
    assert late.error == "large: timeout: not asked: no time was left of 0.01 s"
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
    with pytest.raises(LabError, match=f"{name} is not the router that the cascade was made with"):
        router_spec(path)
    member.unlink()
    with pytest.raises(LabError, match=f"{name}: no such file"):
        router_spec(path)


def test_a_cascade_has_as_many_members_and_thresholds_as_its_rule_wants(tmp_path: Path) -> None:
    path = written(tmp_path)
    text = path.read_text()
    path.write_text(text.replace('"confidence"', '"disagreement"'))
    with pytest.raises(LabError, match="rule 'disagreement' needs 3 members, not 2"):
        load_router(path)
    path.write_text(text.replace("0.8,", "0.8, 0.9,"))
    with pytest.raises(LabError, match="2 members by confidence have 1 thresholds, not 2"):
        load_router(path)
    path.write_text(text.replace("0.8,", "1.1,"))
    with pytest.raises(LabError, match=r"thresholds\[0\]: should be less than or equal to 1"):
        load_router(path)


def test_a_file_of_an_earlier_version_is_refused_with_the_command_that_makes_a_new_one(
    tmp_path: Path,
) -> None:
    path = written(tmp_path)
    text = path.read_text().replace("schema_version = 2", "schema_version = 1")
    path.write_text(text.replace("thresholds = [\n    0.8,\n]", "threshold = 0.8"))
    with pytest.raises(LabError) as caught:
        load_router(path)
    assert str(caught.value) == (
        f"{path}: is of an earlier version; make it anew: routerlab tune cascade "
        f"{tmp_path}/small.toml {tmp_path}/large.toml --rule confidence --out {path}"
    )
