"""What happens to a machine while it is measured."""

import pytest

from routerlab.study.benchmark.watch import Clocks, smoothed, spread


class Time:
    """Two clocks that a test turns."""

    def __init__(self) -> None:
        self.wall = self.steady = 1000.0

    def pass_(self, seconds: float, jump: float = 0.0) -> None:
        self.wall += seconds + jump
        self.steady += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def test_clocks_that_go_alike_are_no_news(time: Time) -> None:
    clocks = Clocks(lambda: time.wall, lambda: time.steady)
    for seconds in (0.0, 5.0, 3600.0):
        time.pass_(seconds, jump=0.01)  # a time server at work
        assert clocks.jump() is None


@pytest.mark.parametrize(
    ("jump", "words"), [(3600.0, "forward, or the machine slept, for 3600 s"), (-90.0, "back by 90 s")]
)
def test_a_jump_is_told_once(time: Time, jump: float, words: str) -> None:
    clocks = Clocks(lambda: time.wall, lambda: time.steady)
    time.pass_(10.0, jump)
    told = clocks.jump()
    assert told is not None
    assert words in told
    time.pass_(10.0)
    assert clocks.jump() is None


def test_one_slow_answer_is_no_drift_and_two_are() -> None:
    assert smoothed([100, 100]) == []
    assert smoothed([100, 300, 100, 102, 98]) == [100, 102, 100]
    assert smoothed([100, 101, 99, 150, 152]) == [100, 101, 150]


def test_spread_is_the_largest_distance_from_the_median() -> None:
    assert spread([100.0]) is None
    assert spread([100.0, 100.0, 130.0]) == pytest.approx(0.3)
    assert spread([50.0, 100.0, 130.0]) == pytest.approx(0.5)
