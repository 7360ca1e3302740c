"""What a server wrote down, over HTTP; and the lab that follows it through cuts and restarts."""

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from routerlab.cli.shared.open import open_watch
from routerlab.core.errors import LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.file import SessionFile, read_session
from routerlab.core.session.session import pin_taxonomy
from routerlab.engine.lab.events import Event, Notice, TrialDone
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import new_header
from routerlab.resources import TAXONOMY
from routerlab.serve import follow, ledger, page
from routerlab.serve.ledger import Keep
from routerlab.serve.tail import PageHead, PageLine, UrlTail
from routerlab.settings import Settings
from tests.engine.workers import until
from tests.serve.harness import TOKEN, Told, Visit, serving
from tests.serve.test_follow import MATERIALS, live


async def lines(visit: Visit, **asked: str) -> list[dict[str, Any]]:
    answer = await visit.client.get("/v1/trials", params=asked)
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_pages_have_what_was_written_without_texts_that_were_not_kept(tmp_path: Path) -> None:
    async with serving(tmp_path, Told("main"), Told("shadow")) as visit:
        (head,) = await lines(visit)
        assert (head["after"], head["taxonomy"]["sha256"]) == (0, MATERIALS.taxonomy.sha256)
        await visit.route("what nobody knows")
        await until(lambda: len(visit.trials()) == 2)
        head, *records = await lines(visit)
        assert visit.recorder.path is not None
        assert head["session"] == visit.recorder.path.stem
        assert [r["trial"]["arm"] for r in records if "trial" in r] == ["main", "shadow"]
        assert "nobody knows" not in json.dumps(records)
        again = {"session": str(head["session"]), "after": str(head["after"])}
        assert (await lines(visit, **again))[1:] == []
        await visit.route("more")
        await until(lambda: len(visit.trials()) == 4)
        assert len((await lines(visit, **again))[1:]) == 2
        assert len((await lines(visit, session="../../etc/passwd", after="7"))[1:]) == len(records) + 2
        assert (await visit.client.get("/v1/trials?after=-1")).status_code == 400


async def test_a_session_of_others_is_not_shown_and_an_earlier_one_is_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "sessions"
    ours = "routerlab serve 0.1.0"
    for name, title in (("theirs", "a sitting"), ("../outside", ours), ("ours", ours)):
        with SessionFile.create(folder / f"{name}.toml", new_header(MATERIALS, title=title)) as file:
            file.append(live(2))
            file.append(live(4))
    monkeypatch.setattr(page, "PIECE", (folder / "ours.toml").stat().st_size - 20)
    async with serving(tmp_path, Told("main"), keep=Keep(1.0)) as visit:
        for others in ("theirs", "../outside"):
            assert (await lines(visit, session=others))[1:] == []
        (await visit.route("kept")).raise_for_status()
        await until(lambda: len(visit.trials()) == 1)
        head, *got = await lines(visit, session="ours", after="0")
        assert head["more"]
        while head["more"] or len(got) < 3:
            head, *more = await lines(visit, session=head["session"], after=str(head["after"]))
            got += more
        assert [r["trial"].get("prompt") for r in got if "trial" in r] == [None, None, "kept"]


async def test_what_a_full_disk_kept_from_a_session_that_is_over_is_somewhere_else_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LONGEST", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    write, full = os.write, True

    def writes(fd: int, data: bytes) -> int:
        if full and b"[[" in bytes(data) and "sessions" in os.readlink(f"/proc/self/fd/{fd}"):
            raise OSError(28, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr(os, "write", writes)
    async with serving(tmp_path, Told("main"), keep=Keep(1.0)) as visit:
        await visit.route("the first")
        await until(lambda: any("cannot be written" in line for line in visit.lines))
        await visit.route("the second")
        await until(lambda: any("the last records" in line for line in visit.lines))
        full = False
        await visit.route("the third")
        await until(lambda: len(visit.recorder.paths) == 3)
    (rescued,) = tmp_path.glob("*.rescued.toml")
    assert "the first" in rescued.read_text()


async def test_who_has_no_token_sees_nothing_and_a_server_without_sessions_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, Told("main"), token=TOKEN) as visit:
        with pytest.raises(LabError, match="401: the header Authorization"):
            await watching(visit.url, tmp_path)
        monkeypatch.setenv("ROUTERLAB_SERVE_TOKEN", TOKEN)
        await (await watching(visit.url, tmp_path)).close()
        visit.recorder.folder = None
        with pytest.raises(LabError, match="404: this server writes no session"):
            await watching(visit.url, tmp_path)
        with pytest.raises(LabError, match="not an answer of this version"):
            await watching(f"{visit.url}/ready?", tmp_path)
    with pytest.raises(LabError, match="ConnectError; is `routerlab serve` there"):
        await watching(visit.url, tmp_path)


async def test_a_lab_follows_a_server_through_a_cut_into_its_next_session_and_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "EVERY_S", 0.01)
    monkeypatch.setattr(page, "PIECE", 1000)  # a page has a record or two
    arms = (Told("main"), Told("shadow", "CoT/simple"))
    async with serving(tmp_path, *arms, keep=Keep(1.0)) as visit:
        lab = await watching(visit.url, tmp_path)
        seen: list[Event] = []
        lab.subscribe(seen.append)
        lab.begin()
        await visit.route("a")
        await until(lambda: len(trials(seen)) == 2)
        await lab.annotate(trials(seen)[0].id, label="CoT/simple")
        await visit.route("b")
        await until(lambda: len(visit.trials()) == 4)
    port = int(visit.url.rpartition(":")[2])
    await until(lambda: bool(notices(seen)))
    async with serving(tmp_path, *arms, keep=Keep(1.0), port=port) as visit:
        await visit.route("a")
        await until(lambda: len(trials(seen)) == 6)
        await lab.close()
        first, *others = notices(seen)
        # What the cut is seen as depends on whether a page was under way.
        assert first.startswith(f"{visit.url}: cut off (")
        assert first.endswith("Error); trying again")
        session = visit.recorder.path and visit.recorder.path.stem
        assert others == [f"{visit.url}: is there again", f"{visit.url}: began another session, {session}"]
        assert [(t.prompt, t.arm, t.repeat) for t in trials(seen)] == [
            (prompt, arm, repeat)
            for prompt, repeat in (("a", 1), ("b", 1), ("a", 2))
            for arm in ("main", "shadow")
        ]
        assert len({t.id for t in trials(seen)}) == 6
        assert len(read_session(tmp_path / "own.toml").session.trials) == 2  # those of what was annotated

        lab = await watching(visit.url, tmp_path)
        seen.clear()
        lab.subscribe(seen.append)
        lab.begin()
        await until(lambda: len(trials(seen)) == 2)  # of the session of now
        await lab.annotate(trials(seen)[1].id, label="CoT/simple")
        await lab.close()
    kept = read_session(tmp_path / "own.toml").session
    assert [(t.arm, t.repeat) for t in kept.trials] == [
        ("main", 1), ("shadow", 1), ("main", 2), ("shadow", 2),
    ]  # fmt: skip
    assert [kept.current(t.id).label for t in kept.trials].count("CoT/simple") == 2


async def test_an_answer_that_is_cut_short_is_asked_for_again(tmp_path: Path) -> None:
    head = PageHead(session="s", after=7, taxonomy=pin_taxonomy(MATERIALS.taxonomy, TAXONOMY))
    body = b"".join(
        f"{one.model_dump_json(exclude_none=True)}\n".encode() for one in (head, PageLine(trial=live(1)))
    )
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split()[1])
        part = body[: len(body) if len(asked) > 1 else len(body) - 1]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + part)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        tail = UrlTail(url, None, MATERIALS.taxonomy.sha256)
        (cut,) = await tail.new()
        back, one = await tail.new()
        await tail.new()
        await tail.close()
    assert cut == Notice(f"{url}: cut off (RemoteProtocolError); trying again", "warning")
    assert back == Notice(f"{url}: is there again")
    assert isinstance(one, Trial)
    assert one.id == "s.t000001"
    assert asked == [b"/v1/trials", b"/v1/trials", b"/v1/trials?session=s&after=7"]


async def watching(url: str, folder: Path) -> Lab:
    """What `lab --watch URL` opens; it asks, so not on the loop that answers."""
    own = folder / "own.toml"
    return await asyncio.to_thread(open_watch, url, None, None, Settings(annotator="ada"), own)


def trials(events: list[Event]) -> list[Trial]:
    return [e.trial for e in events if isinstance(e, TrialDone)]


def notices(events: list[Event]) -> list[str]:
    return [e.message for e in events if isinstance(e, Notice)]
