"""Prices, and what a thousand prompts cost."""

from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.study.figures.analysis import analyse
from routerlab.study.figures.arm import Settings
from routerlab.study.figures.costs import CostTable, cost_figure, currency_of, hosting, load_costs
from tests.study.figures.harness import log, row

TABLE = """\
schema_version = 1
currency = "USD"
date = 2026-03-16
source = "list prices"

[[machine]]
arms = ["slm", "other"]
per_hour = 0.75

[[tokens]]
arms = ["big"]
input_per_million = 0.27
output_per_million = 1.10

[[tokens]]
arms = ["rented"]
hosting = "serverless"
input_per_million = 0.1
output_per_million = 0.1
"""


@pytest.fixture
def prices(tmp_path: Path) -> CostTable:
    path = tmp_path / "prices.toml"
    path.write_text(TABLE)
    return load_costs(path)


def test_machine_time(prices: CostTable) -> None:
    """A GPU at 0.75 an hour, 988 ms a prompt: about two tenths of a dollar for a thousand."""
    rows = [row("c1", arm="slm", latency_ms=988.0), row("c2", None, "slm", latency_ms=None)]
    found = cost_figure("slm", rows, prices, "USD")
    assert found is not None
    assert found.per_1000 == pytest.approx(0.988 * 0.75 / 3600 * 1000)
    assert (found.basis, found.trials, found.currency) == ("machine time", 1, "USD")


def test_tokens(prices: CostTable) -> None:
    rows = [row("c1", arm="big", tokens_in=300, tokens_out=20), row("c2", arm="big", tokens_in=300)]
    found = cost_figure("big", rows, prices, "USD")
    assert found is not None
    assert found.per_1000 == pytest.approx(1000 * (300 * 0.27 + 20 * 1.10) / 1e6)
    assert (found.basis, found.trials) == ("tokens", 1)
    assert cost_figure("big", [row("c2", arm="big")], prices, "USD") is None


def test_what_was_logged_comes_first(prices: CostTable) -> None:
    rows = [row("c1", arm="slm", cost=0.5), row("c2", arm="slm", cost=0.0)]
    found = cost_figure("slm", rows, prices, "USD")
    assert found is not None
    assert (found.per_1000, found.total, found.basis) == (250.0, 0.5, "logged")
    assert cost_figure("slm", rows, None, "USD") == found
    assert cost_figure("stranger", [row()], prices, "USD") is None


def test_who_runs_it(prices: CostTable) -> None:
    found = [hosting(name, None, prices) for name in ("slm", "big", "rented", "stranger")]
    assert found == ["self-hosted", "api", "serverless", "self-hosted"]
    assert str(prices) == "prices of 2026-03-16 in USD, list prices"


def test_a_price_for_nobody_is_told(prices: CostTable) -> None:
    found = analyse(log([row(arm="slm")]), Settings(resamples=10), costs=prices)
    assert found.priced == "prices of 2026-03-16 in USD, list prices"
    assert "the prices name 'other', which is no arm here" in found.warnings


def test_two_currencies_are_refused(prices: CostTable) -> None:
    assert currency_of(None, None) == "USD"
    assert currency_of("EUR", None) == "EUR"
    with pytest.raises(LabError, match="the prices are in USD, the costs in the log in EUR"):
        currency_of("EUR", prices)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('arms = ["big"]', 'arms = ["slm"]', "arm 'slm' has two prices"),
        ("per_hour = 0.75", "per_hour = -1", r":8: machine\[0\].per_hour"),
        ("date = 2026-03-16", "", "date: missing"),
        ("per_hour", "per_day", r"machine\[0\].per_hour: missing"),
        ('arms = ["big"]', "arms = []", r":11: tokens\[0\].arms"),
    ],
)
def test_bad_prices_are_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(TABLE.replace(old, new))
    with pytest.raises(LabError, match=message):
        load_costs(path)
