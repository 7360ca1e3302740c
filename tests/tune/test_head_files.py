"""Files of numbers: a head and out-of-fold answers come back, and nothing else is taken for them."""

import hashlib
import io
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.engine.contract.head import Familiarity, Head, head_bytes, head_key, load_head
from routerlab.engine.contract.router import Cascade, FilePin, load_router
from routerlab.engine.contract.scaling import softmax
from routerlab.resources import ROUTERS
from routerlab.tune.out_of_fold import OutOfFold, load_oof, oof_bytes
from tests.tune.harness import noise

NEAR = Familiarity(noise(1, 2, seed=5)[0], np.ones(2, np.float32), np.arange(4, dtype=np.float32))
HEAD = Head(noise(3, 8, seed=1), noise(1, 3, seed=2)[0], "k" * 64, NEAR)
OOF = OutOfFold(
    ("P-1", "P-ü2"),
    np.array([0, 2]),
    np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]),
    np.array([12.5, np.nan]),
    np.array([True, False]),
)
Load = Callable[[Path, bytes], object]


def as_head(folder: Path, data: bytes) -> Head:
    """Load the bytes as a head that a router file pins."""
    path = folder / "r.npz"
    path.write_bytes(data)
    return load_head(path, hashlib.sha256(data).hexdigest())


def as_oof(folder: Path, data: bytes) -> OutOfFold:
    """Load the bytes as answers that a router file pins."""
    (folder / "r.oof.npz").write_bytes(data)
    return load_oof(folder, FilePin(file="r.oof.npz", sha256=hashlib.sha256(data).hexdigest()), "r")


both = pytest.mark.parametrize("load", [as_head, as_oof], ids=["head", "answers"])


def npz(compressed: bool = False, **arrays: Any) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.mark,)


def test_a_head_comes_back(tmp_path: Path) -> None:
    found = as_head(tmp_path, head_bytes(HEAD))
    assert (found.weights == HEAD.weights).all()
    assert (found.bias == HEAD.bias).all()
    assert found.key == HEAD.key
    assert found.familiarity is not None
    for one, other in zip(asdict(found.familiarity).values(), asdict(NEAR).values(), strict=True):
        assert (one == other).all()
    assert as_head(tmp_path, head_bytes(replace(HEAD, familiarity=None))).familiarity is None  # an older file


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": np.zeros(9, np.float32), "scale": np.ones(9, np.float32)},  # more than the head reads
        {"mean": np.zeros(0, np.float32), "scale": np.ones(0, np.float32)},
        {"scale": np.zeros(2, np.float32)},
        {"scale": np.ones(1, np.float32)},
        {"distances": np.array([2, 1], np.float32)},
        {"distances": np.array([1, np.nan], np.float32)},
        {"distances": np.zeros(0, np.float32)},
        {"mean": np.zeros(2)},
    ],
)
def test_numbers_that_tell_no_familiarity_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(LabError, match=r"r\.npz: its arrays do not tell how familiar a prompt is"):
        as_head(tmp_path, head_bytes(replace(HEAD, familiarity=replace(NEAR, **wrong))))


def test_answers_come_back(tmp_path: Path) -> None:
    found = as_oof(tmp_path, oof_bytes(OOF))
    assert found.ids == OOF.ids
    assert (found.gold == OOF.gold).all()
    assert (found.shares == OOF.shares).all()
    assert found.familiarity is None
    known = as_oof(tmp_path, oof_bytes(replace(OOF, familiarity=np.array([0.25, 1.0])))).familiarity
    assert known is not None
    assert known.tolist() == [0.25, 1.0]
    assert found.times[0] == 12.5
    assert np.isnan(found.times[1])
    assert (found.hard == OOF.hard).all()


def test_the_same_numbers_give_the_same_bytes() -> None:
    """Whenever they are written: the archive has no time in it."""
    for data, again in ((head_bytes(HEAD), head_bytes(HEAD)), (oof_bytes(OOF), oof_bytes(OOF))):
        assert data == again
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    other = Head(HEAD.weights + np.float32(1e-6), HEAD.bias, HEAD.key)
    assert head_bytes(other) != head_bytes(HEAD)


def test_probabilities_are_the_softmax_of_a_linear_model() -> None:
    features = noise(1, 8, seed=3)[0]
    logits = (HEAD.weights.astype(np.float64) @ features.astype(np.float64)) + HEAD.bias
    found = HEAD.probabilities(features)
    assert found == pytest.approx(softmax(logits))
    assert found.sum() == pytest.approx(1.0)
    huge = HEAD.probabilities(features * np.float32(1e6))
    assert huge.max() == pytest.approx(1.0)
    assert np.isfinite(huge).all()


def test_a_mixture_comes_back_and_adds_up_its_kinds(tmp_path: Path) -> None:
    weights, bias = noise(6, 8, seed=4).reshape(2, 3, 8), noise(2, 3, seed=5)
    found = as_head(tmp_path, head_bytes(Head(weights, bias, "k" * 64, NEAR)))
    features = noise(1, 8, seed=3)[0]
    flat = softmax((weights.reshape(6, 8).astype(np.float64) @ features) + bias.ravel())
    assert found.probabilities(features) == pytest.approx(flat[:3] + flat[3:])
    for wrong in (bias[0], bias.T):
        with pytest.raises(LabError, match="do not make a head"):
            as_head(tmp_path, head_bytes(Head(weights, wrong, "k" * 64)))


def test_a_key_depends_on_everything() -> None:
    base = ("a" * 64, "b" * 64, "c" * 64, 7, 96)
    keys = {head_key(*base)}
    for i, other in enumerate(("d" * 64, "d" * 64, "d" * 64, 8, None)):
        changed: list[Any] = [*base]
        changed[i] = other
        keys.add(head_key(*changed))
    assert len(keys) == 6
    assert head_key(*base) in keys


def test_another_file_than_the_pinned_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    path.write_bytes(head_bytes(HEAD) + b"\0")
    pinned = hashlib.sha256(head_bytes(HEAD)).hexdigest()
    with pytest.raises(LabError, match=r"is not the head that the router file pins"):
        load_head(path, pinned)
    path.write_bytes(oof_bytes(OOF) + b"\0")
    pinned = hashlib.sha256(oof_bytes(OOF)).hexdigest()
    with pytest.raises(LabError, match=r"r\.npz: is not the file that router r pins"):
        load_oof(tmp_path, FilePin(file=path.name, sha256=pinned), "r")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"gone\.npz: the router's head cannot be read: No such file"):
        load_head(tmp_path / "gone.npz", "0" * 64)
    with pytest.raises(LabError, match=r"gone\.npz: cannot be read: No such file"):
        load_oof(tmp_path, FilePin(file="gone.npz", sha256="0" * 64), "r")
    with pytest.raises(LabError, match="router r: has no out-of-fold answers"):
        load_oof(tmp_path, None, "r")


@both
def test_nothing_is_unpickled(tmp_path: Path, load: Load) -> None:
    mark = tmp_path / "mark"
    bombs = np.array([Bomb(mark)], dtype=object)
    names = ("weights", "bias", "key", "ids", "gold", "shares", "times", "hard")
    for data in (pickle.dumps(Bomb(mark)), npz(**dict[str, Any](dict.fromkeys(names, bombs)))):
        with pytest.raises(LabError, match="holds no"):
            load(tmp_path, data)
    assert not mark.exists()


def damaged() -> bytes:
    """A compressed archive whose first member is broken."""
    rest: dict[str, Any] = {
        k: np.ones(300, np.float32) for k in ("bias", "gold", "shares", "times", "hard", "key")
    }
    first: dict[str, Any] = {"ids": np.array(["x"] * 999), "weights": np.ones((300, 30), np.float32)}
    data = bytearray(npz(compressed=True, **first, **rest))
    for name in (b"ids.npy", b"weights.npy"):
        start = data.index(name) + len(name) + 30
        data[start : start + 8] = b"\xff" * 8
    return bytes(data)


def one_array() -> bytes:
    """An .npy file: one array that is no archive."""
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    return buffer.getvalue()


@both
@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        npz(other=np.ones(3)),
        head_bytes(HEAD)[:-40],
        b"",
        damaged(),
        one_array(),
    ],
    ids=["text", "other arrays", "truncated", "empty", "damaged", "one array"],
)
def test_what_is_no_archive_of_ours_is_an_error_in_words(tmp_path: Path, load: Load, data: bytes) -> None:
    with pytest.raises(LabError, match="holds no"):
        load(tmp_path, data)


@pytest.mark.parametrize(
    "arrays",
    [
        {"weights": np.ones((3, 8)), "bias": np.ones(3, np.float32)},
        {"weights": np.ones((3, 8), np.float32), "bias": np.ones(4, np.float32)},
        {"weights": np.ones(8, np.float32), "bias": np.ones(8, np.float32)},
        {"weights": np.ones((2, 3, 8), np.float32), "bias": np.ones(2, np.float32)},
        {"weights": np.array([["a"]]), "bias": np.ones(1, np.float32)},
    ],
    ids=["double", "other length", "a vector", "a cube", "text"],
)
def test_arrays_that_make_no_head_are_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    with pytest.raises(LabError, match="do not make a head"):
        as_head(tmp_path, npz(**arrays, key=np.array("k")))


@pytest.mark.parametrize("path", sorted(ROUTERS.glob("*.toml")), ids=lambda path: path.stem)
def test_what_ships_is_what_its_router_pins(path: Path) -> None:
    """Heads, adapters and answers by their bytes; members of cascades by their content."""
    router = load_router(path)
    if isinstance(router, Cascade):
        for member in router.member:
            assert canonical_sha256(load_router(path.with_name(member.file))) == member.sha256
        return
    pins = [pin for pin in (router.head, router.adapter, router.evidence.answers) if pin]
    assert len(pins) >= 2
    for pin in pins:
        assert hashlib.sha256(path.with_name(pin.file).read_bytes()).hexdigest() == pin.sha256
