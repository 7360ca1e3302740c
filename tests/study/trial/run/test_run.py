"""`routerlab trial` as its users run it: locked, sent, killed, gone on with, looked at, analysed."""

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from routerlab.core.session.session import Session
from routerlab.resources import ROUTES
from routerlab.study.trial.protocol.peeks import peeks_path
from routerlab.study.trial.protocol.session import recorded
from tests import program
from tests.conftest import PATIENCE_S
from tests.engine import tiny
from tests.engine.remote.server import KEY, KEY_ENV, hang_up, says, serving_beside
from tests.forked import workers
from tests.study.benchmark.harness import count, gone, interrupt, reasons, result, until
from tests.study.trial.harness import LABELS, corpus_file, protocol_file

MODEL = 'ask = "one.gguf"\nname = "keywords"'
"""Instead of the keywords, so that the prices stay."""
ENGINE = "[engine]\nthreads = 1\ncontext = 1100\n[traffic]"


def trial(folder: Path, *args: object, **env: str) -> "subprocess.CompletedProcess[str]":
    return program.run(folder, "trial", *args, env=os.environ | env)


def begun(folder: Path, *args: object) -> program.Begun:
    return program.begin(folder, "trial", *args)


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def failed(done: "subprocess.CompletedProcess[str]", code: int) -> str:
    """The last line on stderr of a command that ended with this code; no traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def complete(path: Path) -> Session:
    """The session, in which every planned session was answered once and nothing else was."""
    session = result(path)
    planned = recorded(path, session).planned
    answered = [t for t in session.trials if t.status != "cancelled"]
    assert Counter(t.session for t in answered) == Counter(p.id for p in planned)
    by_id = {p.id: p for p in planned}
    for one in answered:
        where = by_id[one.session or ""]
        assert (one.arm, one.case, one.repeat) == (where.arm, where.case, where.repeat)
    return session


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a locked protocol of 60 sessions, over a tiny model, a majority and a control."""
    tiny.build(tmp_path / "one.gguf", "llama", tiny.TEMPLATES["chatml"])
    path = protocol_file(tmp_path, cases=20, sessions=20, rate=60.0)
    edited(path, 'ask = "baseline:keywords"', MODEL)
    edited(path, "[traffic]", ENGINE)
    edited(path, "seed = 7", 'seed = 7\nexemplars = "none"')
    done = trial(tmp_path, "lock", "protocol.toml")
    assert done.returncode == 0, done.stderr
    return tmp_path


RUN = ("run", "protocol.toml", "--out", "s.toml")


def test_from_a_new_protocol_to_a_result(tmp_path: Path, routed_smollm2: Path) -> None:
    (tmp_path / "models").symlink_to(routed_smollm2.parent)
    assert trial(tmp_path, "new", "mine.toml").returncode == 0
    path = tmp_path / "mine.toml"
    edited(path, '[[arm]]\nask = "qwen2.5-coder-0.5b:probe"\n', "")
    edited(path, ', "qwen2.5-coder-0.5b:probe"]', "]")
    edited(path, "sessions = 120", "sessions = 6")
    edited(path, "rate = 0.5 ", "rate = 20 ")
    corpus = corpus_file(tmp_path, 6)
    edited(path, '# corpus = "corpus/routing60.toml"', f'corpus = "{corpus}"')
    lock = trial(tmp_path, "lock", "mine.toml")
    assert lock.returncode == 0, lock.stderr
    assert "12 sessions over 2 arms and 6 cases: each case 1 to 1 times" in lock.stderr
    again = trial(tmp_path, "lock", "mine.toml")
    assert "locked already" in again.stdout
    done = trial(tmp_path, "run", "mine.toml", "--out", "s.toml")
    assert done.returncode == 0, done.stderr
    session = complete(tmp_path / "s.toml")
    assert {t.status for t in session.trials if t.arm == "control"} == {"unrouted"}
    assert [mark.reason for mark in session.marks if mark.kind == "end"] == ["every session is answered"]
    assert {mark.arm for mark in session.marks if mark.kind == "warmup"} == {"control", "smollm2-135m:probe"}
    assert [one for one in reasons(session) if "late" not in one] == []  # late is who has no core left
    shown = trial(tmp_path, "analyze", "s.toml", "--out", "r.json")
    assert shown.returncode == 0, shown.stderr
    for words in ("generated: 12 sessions", "H5", "it takes two routers", "Pareto", "Harmony and deviations"):
        assert words in shown.stdout, words
    assert json.loads((tmp_path / "r.json").read_text())["complete"] is True
    over = trial(tmp_path, "run", "mine.toml", "--out", "s.toml")
    assert "this trial is over" in failed(over, 2)


def test_what_is_not_locked_or_not_as_it_was_locked_is_refused(here: Path) -> None:
    edited(here / "protocol.toml", "sessions = 20", "sessions = 40")
    told = trial(here, *RUN)
    assert failed(told, 2).startswith("error: protocol.toml: 1 thing is not as locked, the first: ")
    assert "sessions: 20 -> 40" in told.stderr
    refused = trial(here, "lock", "protocol.toml")
    assert "is of another content; --replace it" in failed(refused, 2)
    edited(here / "protocol.toml", "sessions = 40", "sessions = 20")
    edited(here / "round.toml", "prompt number 4", "prompt number four")
    assert "corpus: another content" in failed(trial(here, *RUN), 2)
    edited(here / "round.toml", "prompt number four", "prompt number 4")
    tiny.build(here / "one.gguf", "llama", tiny.TEMPLATES["chatml"], seed=9)
    assert "keywords: one.gguf: another content" in failed(trial(here, *RUN), 2)
    (here / "protocol.lock.toml").unlink()
    assert "the protocol is not locked" in failed(trial(here, *RUN), 2)
    assert not (here / "s.toml").exists()
    assert trial(here, "lock", "protocol.toml").returncode == 0


def test_another_lock_cannot_go_on_with_a_session(here: Path) -> None:
    assert trial(here, *RUN).returncode == 0
    edited(here / "protocol.toml", "seed = 7", "seed = 8")
    assert trial(here, "lock", "protocol.toml", "--replace").returncode == 0
    assert "under another lock" in failed(trial(here, *RUN), 2)


@pytest.mark.parametrize("after", [1, 40])
def test_kill_9_loses_and_repeats_no_session(here: Path, after: int) -> None:
    process = begun(here, *RUN)
    until(lambda: count(here / "s.toml") >= after, process)
    left = workers(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert gone(left)
    before = count(here / "s.toml")
    done = trial(here, *RUN)
    assert done.returncode == 0, done.stderr
    session = complete(here / "s.toml")
    assert len(session.runs) == 2
    (reason,) = [one for one in reasons(session) if "interrupted" in one]
    assert f"interrupted after {before} of 60 sessions" in reason or f"after {before - 1} of" in reason
    shown = trial(here, "analyze", "s.toml", "--format", "json")
    assert any("interrupted" in one["reason"] for one in json.loads(shown.stdout)["deviations"])


def test_ctrl_c_stops_at_once_and_the_same_command_goes_on(here: Path) -> None:
    process = program.started(here, "trial", *RUN)  # as users do, workers too
    until(lambda: count(here / "s.toml") >= 10, process)
    told = interrupt(process)
    assert "the same command goes on" in told
    assert count(here / "s.toml") < 60
    status = trial(here, "status", "s.toml", "--format", "json")
    assert json.loads(status.stdout)["ended"] is None
    assert trial(here, *RUN).returncode == 0
    complete(here / "s.toml")


def test_status_tells_counts_and_no_outcomes_and_a_peek_is_on_record(here: Path) -> None:
    edited(here / "protocol.toml", "rate = 60.0", "rate = 4.0")
    assert trial(here, "lock", "protocol.toml", "--replace").returncode == 0
    process = begun(here, *RUN)
    try:
        until(lambda: count(here / "s.toml") >= 5, process)
        shown = trial(here, "status", "s.toml")
        assert shown.returncode == 0, shown.stderr
        assert "keywords" in shown.stdout
        assert not {"acc", "ok", "P95", "%"} & set(shown.stdout.split())
        peek = trial(here, "peek", "s.toml")
        assert peek.returncode == 0, peek.stderr
        assert "Accuracy" in peek.stdout
        assert peeks_path(here / "s.toml").read_text().startswith("looked at the outcomes before the end")
    finally:
        interrupt(process)
    assert "trial peek" in trial(here, "status", "s.toml").stdout
    # while nobody has it open, an analysis goes into the session itself
    early = trial(here, "analyze", "s.toml", "--format", "json")
    assert json.loads(early.stdout)["complete"] is False
    assert [one for one in reasons(result(here / "s.toml")) if "trial analyze" in one]


def test_a_run_takes_peeks_into_the_session(here: Path) -> None:
    process = begun(here, *RUN)
    until(lambda: count(here / "s.toml") >= 3, process)
    peeks_path(here / "s.toml").write_text("looked at the outcomes before the end (by hand)\n")
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, told
    assert ": looked at the outcomes before the end (by hand)" in reasons(complete(here / "s.toml"))
    assert not peeks_path(here / "s.toml").exists()


def test_looks_are_taken_once_and_an_arm_that_lost_gets_no_more_sessions(tmp_path: Path) -> None:
    looks = 'rule = "obrien-fleming"\nfractions = [0.5]\naction = "drop"'
    words = tmp_path / "right.toml"
    rules = "".join(
        f'[[rule]]\nlabel = "{label}"\nwords = {[str(n) for n in range(k, 60, 6)]}\n'
        for k, label in enumerate(LABELS)
    )
    words.write_text(
        f'schema_version = 1\nname = "right"\ntaxonomy = "front-door"\notherwise = "code/simple"\n{rules}'
    )
    path = protocol_file(tmp_path, cases=60, sessions=60, rate=500.0, looks=looks)
    edited(path, "baseline:keywords", "baseline:keywords:right.toml")
    assert trial(tmp_path, "lock", "protocol.toml").returncode == 0
    done = trial(tmp_path, *RUN)
    assert done.returncode == 0, done.stderr
    session = result(tmp_path / "s.toml")
    looks_taken = [mark.reason or "" for mark in session.marks if mark.kind == "look"]
    assert looks_taken[0].startswith("look 1 at 50% of the cases, 90 sessions: keywords ")
    assert "dropped majority; stop: one router is left" in looks_taken[0]
    assert len(looks_taken) == 2
    counts = Counter(t.arm for t in session.trials)
    assert counts == {"control": 30, "keywords": 30, "majority": 30}
    shown = json.loads(trial(tmp_path, "analyze", "s.toml", "--format", "json").stdout)
    flow = {arm["arm"]: arm for arm in shown["flow"]["arms"]}
    assert flow["majority"]["lost"] == [
        {"before": "sent", "reason": "less accurate than another at look 1", "n": 30}
    ]
    (test,) = shown["hypotheses"][0]["tests"]
    assert test["finding"] == "supported"


def test_walds_test_drops_an_arm_as_soon_as_it_is_decided(tmp_path: Path) -> None:
    looks = 'rule = "sprt"\np0 = 0.5\np1 = 0.9\naction = "drop"'
    path = protocol_file(tmp_path, cases=60, sessions=60, rate=200.0, looks=looks)
    edited(path, 'ask = "baseline:keywords"', 'ask = "baseline:majority"\nname = "keywords"')
    assert trial(tmp_path, "lock", "protocol.toml").returncode == 0
    done = trial(tmp_path, *RUN)
    assert done.returncode == 0, done.stderr
    session = result(tmp_path / "s.toml")
    sent = Counter(t.arm for t in session.trials)
    assert 2 <= sent["majority"] < 30
    assert any("no arm is viable" in (mark.reason or "") for mark in session.marks if mark.kind == "end")
    assert any("not viable after" in (mark.reason or "") for mark in session.marks if mark.kind == "look")


def test_the_time_limit_ends_a_run_and_is_a_deviation(here: Path) -> None:
    edited(here / "protocol.toml", "rate = 60.0", "rate = 0.5")
    edited(here / "protocol.toml", "seed = 7", "seed = 7\nlimit_minutes = 0.03")
    assert trial(here, "lock", "protocol.toml", "--replace").returncode == 0
    done = trial(here, *RUN)
    assert done.returncode == 0, done.stderr
    session = result(here / "s.toml")
    (end,) = [mark.reason or "" for mark in session.marks if mark.kind == "end"]
    assert end.startswith("time limit of 0.03 minutes, ")
    assert any("time limit" in one for one in reasons(session))
    assert "is over" in failed(trial(here, *RUN), 2)


def test_a_remote_arm_that_dies_half_way_is_recorded_and_its_key_is_nowhere(tmp_path: Path) -> None:
    path = protocol_file(tmp_path, cases=12, sessions=12, rate=60.0)
    with serving_beside(*[says()] * 8) as server:
        server.usual = hang_up
        remote = (
            f'[[remote]]\nname = "test"\nbase_url = "{server.url}"\nmodel = "m"\nhosting = "api"\n'
            f'key_env = "{KEY_ENV}"\nretries = 0\nconcurrency = 1\n[traffic]'
        )
        edited(path, "[traffic]", remote)
        edited(path, 'ask = "baseline:keywords"', 'ask = "remote:test"\nname = "keywords"')
        missing = trial(tmp_path, "lock", "protocol.toml")
        assert KEY_ENV in failed(missing, 3)
        env = {KEY_ENV: KEY}
        outputs = [
            trial(tmp_path, *args, **env)
            for args in (("lock", "protocol.toml"), RUN, ("analyze", "s.toml", "--out", "r.json"))
        ]
    assert [done.returncode for done in outputs] == [0, 0, 0], outputs[1].stderr
    session = complete(tmp_path / "s.toml")
    statuses = Counter(t.status for t in session.trials if t.arm == "keywords")
    assert statuses == {"ok": 6, "crashed": 6}  # of eight good answers two went to the warm-up
    assert any("6 sessions ended in a crash" in one for one in reasons(session))
    lost = json.loads((tmp_path / "r.json").read_text())["flow"]["arms"][1]["lost"]
    assert lost == [{"before": "answered", "reason": "crashed", "n": 6}]
    for file in [f for f in tmp_path.rglob("*") if f.is_file()]:
        assert KEY.encode() not in file.read_bytes(), file
    assert all(KEY not in done.stdout + done.stderr for done in outputs)


def test_power_and_sweep_print_tables_and_json(here: Path) -> None:
    power = trial(here, "power", "protocol.toml", "--simulations", "200", "--format", "json")
    assert json.loads(power.stdout)["power"][0]["n"] == 20
    assert "nothing to compare" in failed(trial(here, "power", "--accuracy", "0.8"), 2)
    sweep = trial(
        here,
        "sweep",
        "--arm",
        "control",
        "--corpus",
        "round.toml",
        "--n",
        "20",
        "--rate",
        "200",
        "--concurrency",
        "4",
        "--format",
        "json",
    )
    assert sweep.returncode == 0, sweep.stderr
    found = json.loads(sweep.stdout)
    (level,) = found["levels"]
    assert level["offered"] == 200.0
    # a busy machine may take long even for this
    kept_up = not level["saturated"] and level["response_p95"] <= 3 * max(found["unloaded_p95"], 10)
    assert found["knee"] == (200.0 if kept_up else None)
    assert found["concurrency"] is None
    assert "control takes one question at a time" in sweep.stderr


def test_a_corpus_or_table_that_changed_after_the_run_is_not_used(tmp_path: Path) -> None:
    path = protocol_file(tmp_path, cases=24, sessions=24, rate=500.0)
    edited(path, '["keywords", "majority"]', '["keywords"]')
    lock = trial(tmp_path, "lock", "protocol.toml")
    assert "note: no price for majority: there will be no decision by cost" in lock.stderr
    assert trial(tmp_path, *RUN).returncode == 0
    shutil.copy(ROUTES, tmp_path / "dear.toml")
    edited(tmp_path / "dear.toml", "output_per_million = 15.00", "output_per_million = 150.00")
    usual = json.loads(trial(tmp_path, "analyze", "s.toml", "--format", "json").stdout)
    dear = trial(tmp_path, "analyze", "s.toml", "--routes", "dear.toml", "--format", "json")
    assert "another routing table than the one that was locked" in dear.stderr
    assert json.loads(dear.stdout)["economics"][0]["default"] > 5 * usual["economics"][0]["default"]
    shutil.copy(tmp_path / "round.toml", tmp_path / "kept.toml")
    edited(tmp_path / "round.toml", "prompt number 4", "prompt number four")
    without = trial(tmp_path, "analyze", "s.toml")
    assert "name it with `trial analyze --corpus`" in without.stderr
    assert "not tested: there is no routing table with prices" in without.stdout
    other = trial(tmp_path, "analyze", "s.toml", "--corpus", "round.toml")
    assert "is not the corpus of the trial" in failed(other, 2)
    found = trial(tmp_path, "analyze", "s.toml", "--corpus", "kept.toml", "--format", "json")
    assert json.loads(found.stdout)["economics"] == usual["economics"]
