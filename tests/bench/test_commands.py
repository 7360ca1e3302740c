"""The commands, with the real model and real children."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from routerlab.resources import ROUTERS
from tests.bench.harness import bench, command, raw
from tests.bench.peers import fakes
from tests.conftest import PATIENCE_S, REPO
from tests.engine import tiny
from tests.twocases import TWO_CASES

EXAMPLE = REPO / "sessions" / "example.toml"
QUICK = ("--exemplars", "none", "--threads", 2)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return tiny.build(tmp_path / "tiny.gguf", "llama", tiny.TEMPLATES["chatml"])


SHOT = """schema_version = 1
name = "shot"
taxonomy = "front-door"
[[case]]
id = "one"
prompt = "sum of a list"
label = "code/simple"
"""
BRIEF = TWO_CASES.replace("write a regex for ISO dates", "a regex").replace(
    "why is the sky blue?", "Is 91 prime?"
)
"""What SmolLM2 has little to say about: its chat goes on and on about the sky."""


def test_engine_compares_every_way_and_keeps_every_time(tmp_path: Path, routed_smollm2: Path) -> None:
    (tmp_path / "models").symlink_to(routed_smollm2.parent)
    (tmp_path / "shot.toml").write_text(SHOT)
    (tmp_path / "brief.toml").write_text(BRIEF)
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "uvicorn.py").write_text("raise ModuleNotFoundError(\"No module named 'uvicorn'\")")
    (shadow / "sentence_transformers.py").write_text("raise OSError('no hub\\nhere')")
    (shadow / "torch.py").touch()
    fakes.write_litellm(shadow)
    arms = (
        "--arm",
        f"{routed_smollm2}:score",
        "--arm",
        ROUTERS / "smollm2-135m.toml",
        "--corpus",
        "brief.toml",
        "--exemplars",
        "shot.toml",
    )
    ended = bench(
        tmp_path, "engine", *arms, "--threads", 2, "--profile", "--out", "e.json",
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(shadow), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "skipped server: " in ended.stderr
    assert "No module named 'uvicorn'" in ended.stderr
    for kind in ("encoder", "neighbours"):
        assert f"skipped {kind}: peer {kind}: OSError: no hub here\n" in ended.stderr
    assert "SIMPLE as CoT/simple" in " ".join(ended.stdout.split())
    assert "raw data: e.json" in ended.stderr
    for words in ("score, bare", "score, zero-shot", "fastest peer", "llama_decode", "JSON and pipe"):
        assert words in ended.stdout
    data = raw(tmp_path / "e.json")
    assert data["benchmark"] == "engine"
    (run,) = data["runs"]
    ways = [w["name"] for w in run["ways"]]
    assert ways == [
        "score",
        "score, bare",
        "score, zero-shot",
        "probe",
        "probe, bare",
        "chat",
        "grammar",
        "schema",
        "heuristics",
    ]
    assert all(w["start_s"] > 0 and w["resident"] > 2**24 for w in run["ways"] if w["kind"] != "bare")
    assert all(w["start_s"] is None and w["resident"] is None for w in run["ways"] if w["kind"] == "bare")
    assert sorted((s["way"], s["case"]) for s in run["samples"]) == sorted((w, c) for w in ways for c in "AB")
    by_way = {way: [s for s in run["samples"] if s["way"] == way] for way in ways}
    orders = [[s["way"] for s in run["samples"] if s["case"] == case] for case in "AB"]
    assert orders[0] != orders[1]
    assert orders[0] != ways
    assert all(0 < s["steps"]["decode"] < s["worker_ms"] < s["ms"] for s in by_way["score"] + by_way["probe"])
    # The bare decode is of the same tokens; the probe's goes through all layers instead of some.
    assert [s["evaluated"] for s in by_way["score"]] == [s["evaluated"] for s in by_way["score, bare"]]
    assert [s["evaluated"] for s in by_way["probe"]] == [s["evaluated"] for s in by_way["probe, bare"]]
    assert all(s["label"] for way in ("score", "probe", "grammar", "schema") for s in by_way[way])
    assert {s["case"]: s["label"] for s in by_way["heuristics"]} == {"A": "code/simple", "B": "CoT/simple"}


def test_engine_prints_json_for_programs(tmp_path: Path, small: Path) -> None:
    ended = bench(tmp_path, "engine", "--arm", f"{small}:score", "--corpus", "two.toml", *QUICK, "--no-peers",
                  "--repeats", 2, "--format", "json")  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    (model,) = found["models"]
    assert [w["way"] for w in model["ways"]] == ["score", "score, bare"]
    assert [w["n"] for w in model["ways"]] == [4, 4]
    assert model["over_bare"][0]["besides_ms"] > 0
    assert len(raw(tmp_path / found["data"])["runs"][0]["samples"]) == 8


def test_ctrl_c_ends_with_130_keeps_the_data_and_leaves_nobody(tmp_path: Path, small: Path) -> None:
    (tmp_path / "two.toml").write_text("")
    args = ("engine", "--arm", f"{small}:score", "--exemplars", "none", "--context", 1100, "--threads", 1,
            "--repeats", 10_000, "--out", "e.json")  # fmt: skip
    process = subprocess.Popen(
        command(*args), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + PATIENCE_S
    while not (tmp_path / "e.json").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 6  # a worker, four peers, and the server of one of them
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "raw data: e.json" in told
    assert told.strip().endswith("interrupted")
    assert "Traceback" not in told
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert not alive
    assert raw(tmp_path / "e.json")["runs"][0]["samples"]


def test_length_measures_whole_and_windowed_prompts(tmp_path: Path, smollm2: Path) -> None:
    ended = bench(
        tmp_path, "length", "--arm", smollm2, "--longest", 32, "--window", 16, "--repeats", 1, *QUICK,
        "--out", "l.json",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "window of 16" in ended.stdout
    assert "ms by tokens of the prompt" in ended.stdout
    (run,) = raw(tmp_path / "l.json")["runs"]
    evaluated = {(s["tokens"], s["window"]): s["evaluated"] for s in run["samples"]}
    assert evaluated[32, 0] - evaluated[16, 0] == 16  # every word is one token
    assert evaluated[32, 16] == evaluated[16, 16] == evaluated[16, 0]
    assert run["info"]["n_ctx"] == 8192


def test_length_shows_a_prompt_beyond_the_context_as_refused(tmp_path: Path, small: Path) -> None:
    ended = bench(
        tmp_path, "length", "--arm", small, "--window", 16, "--repeats", 1, *QUICK, "--format", "json"
    )
    assert ended.returncode == 0, ended.stderr
    rows = json.loads(ended.stdout)["arms"]["tiny"]
    assert [r["tokens"] for r in rows] == [16, 32, 64, 128, 256, 512, 1024, 2048, 4000]
    assert rows[0]["whole"] is not None
    assert rows[-1]["whole"] is None
    assert all(r["windowed"] is not None for r in rows)


def test_memory_looks_before_after_and_in_between(tmp_path: Path, pulled_smollm2: Path) -> None:
    ended = bench(
        tmp_path,
        "memory",
        "--arm",
        pulled_smollm2,
        "--predictions",
        3,
        "--every",
        2,
        *QUICK,
        "--out",
        "m.json",
    )
    assert ended.returncode == 0, ended.stderr
    assert "smollm2-135m" in ended.stdout
    (run,) = raw(tmp_path / "m.json")["runs"]
    assert [s["predictions"] for s in run["samples"]] == [0, 2, 3]
    loaded = run["samples"][0]
    assert loaded["resident"] - run["before"]["resident"] > 50 * 2**20
    assert loaded["own"] is None or loaded["own"] < loaded["resident"]


def test_memory_fits_a_line_and_gives_no_verdict_too_early(tmp_path: Path, small: Path) -> None:
    args = ("--predictions", 60, "--every", 5, "--corpus", "two.toml", "--format", "json")
    ended = bench(tmp_path, "memory", "--arm", small, *args, *QUICK)
    assert ended.returncode == 0, ended.stderr
    verdict = json.loads(ended.stdout)["arms"]["tiny"]
    assert isinstance(verdict["bytes_per_1000"], float)
    assert verdict["flat"] is None


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["engine"], 2, "no arm: name one with --arm"),
        (["length"], 2, "no arm: name one with --arm"),
        (["memory"], 2, "no arm: name one with --arm"),
        (["engine", "--arm", "no-such-model"], 3, "no model of this name"),
        (["engine", "--arm", "tiny.gguf", "--encoder", "./none"], 3, "./none: no such folder"),
        (["engine", "--arm", "tiny.gguf", "--out", "nowhere/e.json"], 2, "nowhere/e.json: cannot be written"),
        (["frob"], 2, "No such command"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, small: Path, args: list[str], code: int, words: str) -> None:
    ended = bench(tmp_path, *args)
    assert ended.returncode == code
    (line,) = ended.stderr.strip().splitlines()
    assert words in line
    assert ended.stdout == ""


def test_capacity_reckons_with_the_times_of_a_session_and_says_what_it_cannot(tmp_path: Path) -> None:
    shown = bench(
        tmp_path,
        *("capacity", "--session", EXAMPLE, "--arm", "smollm2-135m", "--rate", 50, "--price", 1),
        *("--format", "json"),
    )
    assert shown.returncode == 0, shown.stderr
    (row,) = json.loads(shown.stdout)["arms"]["smollm2-135m"]
    assert row["machines"] >= 50 * row["mean_ms"] / 1000 / 0.8
    assert row["month"] == 730 * row["machines"]
    table = bench(tmp_path, "capacity", "--arm", "minilm:probe", "--limit", 1)
    assert "none" in table.stdout
    for words, says in (
        ((), "no arm"),
        (("--arm", "qwen2.5-coder-cascade:cascade"), "a cascade's file has no times"),
        (("--session", EXAMPLE, "--arm", "nobody"), "nobody: no request was timed alone"),
    ):
        found = bench(tmp_path, "capacity", *words)
        assert (found.returncode, len(found.stderr.splitlines())) == (2, 1)
        assert says in found.stderr
