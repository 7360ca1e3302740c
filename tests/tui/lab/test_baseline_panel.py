"""Baselines on the screen: an arm without a model, and an answer without a label."""

from pathlib import Path

from routerlab.engine.arms.arm import Arm, Spec
from routerlab.engine.arms.baseline import BaselineArm, BaselineSpec
from routerlab.engine.lab.specs import any_spec
from tests.engine.asking import FRONT_DOOR
from tests.tui.harness import sitting
from tests.tui.scripted import Bench


def beside_models(made: Bench) -> None:
    """Let the lab make baselines too, the real ones."""
    models = made.lab._make_arm

    def make(spec: Spec) -> Arm:
        return BaselineArm(spec, FRONT_DOOR) if isinstance(spec, BaselineSpec) else models(spec)

    made.lab._make_arm = make


async def test_the_control_is_asked_beside_a_model_and_does_not_vote(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=2, prepare=beside_models, view="card") as here:
        here.lab.add_arm(any_spec("control", "score"))
        here.lab.add_arm(any_spec("baseline:majority", "score"))
        await here.until(lambda: len(here.panels()) == 4, "four panels")
        await here.lab.settled()
        here.lab.ask("Why is the sky blue?")
        await here.until(lambda: len(here.lab.session.trials) == 4, "the answers")
        await here.shows("unrouted", "code/simple")
        control, majority = here.panels()[2:]
        assert "ready" in control
        assert "CPU build" not in control, "there is no model, so there is no build of it to speak of"
        assert "code/simple" in majority
        await here.until(lambda: "/3" in here.picture(), "three voters")
        assert "/4" not in here.picture()


async def test_a_baseline_that_has_no_labels_for_this_taxonomy_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("schema_version = 1")
    async with sitting(tmp_path, arms=1, prepare=beside_models, view="card") as here:
        here.lab.add_arm(any_spec(f"baseline:keywords:{tmp_path / 'bad.toml'}", "score"))
        await here.until(lambda: here.lab.arms["keywords"].state.phase == "failed", "the failure")
        await here.shows("bad.toml")


def test_learning_leaves_arms_without_a_model_alone(tmp_path: Path) -> None:
    """`entries` is asked for at every annotation; a baseline must not end the app."""
    from routerlab.tui.tune.candidates import entries
    from tests.tui.scripted import bench, specs

    made = bench(tmp_path)
    made.lab.arms = {
        "control": BaselineArm(BaselineSpec(name="control", contract="none"), FRONT_DOOR),
        "model": made.lab._make_arm(specs(1)[0]),
    }
    assert [entry.name for entry in entries(made.lab)] == ["model"]
