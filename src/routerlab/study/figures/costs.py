"""What requests cost: a table of prices, with its date, and the cost of a row under it."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml, unless
from routerlab.core.prediction import Record
from routerlab.core.session.arm import AnyArmRecord, RemoteRecord
from routerlab.study.figures.arm import Basis, CostFigure, Hosting
from routerlab.study.figures.rows import Row, grouped

_MS_PER_HOUR = 3_600_000
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class MachinePrice(Record):
    """Arms on a machine that costs `per_hour`: a request costs the time it was answered in."""

    arms: Names
    hosting: Hosting = "self-hosted"
    per_hour: Amount

    def cost(self, row: Row) -> float | None:
        """What a request costs; None where its time is not known."""
        return None if row.latency_ms is None else row.latency_ms * self.per_hour / _MS_PER_HOUR


class TokenPrice(Record):
    """Arms that are paid by the million tokens read and written."""

    arms: Names
    hosting: Hosting = "api"
    input_per_million: Amount
    output_per_million: Amount

    def cost(self, row: Row) -> float | None:
        """What a request costs; None where its tokens are not known."""
        if row.tokens_in is None or row.tokens_out is None:
            return None
        return (row.tokens_in * self.input_per_million + row.tokens_out * self.output_per_million) / 1e6


class CostTable(Record):
    """Prices in one currency as of a date; `source` says where they are from. An arm has one price."""

    schema_version: Literal[1] = 1
    currency: str = "USD"
    date: date
    source: str = ""
    machine: tuple[MachinePrice, ...] = ()
    tokens: tuple[TokenPrice, ...] = ()

    @model_validator(mode="after")
    def _prices_an_arm_once(self) -> "CostTable":
        named = grouped(
            (arm, (key, i, "arms"))
            for key in ("machine", "tokens")
            for i, price in enumerate(getattr(self, key))
            for arm in price.arms
        )
        unless(
            (place, f"arm {arm!r} has two prices; leave it one")
            for arm, found in named.items()
            for place in found[1:]
        )
        return self

    @property
    def by_arm(self) -> dict[str, MachinePrice | TokenPrice]:
        """Arm name -> its price."""
        prices: Sequence[MachinePrice | TokenPrice] = (*self.machine, *self.tokens)
        return {arm: price for price in prices for arm in price.arms}

    def __str__(self) -> str:
        return f"prices of {self.date} in {self.currency}" + (f", {self.source}" if self.source else "")


def load_costs(path: Path) -> CostTable:
    """The table in `path`; LabError naming file, key and line when it is none."""
    return load_toml(path, CostTable)


def hosting(arm: str, record: AnyArmRecord | None, costs: CostTable | None) -> Hosting:
    """Who runs an arm, as its price or its record says; where neither does it is taken to be self-hosted."""
    price = costs.by_arm.get(arm) if costs else None
    if price:
        return price.hosting
    return record.hosting if isinstance(record, RemoteRecord) else "self-hosted"


def currency_of(logged: str | None, costs: CostTable | None) -> str:
    """The currency of all costs, US dollars where nobody says; LabError when there are two."""
    if logged and costs and logged != costs.currency:
        raise LabError(
            f"the prices are in {costs.currency}, the costs in the log in {logged}; use one currency"
        )
    return logged or (costs.currency if costs else "USD")


def cost_figure(arm: str, rows: Sequence[Row], costs: CostTable | None, currency: str) -> CostFigure | None:
    """The cost of an arm's rows: as logged, else by its price; None where there is neither.

    Rows whose cost is not known (no latency, no tokens) are left out of the mean.
    """
    found = [row.cost for row in rows if row.cost is not None]
    basis: Basis = "logged"
    price = costs.by_arm.get(arm) if costs else None
    if price and not found:
        found = [cost for row in rows if (cost := price.cost(row)) is not None]
        basis = "machine time" if isinstance(price, MachinePrice) else "tokens"
    if not found:
        return None
    total = sum(found)
    return CostFigure(
        per_1000=1000 * total / len(found), total=total, trials=len(found), currency=currency, basis=basis
    )


def strangers(arms: Iterable[str], costs: CostTable | None) -> list[str]:
    """Names in the table that are no arm here: most likely misspelt."""
    return [arm for arm in (costs.by_arm if costs else ()) if arm not in set(arms)]
