"""Types and threads, measured in real processes on small models; the choice by times is a plain function."""

from pathlib import Path

import pytest

from routerlab.bench import threads, types
from routerlab.bench.prefill import Setup, Times, measure
from routerlab.core.errors import Exit, LabError
from routerlab.models.cpus import Candidate, Cpus
from tests.engine import tiny

TWO, FOUR, PINNED = Candidate(2), Candidate(4), Candidate(2, (0, 2))


def times(*ms: float) -> Times:
    return Times(ms, (1.0,) * len(ms))


@pytest.mark.parametrize(
    ("two", "best"),
    [
        ((80.0, 81.0, 90.0), TWO),
        ((96.0, 97.0, 98.0), FOUR),  # in every round, but by less than noise
        ((50.0, 51.0, 101.0), FOUR),  # by much, but not in every round
        ((120.0, 120.0, 120.0), FOUR),
    ],
)
def test_only_what_is_surely_quicker_is_chosen(two: tuple[float, ...], best: Candidate) -> None:
    now = times(100.0, 99.0, 100.0)
    assert threads.choose({FOUR: now, TWO: times(*two)}, FOUR) == best
    assert threads.choose({FOUR: now, TWO: times(*two), PINNED: times(1.0, 1.0, 1.0)}, FOUR) == PINNED


def test_numbers_of_threads_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "ROUNDS", 1)
    model = tiny.build(tmp_path / "tiny.gguf")
    told: list[tuple[int, int]] = []
    cpus = Cpus((0, 1), (0,), (0, 1))
    found = threads.measure_threads(model, cpus, 2, lambda _, done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [(c.threads, c.cpus) for c in found.candidates] == [(2, ()), (1, ()), (1, (0,))]
    assert all(c.prefill_ms > 0 and c.step_ms >= 0 for c in found.candidates)
    assert (found.before, found.model) == (2, str(model))
    assert found.best in (1, 2)
    monkeypatch.setattr(threads, "measure", lambda *_: [times(9.0), times(1.0), times(0.5)])
    for busy, best, pinned in ((0.5, 2, ()), (0.0, 1, (0,))):
        monkeypatch.setattr(threads, "busy_share", lambda _, busy=busy: busy)
        found = threads.measure_threads(model, cpus, 2, lambda *_: None)
        assert (found.best, found.pinned, found.busy) == (best, pinned, busy)
    with pytest.raises(LabError, match="one CPU: there is nothing to choose"):
        threads.measure_threads(model, Cpus((0,), (0,), (0,)), 1, lambda *_: None)


def test_types_are_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(types, "ROUNDS", 1)
    monkeypatch.setattr(types, "WIDTH", 256)
    monkeypatch.setattr(types, "FORWARD", 256)
    monkeypatch.setattr(types, "HEADS", 4)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    told: list[str] = []
    found = types.measure_types(
        1, lambda what, done, total: told.append(f"{what} {done}/{total}"), ("Q4_K_M", "F16")
    )
    assert told == ["making models 1/2", "making models 2/2", "measuring 1/2", "measuring 2/2"]
    assert {one.type for one in found.types} == {"Q4_K_M", "F16"}
    assert found.types[0].times == 1.0 <= found.types[1].times
    assert found.types[0].ms > 0
    assert found.busy >= 0
    assert list(tmp_path.iterdir()) == []


def test_the_types_that_are_measured_can_be_made() -> None:
    from routerlab.models.quantize import TYPES

    assert set(types.TYPES) <= set(TYPES)
    assert types.WIDTH % 256 == types.FORWARD % 256 == types.WIDTH % types.HEADS == 0


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF")
    with pytest.raises(LabError, match=r"bad\.gguf: cannot be measured: .*cannot load this file") as e:
        measure([Setup(bad, 1)], 1, lambda *_: None)
    assert e.value.code == Exit.MISSING
