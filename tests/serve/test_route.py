"""Decisions over HTTP: what is answered, who may ask, and what each limit does, over real sockets."""

import asyncio
import json
import os
import signal
import socket
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from routerlab.api import AsyncRouter
from routerlab.core.corpus import prompt_sha256
from routerlab.core.errors import LabError
from routerlab.engine.arms.arm import ArmState
from routerlab.engine.arms.local import ModelArm
from routerlab.serve.app import Server
from routerlab.serve.chat.forward import Clients
from routerlab.serve.chat.reply import Choosing
from routerlab.serve.chat.stickiness import Stickiness
from routerlab.serve.front import Front, Wanted, load_work
from routerlab.serve.ledger import Keep, Recorder
from routerlab.serve.metrics import Metrics
from routerlab.serve.run import TOKEN as VARIABLE
from routerlab.serve.run import listen, read_token, run
from tests.conftest import PATIENCE_S
from tests.engine import tiny
from tests.engine.asking import FRONT_DOOR, TWO
from tests.engine.workers import SETTINGS, arms, pid_of, spec, until
from tests.serve.harness import LIMITS, PROMPT, TOKEN, Told, post, raw, serving, statuses

BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def test_a_decision_and_what_is_written_of_it(tmp_path: Path) -> None:
    main, shadow = Told("main", familiarity=0.5), Told("beside", label="CoT/simple")
    async with serving(tmp_path, main, shadow) as visit:
        answer = (await visit.route()).json()
        assert (answer["label"], answer["routed"], answer["probability"]) == (
            "code/simple",
            "code/simple",
            0.9,
        )
        assert (answer["arm"], answer["familiarity"], answer["abstained"]) == ("main", 0.5, False)
        await visit.route()
        await until(lambda: len(shadow.prompts) == 2)
        assert await visit.metric("routerlab_decisions_total") == 4
        assert await visit.metric('routerlab_shadows_total{agrees="no"') == 2
    session = visit.session()
    assert {(t.arm, t.label, t.repeat) for t in session.trials} == {
        (name, label, n)
        for name, label in (("main", "code/simple"), ("beside", "CoT/simple"))
        for n in (1, 2)
    }
    assert {t.prompt_sha256 for t in session.trials} == {prompt_sha256(PROMPT)}
    assert {t.prompt for t in session.trials} == {None}
    assert session.header.taxonomy.labels[0] == "code/simple"
    assert "Zanzibar" not in "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())


async def test_a_shadow_that_has_nothing_to_do_is_asked_where_nobody_may_wait(tmp_path: Path) -> None:
    main, shadow = Told("main"), Told("beside")
    async with serving(tmp_path, main, shadow, limits=replace(LIMITS, queue=0)) as visit:
        await visit.route()
        await until(lambda: len(shadow.prompts) == 1)
        assert await visit.metric("routerlab_records_lost_total") == 0


async def test_texts_are_kept_where_that_was_asked_for_redacted(
    tmp_path: Path,
) -> None:
    def redact(text: str) -> str:
        if "fault" in text:
            raise ValueError(text)
        return text.replace("Zanzibar", "[place]")

    async with serving(tmp_path, Told("main"), keep=Keep(1.0, redact)) as visit:
        await visit.route(PROMPT + " sk-abcdefghijklmnop1234")
        await visit.route("a fault of Zanzibar's")
    kept = [t.prompt for t in visit.session().trials]
    assert kept == ["what [place]'s harbour master told nobody ***", None]
    assert Keep(0.0).text("a", prompt_sha256("a")) is None
    assert Keep(1.0, lambda _: None).text("a", prompt_sha256("a")) is None
    shares = [Keep(0.3).text(str(n), prompt_sha256(str(n))) is not None for n in range(1000)]
    assert 200 < sum(shares) < 400


async def test_the_token_lets_in_and_nothing_else_does(tmp_path: Path) -> None:
    async with serving(tmp_path, Told("main"), token=TOKEN) as visit:
        assert (await visit.client.get("/health")).json() == {"status": "ok"}
        assert (await visit.client.get("/ready")).status_code == 200
        for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": f"Basic {TOKEN}"}):
            assert (await visit.route(headers=headers)).status_code == 401
            assert (await visit.client.get("/metrics", headers=headers)).status_code == 401
        assert (await visit.route(headers=BEARER)).status_code == 200
        assert (await visit.client.post("/admin/reload")).status_code == 401
    async with serving(tmp_path, Told("main")) as visit:  # on loopback, without one
        assert (await visit.client.post("/admin/reload")).status_code == 403
        assert (await visit.route(headers={"Origin": "http://evil.example"})).status_code == 403
        assert (await visit.route(headers={"Host": "evil.example"})).status_code == 403
        assert (await visit.route()).status_code == 200


@pytest.mark.parametrize(
    ("value", "host", "match"),
    [
        ("", "0.0.0.0", VARIABLE),
        ("short", "127.0.0.1", "at least 16"),
        ("with a space in it", "::1", "spaces"),
    ],
)
def test_another_host_needs_a_good_token(
    value: str, host: str, match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(LabError, match=match):
        read_token(host)
    monkeypatch.setenv(VARIABLE, TOKEN)
    assert read_token(host) == TOKEN


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"prompt": 1}', 422),
        (b'{"prompt": ""}', 422),
        (b'{"prompt": "x", "more": 1}', 422),
        (b"[" * 100_000, 400),
        (b'{"prompt": NaN}', 400),
    ],
)
async def test_a_malformed_body_is_refused_in_one_line(tmp_path: Path, body: bytes, status: int) -> None:
    async with serving(tmp_path, Told("main")) as visit:
        answer = await visit.client.post("/v1/route", content=body)
        assert answer.status_code == status
        assert "\n" not in answer.json()["error"]["message"]
        other = await visit.client.get("/v1/route")
        assert (other.status_code, other.headers["allow"]) == (405, "POST")
        assert other.json()["error"]["code"] == "wrong_method"
        assert (await visit.client.get("/nowhere")).status_code == 404
        assert not visit.lines


async def test_what_is_too_long_is_refused_before_it_is_read(tmp_path: Path) -> None:
    limits = replace(LIMITS, body_bytes=1000, prompt_characters=100)
    async with serving(tmp_path, Told("main"), limits=limits) as visit:
        assert (await visit.route("x" * 101)).status_code == 413
        head = b"POST /v1/route HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"
        assert b" 413 " in await raw(visit.url, head)  # though nothing of it was sent
        chunks = b"POST /v1/route HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert b" 413 " in await raw(visit.url, chunks + b"3e9\r\n" + b"x" * 1001)
        assert await visit.metric("routerlab_refused_total") == 3


async def test_slow_clients_are_let_go(tmp_path: Path) -> None:
    limits = replace(LIMITS, body_s=0.05, head_s=0.2)
    async with serving(tmp_path, Told("main"), limits=limits) as visit:
        assert b" 408 " in await raw(visit.url, post("/v1/route", b"x" * 9)[:-1])
        assert await raw(visit.url, b"POST /v1/route HTTP/1.1\r\nHost: loc") == b""
        assert await raw(visit.url, b"") == b""
        assert (await visit.route()).status_code == 200


async def test_whoever_waits_behind_a_full_queue_is_told_to_come_again(tmp_path: Path) -> None:
    main = Told("main", waits=True)
    async with serving(tmp_path, main, limits=replace(LIMITS, queue=2)) as visit:
        asked = [asyncio.create_task(visit.route(f"{n}")) for n in range(3)]
        await until(lambda: visit.server.front._work is not None and len(main.prompts) == 1)
        work = visit.server.front._work
        assert work is not None
        await until(lambda: work.decider.main.pending == 3)
        refused = await visit.route("one too many")
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        main.waits = False
        main._go.set()
        assert statuses(await asyncio.gather(*asked)) == [200] * 3
        assert "one too many" not in main.prompts


async def test_whoever_could_only_be_late_is_told_to_come_again(tmp_path: Path) -> None:
    """Else, when more come than can be answered, those that are asked have all waited until they are late."""
    main = Told("main", waits=True)
    async with serving(tmp_path, main, limits=replace(LIMITS, deadline_s=100.0)) as visit:
        work = visit.server.front._work
        assert work is not None
        work.decider.main._turn_s = 95.0  # which it had to learn: nobody waits, so it is asked
        first = asyncio.create_task(visit.route())
        await until(lambda: len(main.prompts) == 1)
        refused = await visit.route("a second")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
        work.decider.main._turn_s = 30.0
        second = asyncio.create_task(visit.route("a second"))
        await until(lambda: work.decider.main.pending == 2)
        refused = await visit.route("a third")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "would_be_late")
        main.waits = False
        main._go.set()
        assert statuses(await asyncio.gather(first, second)) == [200] * 2


async def test_a_decision_that_is_late_is_given_up_and_the_next_is_made(tmp_path: Path) -> None:
    main = Told("main", waits=True)
    async with serving(tmp_path, main, limits=replace(LIMITS, deadline_s=0.05)) as visit:
        assert (await visit.route()).status_code == 504
        work = visit.server.front._work
        assert work is not None
        assert work.decider.main._turn_s >= 0.05  # what was given up tells how long it takes, too
        main.waits = False
        assert (await visit.route("another")).status_code == 200
    assert [t.status for t in visit.session().trials] == ["timeout", "ok"]


async def test_more_open_requests_than_there_may_be_are_shed(tmp_path: Path) -> None:
    main = Told("main", waits=True)
    async with serving(tmp_path, main, limits=replace(LIMITS, requests=1)) as visit:
        first = asyncio.create_task(visit.route())
        await until(lambda: len(main.prompts) == 1)
        refused = await visit.route("another")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert (await visit.client.get("/health")).status_code == 200
        main._go.set()
        assert (await first).status_code == 200


async def test_workers_share_the_questions_and_one_that_is_out_gets_none(tmp_path: Path) -> None:
    made: list[Told] = []

    def make(name: str) -> AsyncRouter:
        made.append(Told("main", waits=True))
        return AsyncRouter(made[-1], FRONT_DOOR.labels, PATIENCE_S)

    async with serving(tmp_path, make=make, wanted=Wanted("main", workers=2)) as visit:
        asked = [asyncio.create_task(visit.route(str(n))) for n in range(2)]
        await until(lambda: [len(arm.prompts) for arm in made] == [1, 1])
        for arm in made:
            arm.waits = False
            arm._go.set()
        assert statuses(await asyncio.gather(*asked)) == [200, 200]
        made[0].to(ArmState("failed", message="given up"))
        assert statuses([await visit.route(str(n)) for n in range(3)]) == [200] * 3
        assert (await visit.client.get("/ready")).status_code == 200
        made[1].to(ArmState("failed", message="given up"))
        assert (await visit.route()).status_code == 503
        assert (await visit.client.get("/ready")).status_code == 503


async def test_another_taxonomy_has_a_session_of_its_own(tmp_path: Path) -> None:
    async with serving(tmp_path, Told("main")) as visit:
        await visit.route()
        await until(lambda: visit.recorder.path is not None)
        first, work = visit.recorder.path, visit.server.front._work
        assert work is not None
        work.decider.materials = replace(work.decider.materials, taxonomy=TWO)
        await visit.route()
        await until(lambda: visit.recorder.path != first)
    assert visit.session().header.taxonomy.labels == TWO.labels
    assert len(visit.trials()) == 1


@pytest.mark.parametrize("half", [False, True], ids=["gone", "half-closed"])
async def test_when_the_client_leaves_the_model_is_stopped(tmp_path: Path, half: bool) -> None:
    main = Told("main", waits=True)
    async with serving(tmp_path, main) as visit:
        request = post("/v1/route", json.dumps({"prompt": PROMPT}).encode())
        if half:
            assert await raw(visit.url, request, half_close=True) == b""
        else:
            asked = asyncio.create_task(visit.route())
            await until(lambda: len(main.prompts) == 1)
            asked.cancel()
        await until(lambda: main.state.phase == "ready" and len(main.prompts) == 1)
        main.waits = False
        assert (await visit.route("another")).status_code == 200
        assert await visit.metric("routerlab_queue") == 0
        assert not visit.lines


@pytest.mark.parametrize(("status", "code"), [("refused", 422), ("timeout", 504)])
async def test_a_decision_without_a_label_says_why(tmp_path: Path, status: str, code: int) -> None:
    async with serving(tmp_path, Told("main", status=status)) as visit:  # type: ignore[arg-type]
        answer = await visit.route()
        assert (answer.status_code, answer.json()["error"]["code"]) == (code, status)


async def test_a_fault_of_ours_says_where_and_nothing_of_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, Told("main")) as visit:

        async def broken(prompt: str) -> None:
            raise RuntimeError(prompt)

        work = visit.server.front._work
        assert work is not None
        monkeypatch.setattr(work.decider, "decide", broken)
        answer = await visit.route()
        assert answer.status_code == 500
        assert "Zanzibar" not in answer.text + "".join(visit.lines)
        assert "RuntimeError at test_route.py" in visit.lines[0]


async def test_open_requests_come_to_their_end_when_the_server_does(tmp_path: Path) -> None:
    main = Told("main", waits=True)
    async with serving(tmp_path, main) as visit:
        body = json.dumps({"prompt": PROMPT}).encode()
        asked = asyncio.create_task(raw(visit.url, post("/v1/route", body)))
        await until(lambda: len(main.prompts) == 1)
        asyncio.get_running_loop().call_later(0.3, main._go.set)  # the server has begun to end by then
    assert b" 200 OK" in (await asked)


async def test_a_worker_that_is_killed_is_an_error_and_the_next_question_has_a_new_one(
    tmp_path: Path, tiny_files: dict[tiny.Family, Path]
) -> None:
    made: list[ModelArm] = []

    def make(name: str) -> AsyncRouter:
        settings = SETTINGS.model_copy(update={"concurrency": 4})
        made.append(arms(settings).model_arm(spec(tiny_files["llama"])))
        return AsyncRouter(made[-1], TWO.labels, PATIENCE_S)

    async with serving(tmp_path, make=make) as visit:
        alone = (await visit.route("a question")).json()["label"]
        pid = pid_of(made[0])
        os.kill(pid, signal.SIGSTOP)
        first = asyncio.create_task(visit.route("the first"))
        await until(lambda: made[0].state.phase == "busy")
        work = visit.server.front._work
        assert work is not None
        others = [asyncio.create_task(visit.route(f"question {n}")) for n in range(4)]
        await until(lambda: work.decider.main.pending == 5)
        os.kill(pid, signal.SIGKILL)
        assert (await first).status_code == 503
        answers = [(await other).json() for other in others]
        assert [a["status"] for a in answers] == ["ok"] * 4
        assert (await visit.route("a question")).json()["label"] == alone
        assert (await visit.client.get("/ready")).status_code == 200
    written = visit.session().trials
    assert {t.together for t in written if t.status == "ok"} >= {4}  # those that waited, together
    assert [t.status for t in written].count("crashed") == 1


async def test_a_port_that_another_takes_while_it_loads_is_told_in_one_line() -> None:
    metrics, lines = Metrics(), list[str]()
    recorder = Recorder(None, Keep(), metrics, lines.append)

    def make(name: str) -> AsyncRouter:
        return AsyncRouter(Told(name), FRONT_DOOR.labels, PATIENCE_S)

    front = Front(lambda: load_work(Wanted("main"), LIMITS, metrics, recorder, make), recorder, LIMITS)
    sock = listen("127.0.0.1", 0)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(sock.getsockname())
        other.listen()
        async with aclosing(Clients()) as models:
            choosing = Choosing(models, Stickiness(0.0), "last")
            server = Server(front, LIMITS, metrics, choosing, None, lines.append)
            with pytest.raises(LabError, match="cannot listen there: Address already in use"):
                await run(server, sock, "127.0.0.1", lines.append)
    assert not lines
