"""Several corpora to fit to: one set of cases, pinned and counted apart; overlays' test cases are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routerlab.annotate.corpus.file import write_overlay
from routerlab.annotate.corpus.overlay import overlay_of
from routerlab.core.corpus import Corpus
from routerlab.core.errors import LabError
from routerlab.engine.contract.router import CorpusPin, Router, load_router
from routerlab.tune import cases as under_test
from routerlab.tune.cases import load_training, overlay_tests, refuse_held_out, subset
from routerlab.tune.learn import annotated
from routerlab.tune.out_of_fold import load_oof
from routerlab.tune.rows import by_corpus
from routerlab.tune.run import tune
from tests.engine import encoders
from tests.engine.asking import TWO
from tests.engine.tuned import CORPUS, plan_for
from tests.tune.harness import case, pool, taxonomy, written
from tests.tune.test_annotated import about, session, typed

POOL = pool("abc" * 4, name="pool")
DEV = pool([], name="dev", case=tuple(case(i, label, source="real") for i, label in enumerate("abc" * 2, 50)))


def files(folder: Path, *corpora: Corpus) -> list[Path]:
    return [written(folder / f"{c.name}.toml", c) for c in corpora]


# --- one set of cases ------------------------------------------------------------------------------------


def test_cases_of_all_are_one_set(tmp_path: Path) -> None:
    found = load_training(files(tmp_path, POOL, DEV), taxonomy())
    assert found.cases == (*POOL.case, *DEV.case)
    assert found.corpora == (POOL, DEV)
    assert found.corpus.name == "pool + dev"
    assert found.corpus.sha256 not in (POOL.sha256, DEV.sha256)
    assert [(c.name, rows.tolist()) for c, rows in found.by_corpus] == [
        ("pool", list(range(12))),
        ("dev", list(range(12, 18))),
    ]
    assert [rows.tolist() for _, rows in subset(found, [3, 12, 4]).by_corpus] == [[0, 2], [1]]


def test_one_alone_is_itself(tmp_path: Path) -> None:
    found = load_training(files(tmp_path, POOL), taxonomy())
    assert (found.corpus, found.corpora, found.by_corpus) == (POOL, (), [])


def test_an_id_in_two_files_is_refused_with_both(tmp_path: Path) -> None:
    other = pool([], name="dev", case=(*DEV.case, case(7, "a", prompt="of its own")))
    paths = files(tmp_path, POOL, other)
    with pytest.raises(LabError) as e:
        load_training(paths, taxonomy())
    assert str(e.value).startswith(f"{paths[1]}: case c7 is in {paths[0]} too")


def test_a_prompt_in_two_files_counts_once_and_is_told(tmp_path: Path) -> None:
    again = case(99, "a", prompt=POOL.case[0].prompt.upper())
    paths = files(tmp_path, POOL, pool([], name="dev", case=(*DEV.case, again)))
    found = load_training(paths, taxonomy())
    assert len(found.cases) == 18
    (warning,) = found.warnings
    assert warning.startswith(
        f"{paths[0]} + {paths[1]}: 1 case left out, the first because of: case c99: same"
    )


def test_each_corpus_that_is_large_enough_is_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cases of a smaller one are of the last kind; labels that also fit have a share."""
    monkeypatch.setattr(under_test, "LEAST", 6)
    few = pool(
        [], name="few", case=(case(90, "a", also=("b", "c", "a")), *(case(i, "abc"[i % 3]) for i in (91, 92)))
    )
    whole = load_training(files(tmp_path, POOL, few, DEV), taxonomy())
    target = whole.target
    assert target.shape == (21, 2, 3)
    assert target.sum(axis=(1, 2)) == pytest.approx(1.0)
    assert target.sum(axis=2)[:, 0].tolist() == [1.0] * 12 + [0.0] * 9
    assert target[12, 1] == pytest.approx([0.8, 0.1, 0.1])
    assert (target.sum(axis=1).argmax(axis=1) == whole.gold).all()
    assert subset(whole, [0, 20]).target.shape == (2, 2, 3)  # as many kinds, whichever cases are looked at
    alone = load_training(files(tmp_path, POOL), taxonomy())
    assert alone.target == pytest.approx(np.eye(3)[alone.gold])
    assert alone.weighted == pytest.approx(alone.target)


def test_kinds_weigh_as_the_root_of_their_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "LEAST", 6)
    whole = load_training(files(tmp_path, POOL, DEV), taxonomy())  # 12 and 6 cases
    assert whole.weighted.argmax(axis=2).tolist() == whole.target.argmax(axis=2).tolist()
    large, small = whole.weighted.sum(axis=(0, 2))
    assert (large**2 / small**2, large) == pytest.approx((12 / 6, 12 * (18 / (2 * 12)) ** 0.5))
    assert subset(whole, range(12)).weighted.sum(axis=(0, 2))[1] == 0.0  # a kind that has no case here


def test_accuracy_by_corpus_is_that_of_its_own_cases(tmp_path: Path) -> None:
    whole = load_training(files(tmp_path, POOL, DEV), taxonomy())
    rows = np.array([*range(6, 18), 0])
    shares = np.full((13, 3), 0.1)
    shares[np.arange(13), whole.gold[rows]] = 0.8
    shares[[6, 7, 8]] = shares[[7, 8, 6]]  # the first three of dev are wrong
    found = {row.method: (row.n, row.accuracy) for row in by_corpus(whole, rows, shares)}
    assert found == {"probe, on pool": (7, 1.0), "probe, on dev": (6, 0.5)}
    alone = load_training(files(tmp_path, POOL), taxonomy())
    assert by_corpus(alone, rows[:6], shares[:6]) == []


async def test_a_router_pins_each_and_is_reported_on_each(tmp_path: Path) -> None:
    """A real encoder, tuned on two corpora; saved answers still say which case they are of."""
    half = len(CORPUS.case) // 2
    one = CORPUS.model_copy(update={"name": "one", "case": CORPUS.case[:half]})
    two = CORPUS.model_copy(update={"name": "two", "case": CORPUS.case[half:]})
    plan = plan_for(encoders.build(tmp_path / "bert.gguf", "bert"), tmp_path / "r.toml")
    training = load_training(files(tmp_path, one, two), TWO)
    await tune(replace(plan, windows=(64,), training=training), lambda *_: None)
    router = load_router(tmp_path / "r.toml")
    assert isinstance(router, Router)
    said = router.evidence
    assert said.corpora == tuple(
        CorpusPin(name=c.name, sha256=c.sha256, cases=len(c.case)) for c in (one, two)
    )
    assert (said.corpus, said.cases) == ("one + two", len(CORPUS.case))
    assert all(said.fitted_to(c.sha256) for c in (one, two, training.corpus))
    assert not said.fitted_to(POOL.sha256)
    rows = {row.method: row for row in said.row}
    assert list(rows) == ["probe", "probe, on one", "probe, on two"]
    assert rows["probe"].n == rows["probe, on one"].n + rows["probe, on two"].n
    oof = load_oof(tmp_path, said.answers, "r")
    right = oof.shares.argmax(axis=1) == oof.gold
    own = np.array([i in two.by_id for i in oof.ids])
    assert rows["probe, on two"].accuracy == pytest.approx(right[own].mean(), abs=1e-4)


# --- what is only reported -------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An overlay ships, with DEV's cases for its test, and those of another corpus to develop with."""
    path = tmp_path / "ships" / "real.toml"
    path.parent.mkdir()
    more = pool([], name="more", case=(case(80, "a", source="real"),))
    corpora = {Path("x-test.toml"): DEV, Path("x-dev.toml"): more}
    made = overlay_of("real", corpora, None, taxonomy())
    write_overlay(path, made)
    monkeypatch.setattr(under_test, "OVERLAYS", {path: made.sha256})


@pytest.mark.usefixtures("kept")
def test_test_cases_of_an_overlay_are_refused_wherever_they_are(tmp_path: Path) -> None:
    assert len(overlay_tests()) == len(DEV.case)
    stolen = case(200, "b", prompt=f" {DEV.case[2].prompt.upper()}\n")
    paths = files(tmp_path, POOL, pool([], name="mine", case=(case(80, "a"), stolen)))
    with pytest.raises(LabError) as e:
        load_training(paths, taxonomy())
    assert str(e.value) == (
        f"{paths[1]}: 1 prompt is a test case, reported and never fitted to (c200 = "
        f"{DEV.case[2].id} of real); take them out"
    )
    refuse_held_out(pool([], case=(case(80, "a"),)), paths[1])  # its dev part is there to be fitted to


def test_an_overlay_that_was_changed_is_not_believed(kept: None, tmp_path: Path) -> None:
    path = tmp_path / "ships" / "real.toml"
    path.write_text(path.read_text().replace('part = "test"', 'part = "dev"', 1))
    with pytest.raises(LabError, match="is not the overlay that ships"):
        overlay_tests()


def test_the_overlays_that_ship_are_those_whose_hashes_are_known() -> None:
    assert len(overlay_tests()) == 249 + 406 + 243


@pytest.mark.usefixtures("kept")
def test_annotations_of_them_are_left_out() -> None:
    one = session(typed(1, DEV.case[0].prompt.upper()), typed(2, "fine"), about(1, 1, "a"), about(2, 2, "a"))
    cases, notes = annotated([(one, None)], POOL)
    assert [c.prompt for c in cases] == ["fine"]
    assert notes == ["1 annotation left out: test cases, which are never fitted to"]


def test_that_no_label_fits_is_learnt_as_it_was_said() -> None:
    one = session(typed(1, "hi"), about(1, 1, "a", fit="none"))
    assert [c.fit for c in annotated([(one, None)], POOL)[0]] == ["none"]
