"""What a server keeps of a prompt, and what comes of it when a disk is full or a server ends."""

import asyncio
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from routerlab.api import AsyncRouter
from routerlab.core.prediction import Prediction
from routerlab.core.remote import Remote
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.contract.parse import read_answer
from routerlab.engine.remote.arm import RemoteArm, RemoteSpec
from routerlab.serve import ledger
from routerlab.serve.front import Wanted
from routerlab.serve.ledger import Keep
from routerlab.serve.limits import RefusedError
from routerlab.serve.own_options import Scorers, options_taxonomy
from routerlab.settings import Settings
from tests.conftest import PATIENCE_S
from tests.engine.arms.members import arm_of
from tests.engine.asking import FRONT_DOOR
from tests.engine.remote import server as remotes
from tests.engine.workers import until
from tests.serve.harness import LIMITS, PROMPT, Told, serving


class Echo(Told):
    """A member that generates the prompt where a label is wanted."""

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        self.to(self.state.to("ready", 0.0))
        text = json.dumps({"label": prompt})
        error = read_answer(text, FRONT_DOOR.labels).parsed.error
        return Prediction(status="unparsed", answer=text, error=error)


async def test_a_cascade_does_not_keep_what_its_member_repeated(tmp_path: Path) -> None:
    def make(name: str) -> AsyncRouter:
        return AsyncRouter(arm_of([Echo("small"), Told("large")]), FRONT_DOOR.labels, PATIENCE_S)

    async with serving(tmp_path, make=make, wanted=Wanted("c:cascade")) as visit:
        (await visit.route(PROMPT)).raise_for_status()
        await until(lambda: bool(visit.trials()))
        assert visit.recorder.path is not None
        assert "Zanzibar" not in visit.recorder.path.read_text()


async def test_what_a_remote_server_quotes_is_not_kept(tmp_path: Path) -> None:
    async with remotes.serving() as up:
        facts = {"name": "m", "base_url": up.url, "model": "m", "hosting": "self-hosted", "retries": 1}
        spec = RemoteSpec(name="remote:m", remote=Remote.model_validate(facts))

        def make(name: str) -> AsyncRouter:
            return AsyncRouter(RemoteArm(spec, FRONT_DOOR), FRONT_DOOR.labels, PATIENCE_S)

        async with serving(tmp_path, make=make, wanted=Wanted("remote:m")) as visit:
            up.script += [remotes.error(400, f"rejected: {PROMPT}"), remotes.error(503, f"busy: {PROMPT}")]
            for _ in range(2):
                await visit.route(PROMPT)
            await until(lambda: len(visit.trials()) == 2)
            assert visit.recorder.path is not None
            assert "Zanzibar" not in visit.recorder.path.read_text()
            assert visit.session().trials[1].attempts


async def test_a_full_disk_that_has_room_again_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "WAITING", 2)
    write, full = os.write, True

    def writes(fd: int, data: bytes) -> int:
        if full and b"[[" in bytes(data):
            raise OSError(28, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr(os, "write", writes)
    async with serving(tmp_path, Told("main"), keep=Keep(1.0)) as visit:
        asked = 0
        while await visit.metric("routerlab_records_lost_total") < 2:
            await visit.route(f"prompt {asked}")
            asked += 1
        full = False
        await visit.route("and now")
        await until(lambda: "and now" in [trial.prompt for trial in visit.trials()])


async def test_what_is_open_when_a_server_ends_is_told_to_ask_again(tmp_path: Path) -> None:
    waits = Told("main", waits=True)
    async with serving(tmp_path, waits, limits=replace(LIMITS, drain_s=0.0)) as visit:
        client = httpx2.AsyncClient(base_url=visit.url, timeout=PATIENCE_S)
        asking = asyncio.ensure_future(client.post("/v1/route", json={"prompt": "x"}))
        await until(lambda: bool(waits.prompts))
    got = await asking
    assert (got.status_code, got.json()["error"]["code"]) == (503, "ending")
    assert not visit.lines
    await client.aclose()


@dataclass
class Main:
    """A router of whose model others score."""

    spec: ArmSpec
    state: Any


async def test_options_that_load_longer_than_anybody_waits_are_loaded_and_ended() -> None:
    go_on = asyncio.Event()
    made: list[Told] = []

    class Slow(Told):
        async def start(self) -> None:
            await go_on.wait()
            await super().start()

    def make(spec: ArmSpec, taxonomy: Taxonomy) -> AsyncRouter:
        made.append(Slow("x", label="a"))
        return AsyncRouter(made[-1], taxonomy.labels, PATIENCE_S)

    spec = ArmSpec(name="m", model=Path("m.gguf"))
    main: Any = Main(spec, type("State", (), {"info": None}))
    options = options_taxonomy([("a", None), ("b", None)], "")
    scorers = Scorers(main, Settings(), replace(LIMITS, deadline_s=0.05), make)
    for _ in range(2):
        with pytest.raises(RefusedError, match="no decision in"):
            await scorers.score(options, "x")
    assert len(made) == 1
    scorers.limits = LIMITS
    go_on.set()
    assert (await scorers.score(options, "x")).label == "a"
    go_on.clear()
    asking = asyncio.ensure_future(scorers.score(options_taxonomy([("c", None), ("d", None)], ""), "x"))
    await until(lambda: len(made) == 2)
    await scorers.close()
    with pytest.raises(RefusedError, match="ended; ask again"):
        await asking
    assert [each.stops > 0 for each in made] == [True, True]
