"""An answer that is not to be acted on: how familiar its prompt is, who says so, and what is promised."""

import hashlib
from dataclasses import replace

import pytest

from routerlab.engine.arms.cascade import CascadeArm
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.head import head_bytes, load_head
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.router import Abstain, Promise
from routerlab.engine.worker.protocol import Load
from routerlab.tune.write import save_toml
from tests.engine.arms.members import cascade
from tests.engine.tuned import PROMPTS, Tuned, deep_model, factory, tuned_spec, write
from tests.engine.workers import SETTINGS, running

PROMISE = Promise(
    probability=1.0, familiarity=0.02, max_error=0.05, confidence=0.9, cases=16, answered=0.5, error=0.0
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    folder = tmp_path_factory.mktemp("abstain")
    return write(deep_model(folder / "deep.gguf"), folder / "r.toml")


@pytest.mark.parametrize(
    ("probability", "familiarity", "rejected"),
    [(0.8, 0.1, False), (0.79, 1.0, True), (1.0, 0.09, True), (0.8, None, False), (0.7, None, True)],
)
def test_who_is_less_sure_or_less_familiar_is_rejected(
    probability: float, familiarity: float | None, rejected: bool
) -> None:
    assert Abstain(probability=0.8, familiarity=0.1).rejects(probability, familiarity) is rejected
    assert not Abstain().rejects(0.0, familiarity)


def test_of_two_the_stricter_limits_count() -> None:
    both = Abstain(familiarity=0.1, probability=0.2).with_(PROMISE)
    assert both == Abstain(familiarity=0.1, probability=1.0)
    assert both.with_(None) == both


async def test_a_router_abstains_from_what_it_cannot_promise_and_says_how_familiar_prompts_are(
    made: Tuned,
) -> None:
    path = made.path.with_name("promised.toml")
    save_toml(path, made.router.model_copy(update={"promise": PROMISE}))
    assert made.router.head is not None
    assert made.router.head.familiarity == "last third"
    known = load_head(made.path.with_name(made.router.head.file), made.router.head.sha256).familiarity
    assert known is not None
    arm = factory()(tuned_spec(made, path))
    assert isinstance(arm, ModelArm)
    async with running(arm):
        assert isinstance(arm.state.info, ArmInfo)
        assert (arm.state.info.max_error, arm.state.info.note) == (0.05, "")
        prompts = [PROMPTS[0], PROMPTS[5], "\u2603 \u2603 \u2603"]
        alone = [await arm.ask(p, 30.0) for p in prompts]
        together = await arm.ask_many(prompts, 30.0)
    for one, other in zip(alone, together, strict=True):
        assert one.label is not None
        assert (one.status, one.abstained, one.routed) == ("ok", True, None)  # nothing is certain
        assert one.familiarity == pytest.approx(other.familiarity, abs=0.07)
    assert alone[0].familiarity == pytest.approx(known.of(made.features[0]), abs=0.07)
    assert alone[2].familiarity == pytest.approx(1 / 17)


async def test_a_head_of_an_earlier_version_tells_no_familiarity_and_says_so(made: Tuned) -> None:
    assert made.router.head is not None
    head = load_head(made.path.with_name(made.router.head.file), made.router.head.sha256)
    data = head_bytes(replace(head, familiarity=None))
    made.path.with_name("old.npz").write_bytes(data)
    told = {"file": "old.npz", "sha256": hashlib.sha256(data).hexdigest(), "familiarity": None}
    path = made.path.with_name("old.toml")
    save_toml(path, made.router.model_copy(update={"head": made.router.head.model_copy(update=told)}))
    arm = factory(settings=SETTINGS.model_copy(update={"abstain": 1.0}))(tuned_spec(made, path))
    assert isinstance(arm, ModelArm)
    async with running(arm):
        assert arm.state.info is not None
        assert arm.state.info.note == "cannot tell how familiar a prompt is: tune it (again)"
        found = await arm.ask(PROMPTS[0], 30.0)
    assert (found.status, found.familiarity, found.abstained) == ("ok", None, None)
    assert found.routed == found.label is not None


def test_what_a_member_promises_alone_is_not_the_cascades(
    made: Tuned, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made.path.with_name("member.toml")
    save_toml(path, made.router.model_copy(update={"promise": PROMISE}))
    monkeypatch.setattr("routerlab.engine.lab.factory.member_files", lambda *_: [path, path])
    monkeypatch.setattr("routerlab.engine.lab.factory.router_spec", lambda _: tuned_spec(made, path))
    save_toml(made.path.with_name("c.toml"), cascade(0.5))
    arm = factory()(tuned_spec(made, made.path.with_name("c.toml")))
    assert isinstance(arm, CascadeArm)
    for member in arm.members:
        assert isinstance(member, ModelArm)
        assert isinstance(member._load, Load)
        assert member._load.abstain == Abstain()
