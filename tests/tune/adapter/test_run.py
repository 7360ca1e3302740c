"""`tune adapter` on a tiny encoder, from a corpus to answers of its router."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from routerlab.api import AsyncRouter
from routerlab.core.errors import LabError
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.contract.head import load_head
from routerlab.engine.contract.router import load_router
from routerlab.models.progress import StoppedError
from routerlab.tune.adapter import run
from routerlab.tune.adapter.bert import load_encoder, read
from routerlab.tune.adapter.run import FOLDS, tune_adapter
from routerlab.tune.adapter.train import Recipe, features, train
from routerlab.tune.learn import learn
from routerlab.tune.out_of_fold import load_oof
from tests.engine import encoders
from tests.engine.asking import TWO
from tests.engine.tuned import CORPUS, PROMPTS, factory, plan_for
from tests.engine.workers import until

pytest.importorskip("torch")
pytest.importorskip("peft")

LAYER, WINDOW = 2, 48
RECIPE = Recipe(rank=2, epochs=2)


def model(folder: Path) -> Path:
    return encoders.build(folder / "bert.gguf", "bert")


async def test_training_leaves_the_encoder_as_it_was_and_does_the_same_again(tmp_path: Path) -> None:
    encoder, asked = load_encoder(model(tmp_path), LAYER), read(tmp_path / "bert.gguf", PROMPTS, WINDOW)
    before = features(encoder, asked)
    target, rows = plan_for(tmp_path / "bert.gguf", tmp_path / "r.toml").training.target, np.arange(12)
    steps: list[tuple[int, int]] = []
    one, other = (
        train(encoder, asked, target, rows, before, RECIPE, 0, lambda *told: steps.append(told))
        for _ in range(2)
    )
    assert np.array_equal(features(encoder, asked), before)
    assert np.array_equal(one.features, other.features)
    assert not np.allclose(one.features, before, atol=1e-3)
    assert list(dict.fromkeys(steps)) == [(1, 2), (2, 2)]
    assert len(one.matrices) == 6 * (LAYER + 1)
    assert all(a.shape[0] == b.shape[1] == RECIPE.rank for a, b in one.matrices.values())
    assert one.linear.logits(one.features).shape == target.shape


async def test_an_adapter_is_trained_and_its_router_answers_as_torch_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(model(tmp_path), tmp_path / "r.toml")
    kept, stages = [], list[str]()
    real = train

    def watched(*given: object) -> object:
        kept.append(real(*given))  # type: ignore[arg-type]
        return kept[-1]

    def opened(path: Path) -> AsyncRouter:
        spec = ArmSpec(name="r:probe", model=plan.spec.model, contract="probe", router=path)
        return AsyncRouter(factory().model_arm(spec, load_router(path)), TWO.labels, 30.0)

    monkeypatch.setattr(run, "train", watched)
    done = await tune_adapter(plan, LAYER, WINDOW, RECIPE, opened, lambda what, *_: stages.append(what))
    assert len(kept) == FOLDS + 1
    router, trained = done.router, kept[-1]
    assert router == load_router(tmp_path / "r.toml")
    assert router.adapter is not None
    assert router.head is not None
    assert (router.head.layer, router.window) == (LAYER, WINDOW)
    head = load_head(tmp_path / router.head.file, router.head.sha256)
    expected = np.array([head.probabilities(f) for f in trained.features])
    async with opened(done.path) as asked:
        answers = [await asked.route(prompt) for prompt in PROMPTS]
    found = [[a.probabilities[label] for label in TWO.labels] for a in answers if a.probabilities]
    assert np.abs(np.array(found) - expected).max() < 0.02
    row = router.evidence.row[0]
    assert (row.method, row.n) == ("probe", len(PROMPTS))
    assert row.p50 is not None
    assert len(load_oof(tmp_path, router.evidence.answers, "r").ids) == len(PROMPTS)
    assert {"training, fold 1 of 5", "training, all cases", "timing"} <= set(stages)

    kept.clear()
    again = await tune_adapter(plan, LAYER, WINDOW, RECIPE, opened, lambda *_: None)
    assert len(kept) == 1  # the folds were kept
    assert again.router.adapter == router.adapter
    assert again.router.evidence.row[0].accuracy == row.accuracy
    with pytest.raises(LabError, match="trained together with an adapter"):
        await learn(plan, router, CORPUS.case[:1], lambda *_: None)


async def test_a_model_that_torch_computes_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(model(tmp_path), tmp_path / "r.toml")
    monkeypatch.setattr(run, "features", lambda _, asked, __: np.ones((len(asked), 5 * 32), np.float32))
    with pytest.raises(LabError, match="torch computes something else than the engine of case c"):
        await tune_adapter(plan, LAYER, WINDOW, RECIPE, lambda _: pytest.fail("opened"), lambda *_: None)
    assert not (tmp_path / "r.toml").exists()


async def test_what_is_stopped_ends_with_its_next_step_and_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(model(tmp_path), tmp_path / "r.toml")
    ended: list[BaseException | None] = []
    real = train

    def watched(*given: object) -> object:
        try:
            found = real(*given)  # type: ignore[arg-type]
        except StoppedError as e:
            ended.append(e)
            raise
        ended.append(None)
        return found

    def tell(what: str, *_: int) -> None:
        if what == "training, fold 2 of 5":
            task.cancel()

    monkeypatch.setattr(run, "train", watched)
    recipe = Recipe(rank=2, epochs=200)
    work = tune_adapter(plan, LAYER, WINDOW, recipe, lambda _: pytest.fail("opened"), tell)
    task = asyncio.create_task(work)
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: len(ended) == 2)
    assert ended[0] is None
    assert isinstance(ended[1], StoppedError)
    assert [p.name for p in tmp_path.rglob("fold-*")] == ["fold-1.npy"]
