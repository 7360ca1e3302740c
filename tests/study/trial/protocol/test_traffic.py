"""When sessions are due."""

from pathlib import Path

import numpy as np
import pytest

from routerlab.core.errors import LabError
from routerlab.study.trial.protocol.traffic import bursty, poisson, read_stamps, replayed


def test_poisson_has_exponential_gaps_at_its_rate() -> None:
    from scipy.stats import kstest

    due = poisson(4000, 2.5, seed=1)
    gaps = np.diff([0.0, *due])
    assert kstest(gaps, "expon", args=(0, 1 / 2.5)).pvalue > 0.01
    assert 4000 / due[-1] == pytest.approx(2.5, rel=0.05)
    assert due == poisson(4000, 2.5, seed=1) != poisson(4000, 2.5, seed=2)


def test_bursts_have_the_same_rate_and_the_variance_they_promise() -> None:
    due = np.array(bursty(40_000, 2.0, burst=4, seed=1))
    assert len(due) / due[-1] == pytest.approx(2.0, rel=0.05)
    counts = np.histogram(due, bins=np.arange(0, due[-1], 20.0))[0]
    assert counts.var() / counts.mean() == pytest.approx(2 * 4 - 1, rel=0.15)
    assert (np.diff(due) == 0).mean() == pytest.approx(3 / 4, abs=0.02)
    assert (np.diff(due) >= 0).all()


def test_a_burst_of_one_is_poisson() -> None:
    from scipy.stats import kstest

    gaps = np.diff(bursty(4000, 2.5, burst=1, seed=1))
    assert kstest(gaps, "expon", args=(0, 1 / 2.5)).pvalue > 0.01


def test_a_recording_comes_again_with_its_gaps_and_at_another_rate() -> None:
    assert replayed(3, [0.0, 1.0, 5.0], None) == [0.0, 1.0, 5.0]
    assert replayed(6, [0.0, 1.0, 5.0], None) == [0.0, 1.0, 5.0, 7.5, 8.5, 12.5]
    assert replayed(3, [0.0, 1.0, 5.0], 4.0) == pytest.approx([0.0, 0.1, 0.5])
    assert replayed(1, [0.0, 1.0], None) == [0.0]


def test_stamps_are_seconds_or_dates(tmp_path: Path) -> None:
    file = tmp_path / "stamps.txt"
    file.write_text("# seconds\n10\n\n11.5\n20\n")
    assert read_stamps(file) == [0.0, 1.5, 10.0]
    file.write_text("2026-11-24T08:15:00Z\n2026-11-24T09:15:01.5+01:00\n")
    assert read_stamps(file) == [0.0, 1.5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\nnoon\n", ":2: 'noon' is no moment"),
        ("1\nnan\n", ":2: 'nan' is no moment"),
        ("2\n1\n", ":2: earlier than the line before"),
        ("1\n", ": 1 moments; a recording needs two or more"),
    ],
)
def test_what_is_no_recording_says_where(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "stamps.txt"
    file.write_text(text)
    with pytest.raises(LabError) as e:
        read_stamps(file)
    assert str(e.value).startswith(f"{file}{words}")
