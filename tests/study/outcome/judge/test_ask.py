"""Real judges: a tiny model in a worker, and a remote behind a server on loopback."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from routerlab.core.errors import Exit, LabError
from routerlab.core.remote import Remote
from routerlab.study.outcome.judge.ask import judge
from routerlab.study.outcome.judge.question import questions
from routerlab.study.outcome.judge.record import JudgeFile, Judgement, read_judgements
from routerlab.study.outcome.load import read_outcomes
from tests.engine.remote.server import KEY, KEY_ENV, error, says, serving
from tests.study.outcome.harness import SETTINGS, tiny_model
from tests.study.outcome.judge.harness import header, prompts, session

Found = dict[tuple[str, str, str], Judgement]


async def judged(folder: Path, by: Path | Remote, pairs: int) -> Found:
    """s.toml of four tasks judged into j.toml, gone on with if it is there."""
    if not (folder / "s.toml").exists():
        session(folder, [[0, 0, 1]] * 4)
    asked = questions(read_outcomes(folder / "s.toml"), prompts(4), pairs, 0)
    with JudgeFile.at(folder / "j.toml", header(folder / "s.toml"), resume=True) as file:
        await judge(by, asked, file, SETTINGS, lambda _: None, lambda _: None)
        return dict(file.judgements.of)


async def test_a_local_judge_is_asked_both_orders_once(tmp_path: Path) -> None:
    model = Path(tiny_model(tmp_path))
    first = await judged(tmp_path, model, 2)
    assert [one.status for one in first.values()] == ["ok"] * 4
    assert all(one.said is not None and 0 < (one.tokens_out or 0) <= 16 for one in first.values())
    before = (tmp_path / "j.toml").read_bytes()
    whole = before.rindex(b"\n[[judgement]]")
    (tmp_path / "j.toml").write_bytes(before[: whole + 30])  # the last one was being written
    again = await judged(tmp_path, model, 3)
    assert len(again) == 6
    assert list(again)[:4] == list(first)
    assert (tmp_path / "j.toml").read_bytes().startswith(before[:whole])
    assert (tmp_path / "j.toml.torn").exists()
    read = read_judgements(tmp_path / "j.toml").of
    assert {key: one.said for key, one in read.items()} == {key: one.said for key, one in again.items()}


async def test_another_judge_does_not_go_on(tmp_path: Path) -> None:
    session(tmp_path, [[0, 1, 1]])
    told = header(tmp_path / "s.toml")
    JudgeFile.at(tmp_path / "j.toml", told, resume=False).close()
    with pytest.raises(LabError, match="--resume goes on"):
        JudgeFile.at(tmp_path / "j.toml", told, resume=False)
    with pytest.raises(LabError, match="begun with another judge"):
        JudgeFile.at(tmp_path / "j.toml", header(tmp_path / "s.toml", "other"), resume=True)
    with pytest.raises(LabError, match=r"s\.toml: not a judge's session"):
        read_judgements(tmp_path / "s.toml")


async def test_a_remote_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)
    async with serving(says("B."), error(400, "too long")) as server:
        server.usual = says("A")
        found = await judged(tmp_path, server.remote(retries=0, concurrency=1), 2)
        assert server.asked[0].json["temperature"] == 0.0
        server.usual = error(401, "who are you")
        with pytest.raises(LabError) as refused:
            await judged(tmp_path, server.remote(retries=0), 3)
    assert [one.verdict for one in found.values()] == ["second", None, "first", "first"]
    assert [one.status for one in found.values()] == ["ok", "refused", "ok", "ok"]
    assert refused.value.code == Exit.MISSING
    text = (tmp_path / "j.toml").read_text()
    assert text.count("[[judgement]]") == 4
    assert KEY not in text


def test_a_judgement_that_was_cut_anywhere_is_none(tmp_path: Path) -> None:
    session(tmp_path, [[0, 1, 1]])
    path = tmp_path / "j.toml"
    with JudgeFile.at(path, header(tmp_path / "s.toml"), resume=False) as file:
        begun = len(path.read_bytes())
        file.append(
            Judgement(
                at=datetime.now(UTC),
                task="t0",
                first="a",
                second="b",
                status="ok",
                said="A",
                verdict="first",
                tokens_in=100,
                tokens_out=4,
            )
        )
    whole = path.read_bytes()
    for end in range(begun, len(whole.rstrip())):
        path.write_bytes(whole[:end])
        assert not read_judgements(path).of
    path.write_bytes(whole)
    assert len(read_judgements(path).of) == 1
