"""The other ways to tune, with the first layers of the real model: cascade, learn, taxonomy, scores."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from routerlab import resources
from routerlab.core.corpus import load_corpus
from routerlab.core.prediction import Trial
from routerlab.core.session.file import SessionFile
from routerlab.core.session.session import Annotation
from routerlab.core.statistics.quantiles import percentile
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.contract.encoding import DESCRIBED
from routerlab.engine.contract.router import Cascade, Router, load_router
from routerlab.engine.lab.materials import Materials, new_header
from routerlab.settings import Settings
from routerlab.tune.out_of_fold import load_oof
from routerlab.tune.scores.run import best
from routerlab.tune.write import save_toml
from tests.cli.tune.harness import LABELS, Bench, Ended
from tests.engine.tuned import deep_model

pytestmark = pytest.mark.whole  # models are tuned

TAUGHT = {"name three rivers": "CoT/simple", "an alias for git status": "code/simple"}


def run(bench: Bench, *args: object) -> Ended:
    done = bench.run("a", *args)
    assert done.returncode == 0, done.stderr
    return done


def routed(bench: Bench, arm: str) -> str:
    answer = json.loads(run(bench, "route", "regex for a postcode", "--arm", arm, "--format", "json").stdout)
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert (answer["familiarity"] is None) == ("scores" in arm)
    return str(answer["label"])


def test_a_cascade_is_an_arm(bench: Bench) -> None:
    folder = bench.folder / "three"
    folder.mkdir()
    names = ("small", "middle", "large")
    for name in names:
        text = (bench.folder / "r.toml").read_text()
        (folder / f"{name}.toml").write_text(text.replace('name = "r"', f'name = "{name}"'))
    for numbers in ("r.npz", "r.oof.npz"):
        shutil.copy(bench.folder / numbers, folder / numbers)
    files = [f"three/{name}.toml" for name in names]
    done = run(bench, "tune", "cascade", *files, "--share", "1", "--out", "three/c.toml")
    assert "chosen, cross-validated: thresholds 0.00 0.00" in done.stdout
    made = load_router(folder / "c.toml")
    assert isinstance(made, Cascade)
    assert [m.file for m in made.member] == [f"{name}.toml" for name in names]
    text = (folder / "c.toml").read_text()
    (folder / "c.toml").write_text(text.replace("    0.0,\n", "    1.0,\n"))
    answer = run(bench, "route", "regex for a postcode", "--arm", "three/c.toml", "--format", "json").stdout
    assert json.loads(answer)["member"] == "large:probe"
    assert json.loads(answer)["label"] == routed(bench, "r.toml")  # all members say the same


def test_times_are_written_anew_and_nothing_else_changes(bench: Bench) -> None:
    folder = bench.folder / "timed"
    folder.mkdir()
    for name in ("r.toml", "r.npz", "r.oof.npz"):
        shutil.copy(bench.folder / name, folder / name)
    measured = tuned(folder / "r.toml")
    other = measured.evidence.row[0].model_copy(update={"method": "json", "p50": 1.0, "p95": 2.0})
    rows = (other, *measured.evidence.row)  # as tuning writes them with baselines
    evidence = measured.evidence.model_copy(update={"row": rows})
    before = measured.model_copy(update={"evidence": evidence})
    save_toml(folder / "r.toml", before)
    old = load_oof(folder, before.evidence.answers, "r")
    for _ in range(2):  # a second time takes the place of the first
        done = run(bench, "tune", "time", "timed/r.toml", "--corpus", "pool.toml")
    after = tuned(folder / "r.toml")
    first, row = after.evidence.row
    assert first == other
    assert f"timed/r.toml: P50 {row.p50:.0f} ms, P95 {row.p95:.0f} ms" in done.stderr
    assert [s.startswith("Timed again") for s in after.evidence.seen].count(True) == 1
    new = load_oof(folder, after.evidence.answers, "r")
    took = new.times[np.isfinite(new.times)]
    assert percentile(took.tolist(), 0.5) == pytest.approx(row.p50, abs=0.1)
    assert not np.array_equal(new.times, old.times, equal_nan=True)
    assert new.ids == old.ids
    assert np.array_equal(new.shares, old.shares)
    same = {"evidence": None}
    assert after.model_copy(update=same) == before.model_copy(update=same)
    untimed = {"p50": None, "p95": None}
    assert row.model_copy(update=untimed) == measured.evidence.row[0].model_copy(update=untimed)


def test_only_cases_that_a_router_was_tuned_with_are_timed(bench: Bench) -> None:
    done = bench.run("a", "tune", "time", "r.toml", "--corpus", str(resources.POOL))
    assert done.returncode == 2
    assert done.stderr.endswith("has no case that all of these routers were tuned with\n")


def tuned(path: Path) -> Router:
    found = load_router(path)
    assert isinstance(found, Router)
    return found


def test_routers_that_do_not_lie_together_make_no_cascade(bench: Bench) -> None:
    done = bench.run("a", "tune", "cascade", "r.toml", "elsewhere/r.toml")
    assert done.returncode == 2
    assert "lie in one folder" in done.stderr
    assert done.stderr.count("\n") == 1


def session(path: Path) -> None:
    """A session in which two typed prompts and one of the held-out test were labelled."""
    taxonomy = load_taxonomy(resources.TAXONOMY)
    header = new_header(Materials(taxonomy, resources.TAXONOMY, None, None), Settings(), 1)
    file, now = SessionFile.create(path, header), datetime.now(UTC)
    tested = load_corpus(resources.ROUTING60, taxonomy).case[0]
    prompts = {**TAUGHT, tested.prompt: tested.label}
    for i, (prompt, label) in enumerate(prompts.items(), 1):
        name = f"t{i:06d}"
        file.append(Trial(id=name, at=now, arm="x", status="ok", label=label, prompt=prompt, contended=False))
        file.append(Annotation(id=f"a{i:06d}", at=now, trial=name, label=label, annotator="ada"))
    file.close()


def test_a_router_learns_from_annotations_but_not_from_the_held_out(bench: Bench) -> None:
    session(bench.folder / "s.toml")
    arguments = ("learn", "r.toml", "--session", "s.toml", "--corpus", "pool.toml", "--out", "learned.toml")
    done = run(bench, "tune", *arguments, "--progress", "json")
    assert "1 annotation left out: in routing60, the held-out test" in done.stderr
    learned = json.loads(done.stdout.splitlines()[-1])["learned"]
    assert learned["added"] == 2
    assert 0 <= learned["before"] <= 1
    assert 0 <= learned["after"] <= 1
    old, new = load_router(bench.folder / "r.toml"), load_router(bench.folder / "learned.toml")
    assert isinstance(old, Router)
    assert isinstance(new, Router)
    assert new.evidence.cases == old.evidence.cases + 2
    assert new.head != old.head
    assert routed(bench, "learned.toml") in LABELS

    done = bench.run("a", "tune", *arguments[:-1], "r.toml")
    assert done.returncode == 2
    assert (
        done.stderr
        == "error: r.toml: is the router to go on from, which stays as it is; choose another name\n"
    )
    pool = (bench.folder / "pool.toml").read_text()
    (bench.folder / "other.toml").write_text(pool.replace('name = "', 'name = "other-', 1))
    others = ("learn", "learned.toml", "--session", "s.toml", "--corpus", "other.toml", "--out", "more.toml")
    told = run(bench, "tune", *others).stderr
    assert "learned had learnt from annotations before: name their sessions again, too" in told
    told = run(bench, "tune", "learn", "r.toml", *others[2:]).stderr
    assert f"{old.evidence.corpus}: r was fitted to that, too; name it with --corpus" in told


@pytest.fixture
def tiny_bench(tmp_path: Path) -> Bench:
    """A folder with a model that answers at once, for what asks every prompt again and again."""
    models = tmp_path / "models"
    models.mkdir()
    return Bench(tmp_path / "bench", deep_model(models / "deep.gguf"))


def test_other_labels_are_tried_and_can_be_written(tiny_bench: Bench) -> None:
    arguments = ("--corpus", "pool.toml", "--exemplars", "none", "--no-rerun", "--write", "merged.toml")
    done = run(tiny_bench, "tune", "taxonomy", tiny_bench.model, *arguments)
    assert "as they are" in done.stdout
    assert done.stdout.count(" in two") == 2 * len(LABELS)
    assert len(load_taxonomy(tiny_bench.folder / "merged.toml").labels) == len(LABELS) - 1


def test_scores_are_calibrated(tiny_bench: Bench) -> None:
    text = 'schema_version = 1\nname = "shots"\ntaxonomy = "front-door"\n'
    for label in LABELS:
        text += f'\n[[case]]\nid = "{label}"\nprompt = "an example of {label}"\nlabel = "{label}"\n'
    (tiny_bench.folder / "shots.toml").write_text(text)
    arguments = ("--corpus", "pool.toml", "--exemplars", "shots.toml", "--out", "scores.toml")
    done = run(tiny_bench, "tune", "scores", tiny_bench.model, *arguments)
    assert "calibrated" in done.stdout
    made = load_router(tiny_bench.folder / "scores.toml")
    assert isinstance(made, Router)
    assert made.calibration is not None
    assert set(made.calibration.bias) == set(LABELS)
    for words in DESCRIBED.values():  # every encoding was measured, and the best was taken
        assert [r.method for r in made.evidence.row if words in r.method]
    calibrated = {e: r for e, w in DESCRIBED.items() for r in made.evidence.row if f"({w}), cal" in r.method}
    assert made.encoding == best(calibrated)
    assert routed(tiny_bench, "scores.toml") in LABELS
