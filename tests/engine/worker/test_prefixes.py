"""Prefixes kept on disk: a second start takes the state of the first, and never a wrong one."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from routerlab.core.prediction import Prediction
from routerlab.engine.contract.contract import frame
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.worker.inference import Predictor
from routerlab.engine.worker.llama import Model
from routerlab.engine.worker.prefixes import Prefixes, kept, trim
from routerlab.paths import cache_dir
from tests.engine import tiny
from tests.engine.asking import TWO, shots_for
from tests.engine.workers import arms, running, spec

LIMIT = 2**26
QUESTION = "Say why the sky is blue, step by step."


@pytest.fixture
def store(tmp_path: Path) -> Prefixes:
    return Prefixes(tmp_path / "prefixes", LIMIT, "tiny.gguf", {"weights": "w"})


def started(model: Model, store: Prefixes | None, n_shots: int = 2) -> Predictor:
    """A predictor whose prefix has so many exemplars."""
    framing = frame(TWO, "score", shots_for(TWO.labels)[:n_shots], model.chat_renderer())
    return Predictor(model, framing, TWO.labels, 2048, 1, lambda _: None, prefixes=store)


def answer(predictor: Predictor) -> Prediction:
    """Without its times."""
    got = predictor.predict(QUESTION, lambda: False)
    return got.model_copy(update={"latency_ms": Prediction(status="ok").latency_ms})


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_kept_prefix_answers_as_the_decoded_one_bit_for_bit(
    tiny_models: dict[tiny.Family, Model], family: tiny.Family, store: Prefixes
) -> None:
    first, second = started(tiny_models[family], store), started(tiny_models[family], store)
    assert (first.prefix_kept, second.prefix_kept) == (False, True)
    assert answer(first) == answer(second) == answer(started(tiny_models[family], None))
    other = started(tiny_models[family], store, n_shots=1)
    assert not other.prefix_kept  # another prefix is another file
    assert len(kept(store.folder)) == 2


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(data: bytes) -> bytes:
    return data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]


def _foreign(_: bytes) -> bytes:
    return b"\x00\xff not ours at all" * 50


def _deep(_: bytes) -> bytes:
    return b"[" * 100_000


def _other_key(data: bytes) -> bytes:
    return data.replace(b'"key": "', b'"key": "0', 1)


@pytest.mark.parametrize("damage", [_cut, _flip, _foreign, _deep, _other_key, lambda _: b""])
def test_a_damaged_or_foreign_file_is_ignored_and_rewritten(
    tiny_models: dict[tiny.Family, Model], store: Prefixes, damage: Callable[[bytes], bytes]
) -> None:
    right = answer(started(tiny_models["llama"], store))
    path = kept(store.folder)[0].path
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    again = started(tiny_models["llama"], store)
    assert not again.prefix_kept
    assert answer(again) == right
    assert path.read_bytes() == sound


def test_a_state_that_the_library_refuses_is_decoded_anew(
    tiny_models: dict[tiny.Family, Model], store: Prefixes
) -> None:
    first = started(tiny_models["llama"], store)
    store.save(first.prefix, b"\x07" * 1000)  # a sound file of what is no state
    again = started(tiny_models["llama"], store)
    assert not again.prefix_kept
    assert answer(again) == answer(first)


def test_any_other_fact_is_another_file(store: Prefixes) -> None:
    store.save([1, 2, 3], b"state")
    assert store.load([1, 2, 3]) == b"state"
    assert store.load([1, 2]) is None
    other = Prefixes(store.folder, LIMIT, "tiny.gguf", {"weights": "v"})
    assert other.load([1, 2, 3]) is None
    off = Prefixes(store.folder, 0, "tiny.gguf", {"weights": "w"})
    assert off.load([1, 2, 3]) is None
    off.save([9], b"state")
    assert len(kept(store.folder)) == 1


def test_the_folder_stays_under_its_limit_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    store = Prefixes(tmp_path, 4000, "tiny.gguf", {})
    for n in range(3):
        store.save([n], bytes(1000))
    assert all(store.load([n]) for n in range(3))
    times = {store.key([n]): 1_000_000 + i for i, n in enumerate((1, 2, 0))}  # by hand: all of one moment
    for path in tmp_path.iterdir():
        os.utime(path, (times[path.stem], times[path.stem]))
    store.save([3], bytes(1000))
    assert [store.load([n]) is not None for n in range(4)] == [True, False, True, True]
    store.save([4], bytes(5000))
    assert store.load([4]) is None  # larger than all that there may be
    assert trim(tmp_path, 0) == 3


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Prefixes(tmp_path / "file" / "prefixes", LIMIT, "tiny.gguf", {})
    store.save([1], b"state")
    assert store.load([1]) is None
    assert kept(store.folder) == []


async def test_an_arm_started_again_has_its_prefix_from_the_disk(
    smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    answers = []
    for kept_before in (False, True):
        async with running(arms().model_arm(spec(smollm2))) as arm:
            assert isinstance(arm.state.info, ArmInfo)
            assert arm.state.info.prefix_kept is kept_before
            answers.append((await arm.ask(QUESTION, 30.0)).probabilities)
    assert answers[0] == answers[1]
    assert [k.model for k in kept(cache_dir() / "prefixes")] == [smollm2.name]
