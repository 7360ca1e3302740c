"""`routerlab bench PLAN.toml`: what it asks and writes down, how it stops, and how it goes on."""

import json
import os
import shutil
import signal
import time
from itertools import product
from pathlib import Path

import pytest

from routerlab.core.files.toml import load_toml
from routerlab.core.session.run import Mark
from routerlab.study.benchmark.plan import Plan, plan_of, questions
from tests import program
from tests.conftest import PATIENCE_S
from tests.forked import workers
from tests.study.benchmark.harness import (
    QUICK,
    begun,
    bench,
    count,
    folder_of_models,
    gone,
    interrupt,
    keys,
    reasons,
    result,
    until,
    worker_of,
)
from tests.tui.lab.test_terminal import wait_gone, workers_of

PLAN = """schema_version = 1
name = "small"
corpus = "two.toml"
exemplars = "none"
repeats = 3
warmups = 1
seed = 5

[engine]
threads = 1
context = 1100

[drift]
every = 10

[[arm]]
ask = "one.gguf"

[[arm]]
ask = "two.gguf:json"
name = "two"

[[arm]]
ask = "baseline:agreement:one.gguf,two.gguf"
name = "agree"

[[arm]]
ask = "baseline:majority"

[[arm]]
ask = "control"

[cost]
date = 2026-11-24
[[cost.machine]]
arms = ["one", "two", "agree", "majority", "control"]
per_hour = 0.10
"""
ARMS = ["one", "two", "agree", "majority", "control"]
REPEATS = 40
TWO_ARMS = ("--arm", "one.gguf", "--arm", "two.gguf")
MANY = (*TWO_ARMS, *QUICK, "--repeats", REPEATS, "--out", "r.toml")
"""160 answers: a killer has time to strike."""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return folder_of_models(tmp_path)


def test_a_plan_is_carried_out_and_everything_is_written_down(here: Path) -> None:
    (here / "plan.toml").write_text(PLAN)
    (here / "sessions").mkdir()
    ended = bench(here, "plan.toml")
    assert ended.returncode == 0, ended.stderr
    assert all(name in ended.stdout for name in ARMS)
    assert "result: sessions/bench-small.toml" in ended.stderr
    session = result(here / "sessions" / "bench-small.toml")
    plan = load_toml(here / "plan.toml", Plan)
    assert keys(session) == questions(plan, ["A", "B"], ARMS), "all of it, once, in the plan's order"
    assert plan_of(session) == plan
    assert not any(trial.contended for trial in session.trials)

    header, (run,) = session.header, session.runs
    assert (header.title, header.seed, header.repeats, header.schedule) == ("small", 5, 3, "exclusive")
    assert (run.sha256, run.percentile, run.command) == (plan.sha256, "study", "routerlab bench plan.toml")
    assert set(run.versions) == {"routerlab", "python", "llama.cpp", "numpy"}
    assert list(session.arms) == ARMS
    assert [arm.load_ms >= 0 for arm in session.arms.values()] == [True] * 5

    marks: dict[str, list[Mark]] = {}
    for mark in session.marks:
        marks.setdefault(mark.kind, []).append(mark)
    assert [m.arm for m in marks["warmup"]] == ARMS
    assert [m.arm for m in marks["reference"]] == ["one"] * 4  # every ten of thirty, and at the end
    assert all(m.took_ms and m.status == "ok" for m in marks["reference"])
    assert [(m.arm, m.reason) for m in marks["memory"]] == [
        (arm, when) for when in ("loaded", "end") for arm in ("one", "two", "agree")
    ]
    assert all(m.memory and m.memory["resident"] > 10 << 20 for m in marks["memory"])
    assert marks.keys() <= {"warmup", "reference", "memory", "deviation"}  # a busy machine may drift

    again = bench(here, "plan.toml", "--format", "json")
    assert again.returncode == 0, again.stderr
    assert "all 30 answers are there" in again.stderr
    assert "loading" not in again.stderr
    found = json.loads(again.stdout)
    assert sorted(arm["arm"] for arm in found["arms"]) == sorted(ARMS)
    by_name = {arm["arm"]: arm for arm in found["arms"]}
    assert by_name["control"]["accuracy"] is None
    assert by_name["one"]["cost"]["per_1000"] > 0
    assert by_name["one"]["accuracy"]["trials"] == 6
    assert len(result(here / "sessions" / "bench-small.toml").runs) == 1


def test_killed_it_goes_on_without_a_lost_or_repeated_answer(here: Path) -> None:
    out = here / "r.toml"
    for least in (5, 40):  # killed twice
        process = begun(here, *MANY)
        until(lambda least=least: count(out) >= least, process)  # type: ignore[misc]
        left_behind = workers(process.pid)
        assert len(left_behind) == 2
        process.kill()
        process.communicate()
        assert gone(left_behind)
    with out.open("ab") as file:
        file.write(b'\n[[trial]]\nid = "t0')  # as a kill in the middle of a record leaves it
    ended = bench(here, *MANY)
    assert ended.returncode == 0, ended.stderr
    assert "going on: " in ended.stderr
    assert "unfinished last record" in ended.stderr
    session = result(out)
    assert sorted(keys(session)) == sorted(product("AB", ("one", "two"), range(1, REPEATS + 1)))
    assert len({trial.id for trial in session.trials}) == len(session.trials)
    assert len(session.runs) == 3
    assert len(session.arms) == 2
    assert len({run.sha256 for run in session.runs}) == 1


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(here: Path) -> None:
    out = here / "r.toml"
    process = begun(here, *MANY)
    until(lambda: count(out) >= 5, process)
    left_behind = workers(process.pid)
    told = interrupt(process)
    assert "answers are missing in r.toml; the same command goes on" in told
    assert told.strip().endswith("interrupted")
    assert gone(left_behind)
    before = keys(result(out))
    assert bench(here, *MANY).returncode == 0
    session = result(out)
    assert keys(session)[: len(before)] == before
    assert sorted(keys(session)) == sorted(product("AB", ("one", "two"), range(1, REPEATS + 1)))


def test_ctrl_c_while_loading_leaves_no_result_and_nobody(here: Path) -> None:
    process = program.started(here, "bench", *MANY)  # as users do, workers too
    until(lambda: bool(workers_of(process.pid)), process)
    left_behind = workers_of(process.pid)
    interrupt(process)
    wait_gone(left_behind)
    assert not (here / "r.toml").exists()


def test_what_changed_since_is_refused_before_anything_is_asked(here: Path) -> None:
    options = (*TWO_ARMS, *QUICK, "--out", "r.toml")
    assert bench(here, *options).returncode == 0
    before = (here / "r.toml").read_bytes()

    def refused(words: str, *args: object) -> None:
        ended = bench(here, *args)
        assert ended.returncode == 2, ended.stderr
        assert words in ended.stderr.splitlines()[-1]
        assert "Traceback" not in ended.stderr
        assert ended.stdout == ""
        assert (here / "r.toml").read_bytes() == before

    refused("another plan (another repeats)", *options, "--repeats", 2)
    corpus = (here / "two.toml").read_text()
    (here / "two.toml").write_text(corpus.replace("sky", "sea"))
    refused("was made with corpus two", *options)
    (here / "two.toml").write_text(corpus)
    (here / "r.toml").write_bytes(before[: before.index(b"[[trial]]")])  # something is left to ask
    before = (here / "r.toml").read_bytes()
    shutil.copy(here / "two.gguf", here / "one.gguf")
    refused("one: is not the arm that r.toml has answers of (now another model_sha256)", *options)
    ended = bench(here, *options, "--new")
    assert ended.returncode == 0, ended.stderr
    assert "result: r-2.toml" in ended.stderr
    assert (here / "r.toml").read_bytes() == before
    (here / "r.toml").write_bytes(before.replace(b'machine = "', b'machine = "Not '))
    before = (here / "r.toml").read_bytes()
    refused("was begun on another machine", *options)


def test_an_arm_that_dies_for_good_is_told_and_the_others_go_on(here: Path) -> None:
    out = here / "r.toml"
    process = begun(here, *MANY)
    until(lambda: count(out) >= 5, process)
    victim = worker_of(process.pid, here / "two.gguf")
    shutil.move(here / "two.gguf", here / "away.gguf")  # it cannot be loaded again
    os.kill(victim.pid, signal.SIGKILL)
    stdout, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3, told
    assert "given up: two (" in told.splitlines()[-1]
    assert "the same command asks the rest" in told
    assert "two" in stdout, "what there is was analysed"
    session = result(out)
    (given_up,) = [line for line in reasons(session) if "asked no more" in line]
    assert given_up.startswith("two: ")
    assert sorted(key for key in keys(session) if key[1] == "one") == sorted(
        product("AB", ["one"], range(1, REPEATS + 1))
    )
    crashed = [trial for trial in session.trials if trial.status == "crashed"]
    assert {trial.arm for trial in crashed} <= {"two"}
    assert len([line for line in reasons(session) if "crashed at case" in line]) == len(crashed)
    shutil.move(here / "away.gguf", here / "two.gguf")
    assert bench(here, *MANY).returncode == 0
    assert sorted(keys(result(out))) == sorted(product("AB", ("one", "two"), range(1, REPEATS + 1)))


def test_an_arm_that_crashes_once_is_started_again_and_that_is_written_down(here: Path) -> None:
    out = here / "r.toml"
    process = begun(here, *MANY)
    until(lambda: count(out) >= 5, process)
    victim = worker_of(process.pid, here / "two.gguf")
    victim.suspend()

    def waits() -> bool:
        """Whether the run waits for the victim's answer: another takes some milliseconds."""
        before = count(out)
        time.sleep(1.0)
        return count(out) == before

    until(waits, process)
    victim.kill()
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, told
    session = result(out)
    assert len(keys(session)) == 4 * REPEATS
    (crashed,) = [trial for trial in session.trials if trial.status == "crashed"]
    assert crashed.arm == "two"
    (line,) = [line for line in reasons(session) if "crashed" in line]
    assert line == f"two: crashed at case {crashed.case}: the worker was killed (signal 9)"
    assert f"deviation: {line}" in told


def test_a_corpus_or_model_that_changes_meanwhile_is_a_deviation(here: Path) -> None:
    out = here / "r.toml"
    process = begun(here, *MANY)
    until(lambda: count(out) >= 5, process)
    corpus = here / "two.toml"
    corpus.write_text(corpus.read_text().replace("sky", "sea"))
    shutil.copy(here / "one.gguf", here / "copy.gguf")
    (here / "copy.gguf").replace(here / "two.gguf")
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, told
    found = "\n".join(reasons(result(out)))
    assert "two.toml was changed during the run (58f51c9c8581, now " in found
    assert "two.gguf was changed during the run" in found
    assert "one.gguf was changed" not in found


def test_an_arm_that_cannot_be_loaded_ends_it_before_anything_is_written(here: Path) -> None:
    ended = bench(here, "--arm", "control", "--arm", "one.gguf", *QUICK, "--context", 256, "--out", "r.toml")
    assert ended.returncode == 3, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("error: one: ")
    assert not (here / "r.toml").exists()


def test_leaks_are_told_and_written_down(here: Path) -> None:
    ended = bench(here, "--arm", "baseline:majority:two.toml", *QUICK, "--out", "r.toml")
    assert ended.returncode == 0, ended.stderr
    line = "majority: counts the labels of two, which it is tested with"
    assert f"leak: {line}" in ended.stderr
    assert reasons(result(here / "r.toml"), "leak") == [f": {line}"]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["run"], 2, "no plan and no arm: name one"),
        (["missing.toml"], 2, "missing.toml: no such file"),
        (["plan.toml", "--repeats", "2", "--arm", "control"], 2, "plan.toml says all that is planned"),
        (["--arm", "no-such-model"], 3, "no model of this name"),
        (["--arm", "control", "--require", "accuracy=1"], 2, "gates: not a gate: 'accuracy=1'"),
        (["--arm", "control", "--repeats", "0"], 2, "--repeats"),
        (["--arm", "control", "--corpus", "one.gguf"], 2, "one.gguf:2: not UTF-8 text"),
        (["--arm", "control", "--out", "one.gguf"], 2, "one.gguf: not a session"),
        (["--arm", "broken.gguf"], 2, "broken: its provenance cannot be told"),
        (["frob"], 2, "No such command"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(here: Path, args: list[str], code: int, words: str) -> None:
    (here / "plan.toml").write_text(PLAN)
    (here / "broken.gguf").write_bytes(b"GGUF")
    ended = bench(here, *args)
    assert ended.returncode == code, ended.stderr
    (line,) = ended.stderr.strip().splitlines()
    assert words in line
    assert ended.stdout == ""


def test_help_leads_to_the_plan_and_the_other_benchmarks(here: Path) -> None:
    group = bench(here, "--help")
    assert group.returncode == 0
    assert "routerlab bench PLAN.toml" in group.stdout
    assert all(name in group.stdout for name in ("run", "engine", "length", "memory", "throughput"))
    assert "--require" in bench(here, "run", "--help").stdout
