"""`tune` on an encoder, from a corpus to answers of its router."""

from dataclasses import replace
from pathlib import Path

from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.contract.head import ENCODER_FEATURES, head_key, load_head
from routerlab.engine.contract.router import load_router
from routerlab.engine.lab.factory import ModelArms
from routerlab.tune.features import layers_of
from routerlab.tune.run import tune
from tests.engine import encoders
from tests.engine.asking import TWO, shots_for
from tests.engine.tuned import PROMPTS, plan_for
from tests.engine.workers import SETTINGS, running


def test_layers_are_tried_in_the_middle_and_at_the_end_of_an_encoder() -> None:
    assert layers_of(6, encoder=True) == (3, 4, 5)
    assert layers_of(12, encoder=True) == (6, 7, 8, 9, 11)
    assert layers_of(6) == (3, 4)


async def test_an_encoder_is_tuned_without_exemplars_and_its_router_answers(tmp_path: Path) -> None:
    model = encoders.build(tmp_path / "bert.gguf", "bert")
    plan = replace(plan_for(model, tmp_path / "r.toml"), windows=(64,))
    tuned = await tune(plan, lambda *_: None)
    assert tuned.router.exemplar == ()
    assert tuned.router.contract == "probe"
    assert [row.method for row in tuned.router.evidence.row] == ["probe"]
    assert any("json and score were not measured" in note for note in tuned.notes)
    made = ArmSpec(name="r:probe", model=model, contract="probe", router=tuned.path)
    arms = ModelArms(TWO, shots_for(TWO.labels), "e" * 64, SETTINGS)
    async with running(arms.model_arm(made, load_router(tuned.path))) as arm:
        answers = [await arm.ask(prompt, 30.0) for prompt in PROMPTS]
    assert {a.status for a in answers} == {"ok"}
    assert sum(a.label == TWO.labels[i % 2] for i, a in enumerate(answers)) > 12
    assert tuned.router.head is not None
    head = load_head(tmp_path / tuned.router.head.file, tuned.router.head.sha256)
    pins = tuned.router.model.sha256, tuned.router.prompt_sha256, TWO.sha256
    layer, window = tuned.router.head.layer, tuned.router.window
    assert head.key == head_key(*pins, layer, window, ENCODER_FEATURES)
    assert head.key != head_key(*pins, layer, window)
