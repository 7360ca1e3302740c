"""Router files: written by tuning, loaded by the lab, and refused as soon as anything is not as pinned."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routerlab.cli.tune.options import make_plan
from routerlab.core.errors import Exit, LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.engine.arms.arm import Arm
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.head import PARTS, Head, head_bytes, head_key, load_head
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.router import Calibration, HeadPin, Router, load_router
from routerlab.engine.contract.scaling import softmax
from routerlab.engine.lab.specs import arm_spec, find_router, router_spec
from routerlab.tune.out_of_fold import load_oof
from routerlab.tune.write import save_toml
from tests.engine.asking import TWO, taxonomy
from tests.engine.tuned import (
    LAYER,
    LAYERS,
    PROMPTS,
    SHOTS,
    WINDOW,
    Tuned,
    deep_model,
    factory,
    tuned_spec,
    write,
)
from tests.engine.workers import arms, one_line, running, spec


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    folder = tmp_path_factory.mktemp("tuned")
    return write(deep_model(folder / "deep.gguf"), folder / "r.toml")


@pytest.fixture
def copy(made: Tuned, tmp_path: Path) -> Path:
    """The router file and what lies beside it, to be changed."""
    for name in ("r.toml", "r.npz", "r.oof.npz"):
        shutil.copy(made.path.with_name(name), tmp_path / name)
    return tmp_path / "r.toml"


def changed(path: Path, **update: Any) -> None:
    """Write the router again with other fields."""
    router = load_router(path)
    save_toml(path, Router.model_validate(router.model_dump() | update))


def put_head(path: Path, head: Head, layer: int = LAYER) -> None:
    """Another head beside the router, pinned as it should be."""
    data = head_bytes(head)
    path.with_name("r.npz").write_bytes(data)
    changed(path, head=HeadPin(file="r.npz", sha256=hashlib.sha256(data).hexdigest(), layer=layer))


def own_key(made: Tuned, layer: int = LAYER) -> str:
    router = made.router
    return head_key(router.model.sha256, router.prompt_sha256, TWO.sha256, layer, WINDOW)


def as_model(arm: Arm) -> ModelArm:
    assert isinstance(arm, ModelArm)
    return arm


# --- what is written --------------------------------------------------------------------------------------


def test_a_router_comes_back_with_its_pins(made: Tuned) -> None:
    found = load_router(made.path)
    assert found == made.router
    assert isinstance(found, Router)
    assert found.model.sha256 == hashlib.sha256(made.model.read_bytes()).hexdigest()
    assert found.taxonomy_sha256 == TWO.sha256
    assert found.exemplar == SHOTS
    assert (found.window, found.head and found.head.layer) == (WINDOW, LAYER)
    assert found.head is not None
    assert load_head(made.path.with_name("r.npz"), found.head.sha256).key == own_key(made)
    oof = load_oof(made.path.parent, found.evidence.answers, "r")
    assert len(oof.ids) == len(PROMPTS)
    assert oof.times[0] == 12.0
    assert np.isnan(oof.times[1:]).all()


async def test_a_router_answers_as_its_head_says(made: Tuned) -> None:
    """The lab has other exemplars and no window: the router's own win."""
    async with running(as_model(factory()(tuned_spec(made)))) as arm:
        assert arm.state.phase == "ready", arm.state.message
        info = arm.state.info
        assert isinstance(info, ArmInfo)
        assert (info.contract, info.window) == ("probe", WINDOW)
        assert info.router_sha256 == canonical_sha256(made.router)
        assert info.prompt_sha256 == made.router.prompt_sha256
        for i in (0, 1, 5):
            prediction = await arm.ask(PROMPTS[i], 30.0)
            shares = softmax(made.logits[i].astype(np.float64))
            assert prediction.probabilities is not None
            assert [prediction.probabilities[k] for k in TWO.labels] == pytest.approx(shares, abs=1e-4)
            assert prediction.label == TWO.labels[int(shares.argmax())]
        long = await arm.ask("word " * 400, 30.0)
        assert long.tokens.dropped
        assert long.tokens.evaluated <= WINDOW + 100


# --- what does not fit ------------------------------------------------------------------------------------


def other_exemplar(path: Path, made: Tuned) -> None:
    changed(path, exemplar=(Exemplar(prompt="another", label="yes"), *SHOTS[1:]))


def other_head(path: Path, made: Tuned) -> None:
    path.with_name("r.npz").write_bytes(path.with_name("r.npz").read_bytes() + b"\0")


def no_head(path: Path, made: Tuned) -> None:
    path.with_name("r.npz").unlink()


def other_window(path: Path, made: Tuned) -> None:
    changed(path, window=WINDOW * 2)


def no_window(path: Path, made: Tuned) -> None:
    changed(path, window=None)


def other_layer(path: Path, made: Tuned) -> None:
    assert made.router.head is not None
    changed(path, head=made.router.head.model_copy(update={"layer": LAYER + 1}))


def foreign_head(path: Path, made: Tuned) -> None:
    put_head(path, Head(np.ones((2, PARTS * 32), np.float32), np.zeros(2, np.float32), "0" * 64))


def too_many_labels(path: Path, made: Tuned) -> None:
    put_head(path, Head(np.ones((3, 64), np.float32), np.zeros(3, np.float32), own_key(made)))


def last_layer(path: Path, made: Tuned) -> None:
    key = own_key(made, LAYERS - 1)
    put_head(path, Head(np.ones((2, PARTS * 32), np.float32), np.zeros(2, np.float32), key), LAYERS - 1)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (other_exemplar, "router r: was tuned for other prompt and exemplars"),
        (other_head, "r.npz: is not the head that the router file pins"),
        (no_head, "r.npz: the router's head cannot be read: No such file"),
        (other_window, "router r: its head was fitted for another layer or window"),
        (no_window, "router r: its head was fitted for another layer or window"),
        (other_layer, "router r: its head was fitted for another layer or window"),
        (foreign_head, "router r: its head was fitted for another"),
        (too_many_labels, "router r: its head was fitted for another"),
        (last_layer, f"layer {LAYERS - 1} cannot be read: the last of {LAYERS} is out of reach"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
async def test_what_is_not_as_pinned_fails_and_is_named(
    made: Tuned, copy: Path, damage: Callable[[Path, Tuned], None], words: str
) -> None:
    damage(copy, made)
    async with running(as_model(factory()(tuned_spec(made, copy)))) as arm:
        assert arm.state.phase == "failed"
        assert words in arm.state.message
        assert one_line(arm.state.message)
        assert (await arm.ask("hello", 5.0)).status == "crashed"


def test_a_router_of_an_earlier_version_is_refused_with_the_command_that_makes_a_new_one(copy: Path) -> None:
    copy.write_text(copy.read_text().replace("schema_version = 2", "schema_version = 1"))
    with pytest.raises(LabError) as caught:
        load_router(copy)
    assert str(caught.value) == f"{copy}: is of an earlier version; make it anew: routerlab tune tiny"


async def test_other_weights_fail_and_are_named(made: Tuned, tmp_path: Path) -> None:
    other = deep_model(tmp_path / "deep.gguf", seed=1)
    async with running(as_model(factory()(tuned_spec(made, model=other)))) as arm:
        assert arm.state.phase == "failed"
        assert "was tuned for other weights" in arm.state.message
        assert made.router.model.sha256[:12] in arm.state.message


async def test_another_taxonomy_fails_and_is_named(made: Tuned) -> None:
    """The same labels with another tie rule: the instruction differs, so what was fitted does not hold."""
    async with running(as_model(factory(taxonomy(("yes", "no"), "yes wins"))(tuned_spec(made)))) as arm:
        assert arm.state.phase == "failed"
        assert "was tuned for other taxonomy" in arm.state.message


async def test_a_head_of_another_width_fails_when_it_is_loaded(made: Tuned, copy: Path) -> None:
    put_head(copy, Head(np.ones((2, 60), np.float32), np.zeros(2, np.float32), own_key(made)))
    async with running(as_model(factory()(tuned_spec(made, copy)))) as arm:
        assert arm.state.phase == "failed"


async def test_a_score_router_calibrates_what_the_model_says(made: Tuned, copy: Path) -> None:
    async with running(arms(shots=SHOTS).model_arm(spec(made.model))) as arm:
        plain = (await arm.ask("hello", 30.0)).probabilities
        assert isinstance(arm.state.info, ArmInfo)
        prompt_sha256 = arm.state.info.prompt_sha256
    assert plain is not None
    changed(
        copy,
        contract="score",
        head=None,
        window=None,
        prompt_sha256=prompt_sha256,
        calibration=Calibration(temperature=2.0, bias={"yes": 0.3}),
    )
    tuned = tuned_spec(made, copy).model_copy(update={"contract": "score"})
    async with running(as_model(factory()(tuned))) as arm:
        found = (await arm.ask("hello", 30.0)).probabilities
    assert found is not None
    expected = softmax(np.log([plain["yes"], plain["no"]]) / 2.0 + np.array([0.3, 0.0]))
    assert [found["yes"], found["no"]] == pytest.approx(expected, abs=1e-5)


# --- from a name to a file --------------------------------------------------------------------------------


def test_a_router_file_is_an_arm(made: Tuned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.path.parent)
    found = arm_spec(str(made.path), "json")
    assert (found.name, found.contract, found.router) == ("r:probe", "probe", made.path)
    assert found.model.samefile(made.model)


def test_a_router_is_found_by_name_in_the_workspace(
    made: Tuned, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "routers").mkdir()
    copy.rename(tmp_path / "routers" / "r.toml")
    shutil.copy(made.model, tmp_path / "deep.gguf")
    monkeypatch.chdir(tmp_path)
    assert arm_spec("r:probe", "score").router == Path("routers/r.toml")
    with pytest.raises(LabError, match=r"no router 'other'; there are: .*r.*`routerlab tune other`") as e:
        find_router("other")
    assert e.value.code == Exit.MISSING


@pytest.mark.parametrize(
    ("model_id", "words"),
    [
        (None, "was tuned for deep.gguf: .*models list"),
        ("gemma-3-270m", "`routerlab models pull gemma-3-270m`"),
    ],
)
def test_a_missing_model_says_what_to_do(
    made: Tuned, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_id: str | None, words: str
) -> None:
    changed(copy, model=made.router.model.model_copy(update={"id": model_id}))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError, match=words) as e:
        router_spec(copy)
    assert e.value.code == Exit.MISSING
    assert str(e.value).startswith(f"{copy}: ")
    assert one_line(str(e.value))


@pytest.mark.parametrize("name", ["my router", "a:b"])
def test_a_name_that_no_router_may_have_is_refused_in_words(made: Tuned, tmp_path: Path, name: str) -> None:
    with pytest.raises(LabError, match="without spaces or colons"):
        make_plan(str(made.model), None, tmp_path / f"{name}.toml", None, None, 0)


@pytest.mark.parametrize(
    ("suffix", "contract", "encoding"),
    [
        ("", "score", "json-name"),
        (":score", "score", "json-name"),
        (":score-name", "score", "name"),
        (":score-code", "score", "code"),
        (":json", "json", "json-name"),
    ],
)
def test_an_arm_says_behind_its_model_how_it_is_asked(
    pulled_smollm2: Path, suffix: str, contract: str, encoding: str
) -> None:
    found = arm_spec(f"{pulled_smollm2}{suffix}", "score")
    assert (found.contract, found.encoding) == (contract, encoding)
    assert found.name == "smollm2-135m" + suffix.removesuffix(":score")
    assert arm_spec(str(pulled_smollm2), "json").contract == "json"
