"""Moments in files: with an offset, without one, a date only, and none that can be."""

import tomllib
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from routerlab.core.moment import Moment

MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-11-01T12:00:00Z", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2026-11-01T12:00:00+02:00", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-11-01T12:00:00", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_every_moment_is_one_of_utc(written: str, at: datetime) -> None:
    read = MOMENT.validate_python(tomllib.loads(f"at = {written}")["at"])
    assert read == at
    assert read.utcoffset() == at.utcoffset()


def test_one_that_has_no_year_in_utc_is_refused() -> None:
    with pytest.raises(ValidationError, match="no year from 1 to 9999"):
        MOMENT.validate_python(tomllib.loads("at = 9999-12-31T23:59:59-05:00")["at"])
