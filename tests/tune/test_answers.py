"""The store of answers: read once, kept over an interruption, used for narrower windows where that holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routerlab.core.errors import Exit, LabError
from routerlab.core.prediction import Prediction, Tokens
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.head import PARTS
from routerlab.tune.answers import WINDOWS, Answer, Answers, Asker
from routerlab.tune.features import DEPTHS, Reader, Workbench, layers_of
from routerlab.tune.scores.untuned import score_cases
from routerlab.tune.ways import Way
from tests.engine.asking import TWO, shots_for
from tests.engine.cluster.in_process import in_process
from tests.engine.tuned import LAYER, deep_model, plan_for
from tests.engine.workers import arms, running, spec

ANSWER = Answer(
    Prediction(status="ok", tokens=Tokens(cached=9, evaluated=30)),
    np.arange(12, dtype=np.float32).reshape(2, 6) / np.float32(7),
)
WIDE, MIDDLE, NARROW = WINDOWS


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return deep_model(tmp_path_factory.mktemp("model") / "deep.gguf")


def quiet(done: int, total: int) -> None:
    """Nobody is told."""


@asynccontextmanager
async def asker(model: Path, store: Path, key: str = "k") -> AsyncIterator[Asker]:
    """An asker of the real tiny model that is loaded only when it must be."""
    answers = Answers(store)
    arm = arms().model_arm(spec(model, "probe"), layers=(LAYER,))
    async with running(arm, start=False):
        yield Asker(arm, key, 1, answers)
    answers.close()


# --- the file ---------------------------------------------------------------------------------------------


def test_answers_are_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "answers.sqlite"
    store = Answers(path)
    store.put("arm", "a prompt\ud800", ANSWER)
    store.put("arm", "plain", Answer(ANSWER.prediction, None))
    store.close()
    store = Answers(path)
    found = store.get("arm", "a prompt\ud800", 2)
    assert found is not None
    assert found.prediction == ANSWER.prediction
    assert found.features is not None
    assert ANSWER.features is not None
    assert (found.features == ANSWER.features).all()
    plain = store.get("arm", "plain", 0)
    assert plain is not None
    assert plain.features is None
    assert store.get("arm", "another", 2) is None
    assert store.get("other arm", "a prompt\ud800", 2) is None
    store.close()


def test_it_is_on_disk_before_it_is_closed(tmp_path: Path) -> None:
    """Whoever kills the process loses nothing that was read."""
    first, second = Answers(tmp_path / "a.sqlite"), Answers(tmp_path / "a.sqlite")
    first.put("arm", "p", ANSWER)
    assert second.get("arm", "p", 2) is not None
    second.put("arm", "p", Answer(Prediction(status="unparsed"), None))
    found = first.get("arm", "p", 0)
    assert found is not None
    assert found.prediction.status == "unparsed"
    first.close()
    second.close()


def test_prompts_themselves_are_not_kept(tmp_path: Path) -> None:
    store = Answers(tmp_path / "a.sqlite")
    store.put("arm", "a very private prompt", ANSWER)
    store.close()
    assert b"private" not in (tmp_path / "a.sqlite").read_bytes()


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_text("this is not a database, but it is long enough to look at" * 99)
    with pytest.raises(LabError, match=r"cannot be used to keep answers: .*; delete it") as e:
        Answers(path)
    assert str(e.value).startswith(f"{path}: ")


# --- asking -----------------------------------------------------------------------------------------------


async def test_each_prompt_is_asked_once(model: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    prompts = ["one", "two", "three"]
    async with asker(model, tmp_path / "a.sqlite") as one:
        first = await one.answers(prompts[:2], WIDE, quiet)
        more = await one.answers(prompts, WIDE, lambda d, n: told.append((d, n)))
    assert told == [(3, 3)]
    async with asker(model, tmp_path / "a.sqlite") as again:
        kept = await again.answers(prompts, WIDE, quiet)
        assert again.arm.state.phase == "starting"  # nothing had to be loaded
    for a, b, c in zip([*first, more[2]], more, kept, strict=True):
        assert a.prediction == b.prediction == c.prediction
        assert a.features is not None
        assert c.features is not None
        assert (a.features == c.features).all()
    assert not (kept[0].features == kept[1].features).all()  # type: ignore[union-attr]


async def test_a_wider_window_that_did_not_cut_serves_a_narrower_one(model: Path, tmp_path: Path) -> None:
    async with asker(model, tmp_path / "a.sqlite") as one:
        wide = await one.answers(["short"], WIDE, quiet)
        told: list[int] = []
        for window in (MIDDLE, NARROW):
            found = await one.answers(["short"], window, lambda d, n: told.append(d))
            assert (found[0].features == wide[0].features).all()  # type: ignore[union-attr]
        assert told == []
        fresh = await one.fresh("short", NARROW)
        assert (fresh.features == wide[0].features).all()  # type: ignore[union-attr]


async def test_a_cut_or_longer_answer_does_not(model: Path, tmp_path: Path) -> None:
    """The tiny vocabulary takes about a token for each of these letters."""
    prompts = ["X" * (NARROW + 30), "X" * (WIDE + 50)]
    async with asker(model, tmp_path / "a.sqlite") as one:
        wide = await one.answers(prompts, WIDE, quiet)
        assert [bool(a.prediction.tokens.dropped) for a in wide] == [False, True]
        told: list[int] = []
        narrow = await one.answers(prompts, NARROW, lambda d, n: told.append(d))
        assert told == [1, 2]
        for a, b in zip(wide, narrow, strict=True):
            assert b.prediction.tokens.dropped
            assert not (a.features == b.features).all()  # type: ignore[union-attr]
        # a narrower answer never stands for a wider one
        again = await one.answers(["X" * (NARROW + 40)], NARROW, quiet)
        wider = await one.answers(["X" * (NARROW + 40)], WIDE, quiet)
        assert not wider[0].prediction.tokens.dropped
        assert again[0].prediction.tokens.dropped


async def test_another_key_is_another_arm(model: Path, tmp_path: Path) -> None:
    async with asker(model, tmp_path / "a.sqlite") as one:
        await one.answers(["short"], WIDE, quiet)
    told: list[int] = []
    async with asker(model, tmp_path / "a.sqlite", key="other") as other:
        await other.answers(["short"], WIDE, lambda d, n: told.append(d))
    assert told == [1]


async def test_a_model_that_cannot_be_loaded_is_an_error_with_exit_3(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF no")
    async with asker(bad, tmp_path / "a.sqlite") as one:
        with pytest.raises(LabError, match=r"^arm: ") as e:
            await one.answers(["short"], WIDE, quiet)
    assert e.value.code == Exit.MISSING


async def test_what_was_read_before_a_fault_is_kept(model: Path, tmp_path: Path) -> None:
    """A prompt that does not fit ends the reading; the answers before it stay."""
    prompts = ["one", "X" * 3000, "three"]
    async with asker(model, tmp_path / "a.sqlite") as one:
        with pytest.raises(LabError, match="what was read so far is kept"):
            await one.answers(prompts, None, quiet)
    async with asker(model, tmp_path / "a.sqlite") as again:
        assert len(await again.answers(["one"], None, quiet)) == 1
        assert again.arm.state.phase == "starting"


async def test_a_cluster_reads_the_same_and_is_left_before_anything_is_timed(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts, way = [f"prompt {n}" for n in range(40)], Way(spec(model))
    near = plan_for(model, tmp_path / "near" / "r.toml")
    far = replace(plan_for(model, tmp_path / "far" / "r.toml"), cluster=in_process(monkeypatch))
    with Workbench(near) as bench:
        async with bench.asker("probe", way, (1, LAYER)) as asker:
            expected = await asker.answers(prompts, WIDE, quiet)
    told: list[int] = []
    with Workbench(far) as bench:
        assert bench.asker("score", way).far is None  # its answers are timed as they come
        async with bench.asker("probe", way, (1, LAYER)) as asker:
            assert asker.far is not None
            first = await asker.answers(prompts[:3], WIDE, quiet)
            found = await asker.answers(prompts, WIDE, lambda d, n: told.append(d))
            assert (asker.arm.state.phase, asker.far.state.phase) == ("starting", "ready")
            await asker.fresh(prompts[0], WIDE)
            assert (asker.arm.state.phase, asker.far.state.phase) == ("ready", "stopped")
            (more,) = await asker.answers(["joined again"], WIDE, quiet)
        async with bench.asker("probe", way, (1, LAYER)) as again:
            kept = await again.answers([*prompts, "joined again"], WIDE, quiet)
            assert again.far is not None
            assert again.far.state.phase == "starting"  # nothing was wanted of it
    assert told == list(range(4, 41))
    for a, b, c in zip([*expected, more], [*found, more], kept, strict=True):
        assert a.prediction.tokens == b.prediction.tokens == c.prediction.tokens
        np.testing.assert_allclose(a.features, b.features, rtol=1e-5, atol=1e-6)  # type: ignore[arg-type]
        assert (b.features == c.features).all()  # type: ignore[union-attr]
    assert (first[2].features == found[2].features).all()  # type: ignore[union-attr]


async def test_what_a_cluster_read_before_a_fault_is_kept(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(plan_for(model, tmp_path / "r.toml"), cluster=in_process(monkeypatch))
    with Workbench(plan) as bench:
        async with bench.asker("probe", Way(plan.spec), (LAYER,)) as asker:
            with pytest.raises(LabError, match="what was read so far is kept") as e:
                await asker.answers(["one", "X" * 3000, "three"], None, quiet)
        async with bench.asker("probe", Way(plan.spec), (LAYER,)) as again:
            assert len(await again.answers(["one"], None, quiet)) == 1
            assert again.far is not None
            assert again.far.state.phase == "starting"
    assert e.value.code == Exit.MISSING


# --- the workbench ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "expected"), [(30, (15, 17, 19, 21, 23)), (3, (1,)), (5, (2, 3))])
def test_layers_lie_past_the_middle_and_never_at_the_end(n: int, expected: tuple[int, ...]) -> None:
    assert layers_of(n) == expected
    assert len(DEPTHS) == 5
    assert max(layers_of(n)) <= n - 2


async def test_a_layer_that_is_given_is_read_alone(model: Path, tmp_path: Path) -> None:
    plan = replace(plan_for(model, tmp_path / "r.toml"), layer=LAYER)
    with Workbench(plan) as bench:
        assert await bench.layers() == (LAYER,)
        n = bench.header.n_layers
    assert n is not None
    with (
        Workbench(replace(plan, layer=n - 1)) as bench,
        pytest.raises(LabError, match=f"--layer {n - 1}: of .* 0 to {n - 2} can be read"),
    ):
        await bench.layers()


def test_a_key_depends_on_what_is_asked(model: Path, tmp_path: Path) -> None:
    plan = plan_for(model, tmp_path / "r.toml")
    way = Way(plan.spec, shots_for(TWO.labels))
    fewer = replace(way, shots=way.shots[:1])
    shorter = replace(way, spec=plan.spec.model_copy(update={"instruction": "names"}))
    with Workbench(plan) as bench:
        keys = {
            bench.asker("probe", way, (1, 2))._key,
            bench.asker("probe", way, (2,))._key,
            bench.asker("probe", fewer, (1, 2))._key,
            bench.asker("probe", shorter, (1, 2))._key,
            bench.asker("score", way)._key,
            bench.asker("json", way)._key,
        }
        assert len(keys) == 6
        assert bench.asker("probe", way, (1, 2))._key in keys


async def test_a_reader_has_features_of_every_case_under_every_setting(model: Path, tmp_path: Path) -> None:
    plan = plan_for(model, tmp_path / "r.toml")
    group = plan.training.group.copy()
    group[4] = group[2]  # nearly the same
    plan = replace(plan, training=replace(plan.training, group=group))
    layers = (1, LAYER)
    with Workbench(plan) as bench:
        reader = Reader(bench, plan.training, layers, lambda *_: None)
        await reader.read(Way(plan.spec, plan.shots), (NARROW, WIDE))
        await reader.read(Way(plan.spec, own=(2, 3)), (NARROW,))
    found = reader.candidates(float("inf"))
    n = len(plan.training.cases)
    assert {k: v.shape for k, v in found.table.items()} == {
        (0, WIDE): (2, n, PARTS * 32), (0, NARROW): (2, n, PARTS * 32), (1, NARROW): (2, n, PARTS * 32),
    }  # fmt: skip
    assert found.layers == layers
    assert found.ms.keys() == found.table.keys()
    assert all(ms > 0 for ms in found.ms.values())
    assert reader.prefix[0] > reader.prefix[1] > 0
    assert [way.text for way in reader.ways] == [
        f"F32, instruction full, {shots} exemplars" for shots in (len(plan.shots), "no")
    ]
    assert not (found.table[0, NARROW] == found.table[1, NARROW]).any(axis=2).all()
    assert (np.flatnonzero(~found.usable[1]).tolist(), found.usable[0].all()) == ([2, 3, 4], True)
    assert len(reader.tokens) == n
    assert len(reader.candidates(0.0).table) == 1  # the quickest, when none is quick enough


async def test_an_output_that_is_no_number_is_not_kept(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def damaged(*_: object) -> tuple[Prediction, np.ndarray]:
        return ANSWER.prediction, np.full((1, 6), np.nan, dtype=np.float32)

    async with asker(model, tmp_path / "a.sqlite") as one:
        monkeypatch.setattr(one.arm, "read", damaged)
        with pytest.raises(LabError, match="an output is no number: the model file may be damaged"):
            await one.answers(["a prompt"], None, quiet)
        monkeypatch.undo()
        (answer,) = await one.answers(["a prompt"], None, quiet)
    assert answer.features is not None
    assert np.isfinite(answer.features).all()


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(LabError, match="cache: no folder to keep answers in"):
        Answers(tmp_path / "cache" / "answers.sqlite")


def test_an_exemplar_written_otherwise_is_not_asked_either(model: Path, tmp_path: Path) -> None:
    plan = plan_for(model, tmp_path / "r.toml")
    whole = score_cases(plan, ()).cases
    shot = Exemplar(prompt=f"  {whole[0].prompt.upper()}", label=whole[0].label or "")
    assert score_cases(plan, (shot,)).cases == whole[1:]
