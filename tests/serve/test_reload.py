"""What is at work is replaced as a whole, or not at all, and nobody who asks meanwhile notices."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from routerlab.api import AsyncRouter
from routerlab.core.errors import LabError
from routerlab.serve.front import Wanted
from tests.conftest import PATIENCE_S
from tests.engine.asking import FRONT_DOOR
from tests.engine.remote.server import KEY, KEY_ENV
from tests.engine.workers import until
from tests.serve.chat.tables import table
from tests.serve.harness import LIMITS, TOKEN, Told, serving

BEARER = {"Authorization": f"Bearer {TOKEN}"}
HERE = "http://127.0.0.1:1/v1"


async def test_a_reload_replaces_everything_and_what_is_open_ends_with_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)
    made: list[Told] = []

    def make(name: str) -> AsyncRouter:
        labels = ("code/simple", "CoT/simple", "hybrid/agentic")
        made.append(Told("main", label=labels[len(made)], waits=not made))
        return AsyncRouter(made[-1], FRONT_DOOR.labels, PATIENCE_S)

    path = table(tmp_path / "routes.toml", {"large": (3, "api", HERE)})
    wanted = Wanted("main", tables={"": path})
    async with serving(tmp_path, make=make, token=TOKEN, wanted=wanted, headers=BEARER) as visit:
        open_one = asyncio.create_task(visit.route())
        await until(lambda: len(made[0].prompts) == 1)
        table(path, {"small": (1, "api", HERE), "large": (3, "api", HERE)})
        got = await visit.client.post("/admin/reload")
        assert (got.status_code, got.json()["router"]) == (200, "main")
        answer = (await visit.route()).json()
        assert (answer["label"], answer["target"]) == ("CoT/simple", "large")
        assert made[0].stops == 0  # somebody still waits for it
        made[0]._go.set()
        assert (await open_one).json()["label"] == "code/simple"
        await until(lambda: made[0].stops == 1)

        path.write_text("no table")
        got = await visit.client.post("/admin/reload")
        assert got.status_code == 409
        assert "nothing has changed" in got.json()["error"]["message"]
        assert (await visit.route()).json()["label"] == "CoT/simple"
        assert (await visit.client.get("/ready")).status_code == 200
    assert [router.stops for router in made[:2]] == [1, 1]
    assert len(made) == 2 or not made[2].starts  # what cannot be whole is not begun


async def test_who_has_the_old_work_longer_than_it_is_waited_for_ends_in_order(tmp_path: Path) -> None:
    """A chat that has its label may wait for its model still; one without gets an answer that says so."""
    made: list[Told] = []

    def make(name: str) -> AsyncRouter:
        made.append(Told("main", waits=not made))
        return AsyncRouter(made[-1], FRONT_DOOR.labels, PATIENCE_S)

    limits = replace(LIMITS, drain_s=0.05)
    async with serving(tmp_path, make=make, limits=limits) as visit:
        open_one = asyncio.create_task(visit.route())
        await until(lambda: len(made[0].prompts) == 1)
        with visit.server.front.using():
            await visit.server.front.load()
            await until(lambda: made[0].stops == 1)
        answer = await open_one
        assert answer.status_code in (200, 503)
        assert (await visit.route()).status_code == 200
        assert not visit.lines


async def test_of_two_arms_that_cannot_both_be_loaded_none_is_left(tmp_path: Path) -> None:
    main, shadow = Told("main"), Told("shadow")

    async def broken() -> None:
        raise LabError("no such model")

    async with serving(tmp_path, main, shadow, token=TOKEN, headers=BEARER) as visit:
        shadow.start = broken  # type: ignore[method-assign]
        before = main.stops
        got = await visit.client.post("/admin/reload")
        assert (got.status_code, "no such model" in got.text) == (409, True)
        assert main.stops > before  # the second one of that name was begun, and is not left

    with pytest.raises(LabError, match="its own shadow"):
        async with serving(tmp_path, wanted=Wanted("main", shadows=("main",)), make=lambda _: _same(main)):
            pass


def _same(arm: Told) -> AsyncRouter:
    return AsyncRouter(arm, FRONT_DOOR.labels, PATIENCE_S)
