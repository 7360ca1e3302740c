"""`routerlab tune` with the first layers of the real model and 24 cases: interrupted, resumed, and asked."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from routerlab import resources
from routerlab.engine.contract.head import PARTS, load_head
from routerlab.engine.contract.router import Router, load_router
from routerlab.tune.features import layers_of
from routerlab.tune.out_of_fold import load_oof
from tests.cli.tune.harness import (
    LABELS,
    N_LAYERS,
    PROMPTS,
    Bench,
    Runs,
    lines_of,
    pool_text,
    read_anew,
)


def test_ctrl_c_ends_with_130_and_says_that_it_can_go_on(runs: Runs) -> None:
    assert runs.interrupted.returncode == 130
    assert "what was read is kept" in runs.interrupted.stderr
    assert "Traceback" not in runs.interrupted.stderr
    assert not (runs.bench.folder / "one" / "r.toml").exists() or runs.resumed.returncode == 0
    assert not any("done" in line and "stage" not in line for line in lines_of(runs.interrupted.stdout))


def test_the_same_command_goes_on_where_it_stopped(runs: Runs) -> None:
    assert runs.resumed.returncode == 0, runs.resumed.stderr
    reached = max(line["done"] for line in read_anew(lines_of(runs.interrupted.stdout)))
    first = read_anew(lines_of(runs.resumed.stdout))[0]
    assert first["total"] == 24
    assert first["done"] > reached >= 2


def test_progress_is_one_object_a_line_and_the_last_has_the_result(runs: Runs) -> None:
    *steps, last = lines_of(runs.resumed.stdout)
    assert all(set(step) == {"stage", "done", "total"} for step in steps)
    assert all(0 < step["done"] <= step["total"] for step in steps)
    stages = {step["stage"] for step in steps}
    assert {"cross-validating", "learning curve", "timing the probe"} <= stages
    assert set(last) == {"done", "notes", "rows", "curve", "learned"}
    assert last["done"] == "one/r.toml"
    assert last["learned"] is None
    (row,) = last["rows"]
    assert (row["method"], row["n"], row["cross_validated"]) == ("probe", 24, True)
    assert 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1
    assert row["p50"] > 0
    assert [point["n"] for point in last["curve"]] == [10, 18]
    assert any("24 of 24 alike" in note for note in last["notes"])
    assert any(note.startswith("promise, with confidence 0.9: of the answers") for note in last["notes"])


def test_a_finished_tune_reads_nothing_again(runs: Runs) -> None:
    assert runs.again.returncode == 0, runs.again.stderr
    assert read_anew(lines_of(runs.again.stdout)) == []
    assert lines_of(runs.again.stdout)[-1]["rows"][0]["n"] == 24


def test_the_same_cases_give_the_same_head(runs: Runs) -> None:
    """Interrupted, from the cache, or all read anew: to the byte."""
    assert runs.words.returncode == 0, runs.words.stderr
    heads = [(runs.bench.folder / d / "r.npz").read_bytes() for d in ("one", "two", "three")]
    assert heads[0] == heads[1] == heads[2]
    routers = [load_router(runs.bench.folder / d / "r.toml") for d in ("one", "three")]
    first, other = [r for r in routers if isinstance(r, Router)]
    assert (first.head, first.window, first.model) == (other.head, other.window, other.model)


def test_a_router_says_where_it_comes_from(runs: Runs) -> None:
    path = runs.bench.folder / "one" / "r.toml"
    router = load_router(path)
    assert isinstance(router, Router)
    assert router.model.quantization == "Q4_0"
    assert (router.evidence.cases, router.evidence.seed, router.exemplar) == (24, 0, ())
    assert "--no-baselines" in router.evidence.command
    assert any("routing60 was not read" in s for s in router.evidence.seen)
    oof = load_oof(path.parent, router.evidence.answers, "r")
    assert len(oof.ids) == 24
    assert oof.familiarity is not None
    assert sorted(set(oof.familiarity)) == pytest.approx(np.arange(1, 25) / 24)
    promise = router.promise
    assert promise is not None
    kept = (oof.shares.max(axis=1) >= promise.probability) & (oof.familiarity >= promise.familiarity)
    assert promise.answered == pytest.approx(kept.mean(), abs=1e-4)
    assert promise.error == pytest.approx((oof.shares.argmax(axis=1) != oof.gold)[kept].mean(), abs=1e-4)
    assert promise.error < promise.max_error == 0.2
    assert np.isfinite(oof.times).all()
    assert sorted(p.name for p in path.parent.iterdir()) == ["r.npz", "r.oof.npz", "r.toml"]


def test_table_and_curve_are_printed(runs: Runs) -> None:
    out, err = runs.words.stdout, runs.words.stderr
    for heading in ("method", "log-loss", "ECE", "P95", "probe"):
        assert heading in out
    assert "accuracy on unseen cases, by labelled cases" in out
    assert "mean confidence" in out
    assert "wrote three/r.toml; ask it with --arm three/r.toml" in err
    assert "Traceback" not in err
    assert "\x1b" not in out + err


def test_faulty_cases_are_one_warning_and_the_router_is_made(runs: Runs) -> None:
    warnings = [line for line in runs.words.stderr.splitlines() if line.startswith("warning: ")]
    (warning,) = warnings
    assert "pool.toml: 2 cases left out, the first because of: case Z-1: unknown label 'poetry'" in warning


def test_the_router_answers_as_its_head_does(runs: Runs) -> None:
    """The features are in the cache's store: the saved head makes of them what the command says."""
    bench, prompt = runs.bench, PROMPTS["CoT/simple"][0]
    result = bench.run("a", "route", prompt, "--arm", "one/r.toml", "--format", "json")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    router = load_router(bench.folder / "one" / "r.toml")
    assert isinstance(router, Router)
    assert router.head is not None
    head = load_head(bench.folder / "one" / "r.npz", router.head.sha256)
    shares = head.probabilities(features_of(bench.folder / "a", prompt, router.head.layer))
    assert answer["label"] == LABELS[int(shares.argmax())]
    assert [answer["probabilities"][k] for k in LABELS] == pytest.approx(shares, abs=1e-4)
    assert answer["arm"] == "r:probe"


def features_of(cache: Path, prompt: str, layer: int) -> np.ndarray:
    """What tuning kept of a prompt: the layer's row."""
    layers = layers_of(N_LAYERS)
    (path,) = cache.rglob("answers.sqlite")
    key = hashlib.sha256(prompt.encode()).hexdigest()
    with closing(sqlite3.connect(path)) as store:
        rows = store.execute("SELECT features FROM answer WHERE prompt = ?", (key,)).fetchall()
    blob = next(r[0] for r in rows if len(r[0]) == len(layers) * PARTS * 576 * 4)
    found: np.ndarray = np.frombuffer(blob, "<f4").reshape(len(layers), -1)[layers.index(layer)]
    return found


@pytest.mark.parametrize(
    ("corpus", "words"),
    [
        (str(resources.ROUTING60), "is routing60, the held-out test"),
        ("missing.toml", "missing.toml: no such file"),
        ("broken.toml", "broken.toml:1: not valid TOML"),
        ("few.toml", "few.toml: nothing to learn"),
        ("empty.toml", "empty.toml"),
    ],
)
def test_a_bad_pool_is_one_line_and_exit_code_2(
    tmp_path: Path, smollm2: Path, corpus: str, words: str
) -> None:
    bench = Bench(tmp_path, smollm2)
    (tmp_path / "broken.toml").write_text("schema_version = \n")
    (tmp_path / "few.toml").write_text("\n[[case]]".join(pool_text().split("\n[[case]]")[:4]) + "\n")
    (tmp_path / "empty.toml").write_text('schema_version = 1\nname = "x"\ntaxonomy = "front-door"\n')
    result = bench.run("a", "tune", smollm2, "--corpus", corpus, "--out", "r.toml", "--exemplars", "none")
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert words in line
    assert result.stdout == ""
    assert not (tmp_path / "r.toml").exists()


def test_a_layer_that_cannot_be_read_is_one_line_and_exit_code_2(tmp_path: Path, smollm2: Path) -> None:
    bench = Bench(tmp_path, smollm2)
    asked = ("tune", smollm2, "--corpus", "pool.toml", "--exemplars", "none", "--out", "r.toml")
    result = bench.run("a", *asked, "--layer", "29")
    assert result.returncode == 2
    said = result.stderr.strip().splitlines()[-1]
    assert said.startswith("error: --layer 29: of ")
    assert said.endswith(" 0 to 28 can be read")
    assert not (tmp_path / "r.toml").exists()


def test_a_model_that_is_not_here_is_one_line_and_exit_code_3(tmp_path: Path, smollm2: Path) -> None:
    bench = Bench(tmp_path, smollm2)
    result = bench.run("a", "tune", "no-such-model", "--corpus", "pool.toml")
    assert result.returncode == 3
    assert "no model of this name" in result.stderr.strip().splitlines()[-1]
    assert "Traceback" not in result.stderr
