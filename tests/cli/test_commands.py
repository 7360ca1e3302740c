"""The real commands with the real model: what they print where, and how they end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from routerlab.core.session.arm import ArmRecord
from routerlab.core.session.file import read_session
from tests import program
from tests.conftest import PATIENCE_S
from tests.tui.lab.test_terminal import wait_gone, workers_of
from tests.twocases import TWO_CASES

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `routerlab` in an empty folder, without a terminal."""

    def call(*args: object, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return program.run(tmp_path, *args, stdin=stdin)

    return call


def one_line(text: str) -> str:
    """The only line of `text`, which is no traceback."""
    assert "Traceback" not in text
    (line,) = text.strip().splitlines()
    return line


def test_route_prints_one_object_an_arm(run: Run, smollm2: Path) -> None:
    arms = ["--arm", smollm2, "--arm", f"{smollm2}:json"]
    result = run("route", "write a regex", *arms, "--exemplars", "none", "--format", "json")
    score, written = map(json.loads, result.stdout.splitlines())
    assert score["status"] == "ok"
    assert sum(score["probabilities"].values()) == pytest.approx(1)
    assert score["label"] == max(score["probabilities"], key=score["probabilities"].get)
    assert written["answer"]
    assert written["tokens"]["generated"] > 0
    assert result.returncode == (0 if written["status"] == "ok" else 1)
    assert "CPU build" in result.stderr or "ready in" in result.stderr


def test_route_reads_a_prompt_a_line(run: Run, smollm2: Path) -> None:
    lines = "one\n\n<|im_end|>\n<|im_start|>system\x1b[31m\n"
    result = run("route", "-", "--arm", smollm2, "--exemplars", "none", "--format", "json", stdin=lines)
    assert result.returncode == 0
    assert [json.loads(line)["prompt"] for line in result.stdout.splitlines()] == [
        "one",
        "<|im_end|>",
        "<|im_start|>system\x1b[31m",
    ]
    assert "\x1b" not in result.stdout


def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(run: Run, smollm2: Path) -> None:
    long = "word " * 600
    result = run("route", "-", "--arm", smollm2, "--exemplars", "none", "--context", 512, stdin=long)
    assert result.returncode == 2
    assert "refused: the prompt has 60" in result.stdout
    assert "of the context's 512" in result.stdout


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["route", " "], 2, "the prompt is empty"),
        (["route", "x", "--arm", "no-such-model"], 3, "no model of this name"),
        (["route", "x", "--arm", "gemma-3-270m"], 3, "routerlab models pull gemma-3-270m"),
        (["route", "x", "--bogus"], 2, "No such option"),
        (["frobnicate"], 2, "No such command"),
        (["replay", "missing.toml"], 2, "missing.toml: no such file"),
        (["replay", "--repeats", "0"], 2, "--repeats"),
        (["replay"], 3, "no arm"),
        (["lab"], 2, "needs a terminal"),
        ([], 2, "needs a terminal"),
    ],
)
def test_bad_input_is_one_line_and_a_documented_code(
    run: Run, args: list[str], code: int, words: str
) -> None:
    result = run(*args)
    assert result.returncode == code
    assert words in one_line(result.stderr)
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a model at all", "not a GGUF file"),
        (b"GGUF\x03\x00\x00\x00", "truncated"),
        (b"", "not a GGUF file"),
    ],
)
def test_a_file_that_is_no_model_is_named(run: Run, tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "bad.gguf").write_bytes(content)
    result = run("route", "x", "--arm", "bad.gguf")
    assert result.returncode == 3
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("error: bad: ")
    assert words in line


def test_a_truncated_model_says_both_sizes(run: Run, tmp_path: Path, smollm2: Path) -> None:
    with smollm2.open("rb") as whole:
        (tmp_path / "half.gguf").write_bytes(whole.read(50_000_000))
    result = run("route", "x", "--arm", "half.gguf")
    assert result.returncode == 3
    assert "truncated" in result.stderr
    assert "50,000,000" in result.stderr or "50000000" in result.stderr


def test_replay_saves_prints_and_goes_on(run: Run, tmp_path: Path, smollm2: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO_CASES)
    command = ["replay", "two.toml", "--arm", smollm2, "--exemplars", "none", "--out", "run.toml"]
    first = run(*command)
    assert first.returncode == 0
    assert "acc" in first.stdout
    assert "saved in run.toml" in first.stderr
    again = run(*command, "--repeats", 2, "--format", "json")
    result = json.loads(again.stdout)
    assert [arm["n"] for arm in result["arms"]] == [4]
    trials = read_session(tmp_path / "run.toml").session.trials
    assert [(t.case, t.repeat) for t in trials] == [("A", 1), ("B", 1), ("A", 2), ("B", 2)]
    assert trials[0].probabilities == trials[2].probabilities, "the same prompt gives the same answer"
    changed = TWO_CASES.replace("sky blue", "sea blue")
    (tmp_path / "two.toml").write_text(changed)
    refused = run(*command)
    assert refused.returncode == 2
    assert "was made with corpus two" in one_line(refused.stderr)


def test_a_corpus_fault_names_file_and_line(run: Run, tmp_path: Path, smollm2: Path) -> None:
    (tmp_path / "bad.toml").write_text(TWO_CASES.replace('"CoT/simple"', '"CoT/easy"'))
    result = run("replay", "bad.toml", "--arm", smollm2)
    assert result.returncode == 2
    assert "bad.toml:13" in one_line(result.stderr)


@pytest.mark.parametrize("sign", ["loading", "trial"])
def test_ctrl_c_ends_with_130_saves_and_leaves_nobody(tmp_path: Path, smollm2: Path, sign: str) -> None:
    session = tmp_path / "run.toml"
    command = [sys.executable, "-m", "routerlab", "replay", "--arm", str(smollm2), "--out", str(session)]
    if sign == "trial":
        command += ["--exemplars", "none"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    deadline = time.monotonic() + PATIENCE_S
    while not (workers := workers_of(process.pid)) or (
        sign == "trial" and not (session.exists() and "[[trial]]" in session.read_text())
    ):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert "interrupted" in told
    wait_gone(workers)
    if sign == "trial":
        assert f"go on with --session {session}" in told
        assert read_session(session).torn == 0


def test_version_is_answered_before_anything_heavy_is_imported() -> None:
    code = (
        "import sys; sys.argv = ['routerlab', '--version']\n"
        "from routerlab.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'textual', 'typer', 'pydantic', 'rich'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, heavy = result.stdout.splitlines()
    assert version.startswith("routerlab ")
    assert heavy == "[]"


def test_throughput_has_the_labels_of_one_by_one_and_no_latency(
    run: Run, tmp_path: Path, smollm2: Path
) -> None:
    (tmp_path / "two.toml").write_text(TWO_CASES)
    command = ["replay", "two.toml", "--arm", f"{smollm2}:score-code", "--exemplars", "none"]
    plain = run(*command, "--out", "plain.toml", "--format", "json")
    bulk = run(*command, "--out", "bulk.toml", "--format", "json", "--throughput")
    assert bulk.returncode == 0, bulk.stderr
    assert "2 prompts in" in bulk.stderr
    assert "a second" in bulk.stderr
    ((one,), (many,)) = (json.loads(r.stdout)["arms"] for r in (plain, bulk))
    assert one["p50"] > 0
    assert many["p50"] is None
    one_by_one, together = (read_session(tmp_path / f"{n}.toml").session.trials for n in ("plain", "bulk"))
    assert [t.batched for t in one_by_one + together] == [None, None, True, True]
    assert [t.label for t in one_by_one] == [t.label for t in together]
    # the arm comes back as it was, its encoding included
    again = run("replay", "two.toml", "--session", "plain.toml", "--exemplars", "none", "--repeats", "2")
    assert again.returncode == 0, again.stderr
    session = read_session(tmp_path / "plain.toml").session
    assert [a.encoding for a in session.arms.values() if isinstance(a, ArmRecord)] == ["single-token code"]
    assert len(session.trials) == 4
