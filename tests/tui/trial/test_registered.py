"""What is told of a trial's protocol beside its run."""

from pathlib import Path

import pytest

from routerlab.study.trial.protocol.protocol import Looks
from routerlab.tui.trial.registered import looks_words
from tests.tui.trial.harness import trialing


@pytest.mark.parametrize(
    ("looks", "says"),
    [
        ({}, "none before the end"),
        ({"rule": "sprt"}, "after every case, accuracy 0.75 or 0.85 (Wald's test); nothing follows"),
        (
            {"rule": "obrien-fleming", "fractions": (0.5, 0.75), "action": "drop"},
            "at 50%, 75% of the cases (O'Brien-Fleming); an arm may be dropped",
        ),
    ],
)
def test_looks_in_words(looks: dict[str, object], says: str) -> None:
    assert looks_words(Looks.model_validate(looks)) == says


async def test_it_stands_beside_the_log_where_there_is_room(tmp_path: Path) -> None:
    async with trialing(tmp_path, 2, 2, size=(160, 48)) as s:
        await s.shows(
            "Registered",
            "H5      Routers differ",
            "accuracy>=0.85, p95<=2000",
            "2 sessions an arm",
            "none before the end",
        )
        await s.pilot.resize_terminal(120, 40)
        await s.until(lambda: "Registered" not in s.picture(), "the log alone")
