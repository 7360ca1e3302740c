"""Figures of one kind of prompts at a time, rankings by familiarity, and what a session says of its cases."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routerlab.core.corpus import Corpus
from routerlab.core.files.toml import load_toml
from routerlab.core.session.file import read_session
from routerlab.core.session.session import pin_corpus
from routerlab.core.statistics.calibration import Kept
from routerlab.core.statistics.intervals import wilson
from routerlab.study.figures.analysis import analyse
from routerlab.study.figures.arm import ArmFigures, Settings
from routerlab.study.figures.cases import CaseFacts
from routerlab.study.figures.kinds import FITS, LONG, UNFIT, length
from routerlab.study.figures.rows import Row, session_log
from tests.annotate.sessions import saved
from tests.core.session.harness import trial
from tests.study.figures.harness import LABELS, log, row

QUICK = Settings(resamples=200)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One case is enough for a kind of its own."""
    monkeypatch.setattr("routerlab.study.figures.kinds.FEW", 1)


def sure(case: str, right: bool, p: float, familiarity: float | None = None, **more: Any) -> Row:
    """An answer of probability `p`, right or not; gold is code/simple."""
    label, other = LABELS[:2] if right else (LABELS[1], LABELS[0])
    shares = {label: p, other: 1 - p}
    return row(case, label, probabilities=shares, familiarity=familiarity, **more)


def figures(rows: list[Row], cases: dict[str, CaseFacts] | None = None) -> ArmFigures:
    (arm,) = analyse(replace(log(rows), cases=cases or {}), QUICK).arms
    return arm


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (0, "below 15 words"),
        (14, "below 15 words"),
        (15, "15 to 59 words"),
        (59, "15 to 59 words"),
        (60, "60 to 249 words"),
        (249, "60 to 249 words"),
        (250, LONG),
    ],
)
def test_lengths(words: int, kind: str) -> None:
    assert length(words) == kind


@pytest.mark.usefixtures("few")
def test_every_kind_has_the_figures_of_its_own_cases() -> None:
    """Three German cases, one right in one of two repeats; one English; one of which nothing is known."""
    rows = [
        sure("d1", True, 0.9),
        sure("d2", True, 0.8),
        sure("d2", False, 0.96, repeat=2),
        row("d3", None),
        sure("e1", False, 0.95),
        sure("x", False, 0.99),
    ]
    facts = {name: CaseFacts(3, "de", "written") for name in ("d1", "d2", "d3")}
    facts["e1"] = CaseFacts(70, "en", "written", "none")
    found = figures(rows, facts).kinds
    assert [(one.by, one.kind, one.accuracy.n, one.answers) for one in found] == [
        ("language", "de", 3, 3),
        ("language", "en", 1, 1),
        ("length", "below 15 words", 3, 3),
        ("length", "60 to 249 words", 1, 1),
        ("fit", FITS, 3, 3),
        ("fit", UNFIT, 1, 1),
    ]
    german, english = found[:2]
    assert german.accuracy.value == pytest.approx(1.5 / 3)
    assert (german.accuracy.low, german.accuracy.high) == pytest.approx(wilson(1.5, 3))
    # Two bins: 0.8 alone, and 0.9 right beside 0.96 wrong.
    assert german.ece == pytest.approx((0.2 + 2 * (0.93 - 0.5)) / 3)
    assert german.surely_wrong == pytest.approx(1 / 3)
    assert english.ece == pytest.approx(0.95)
    assert (english.accuracy.value, english.surely_wrong) == (0.0, 0.0)


@pytest.mark.usefixtures("few")
def test_an_arm_without_confidence_has_accuracies_all_the_same() -> None:
    facts = {"a": CaseFacts(3, "de"), "b": CaseFacts(3, "en")}
    found = figures([row("a"), row("b", None)], facts).kinds
    assert [(one.kind, one.accuracy.value, one.answers, one.ece) for one in found] == [
        ("de", 1.0, 0, None),
        ("en", 0.0, 0, None),
    ]
    assert figures([row("a"), row("b")]).kinds == ()


def test_small_languages_are_told_together() -> None:
    """Five English cases, two French, four German and a Greek one; a single small one keeps its name."""
    languages = ["el", "fr", "fr", "de", "de", "de", "de", *["en"] * 5]
    facts = {f"c{i}": CaseFacts(3, language) for i, language in enumerate(languages)}
    rows = [row(f"c{i}", LABELS[0] if i else None) for i in range(12)]
    found = figures(rows, facts).kinds
    assert [(one.kind, one.accuracy.n) for one in found] == [("en", 5), ("3 others", 7)]
    assert found[1].accuracy.value == pytest.approx(6 / 7)
    facts = {
        name: replace(one, language="en" if one.language != "el" else "el") for name, one in facts.items()
    }
    assert [one.kind for one in figures(rows, facts).kinds] == ["en", "el"]


def test_rankings_by_familiarity_and_among_the_familiar() -> None:
    """Most confident is the unfamiliar one, which is wrong."""
    rows = [
        sure("a", False, 0.99, 0.001),
        sure("b", True, 0.9, 0.3),
        sure("c", False, 0.6, 0.02),
        sure("d", True, 0.7, 0.9),
        row("e", None),
    ]
    found = figures(rows).calibration
    assert found is not None
    assert found.kept[0] == Kept(0.99, 1 / 5, 0.0)
    assert found.by_familiarity == (
        Kept(0.9, 1 / 5, 1.0),
        Kept(0.3, 2 / 5, 1.0),
        Kept(0.02, 3 / 5, 2 / 3),
        Kept(0.001, 4 / 5, 0.5),
    )
    assert found.among_familiar == (
        Kept(0.9, 1 / 5, 1.0),
        Kept(0.7, 2 / 5, 1.0),
        Kept(0.6, 3 / 5, 2 / 3),
    )
    assert found.surely_wrong == 1 / 4
    plain = figures([sure("a", True, 0.9)]).calibration
    assert plain is not None
    assert (plain.by_familiarity, plain.among_familiar) == ((), ())


def test_familiarity_of_what_no_label_fits_against_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    unfit = rng.random(80) < 0.3
    known = np.where(unfit, rng.random(80) ** 3, rng.random(80))
    rows = [sure(f"c{i}", True, 0.9, float(f)) for i, f in enumerate(known)]
    rows += [sure("c0", True, 0.9, float(known[0]), repeat=2), sure("elsewhere", True, 0.9, 0.5)]
    facts = {f"c{i}": CaseFacts(3, "en", fit="none" if odd else None) for i, odd in enumerate(unfit)}
    found = figures(rows, facts).apart
    assert found is not None
    assert found.value == pytest.approx(roc_auc_score(~unfit, known))
    assert (found.unfit, found.others) == (unfit.sum(), 80 - unfit.sum())
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert figures(rows, {name: replace(one, fit=None) for name, one in facts.items()}).apart is None
    assert figures([replace(one, familiarity=None) for one in rows], facts).apart is None


CORPUS = """schema_version = 1
name = "mine"
taxonomy = "six"
source = "made up"
[[case]]
id = "c1"
prompt = "Sort a list in Go."
label = "code/simple"
[[case]]
id = "c2"
prompt = "Guten Tag"
label = "CoT/simple"
fit = "none"
language = "de"
source = "strangers"
"""


@pytest.mark.usefixtures("few")
def test_a_session_tells_its_cases_by_the_corpus_that_it_pins(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(CORPUS)
    pin = pin_corpus(load_toml(tmp_path / "mine.toml", Corpus), tmp_path / "mine.toml")
    gold = {"gold": "code/simple"}
    typed = trial(3, case=None, prompt="why is the sky blue", familiarity=0.25, abstained=True)
    path = saved(tmp_path / "s.toml", trial(1, **gold), trial(2, **gold, familiarity=0.01), typed, corpus=pin)
    found = session_log(path, read_session(path))
    assert found.cases == {
        "c1": CaseFacts(5, "en", "made up"),
        "c2": CaseFacts(2, "de", "strangers", "none"),
        "why is the sky blue": CaseFacts(5),
    }
    assert [(one.familiarity, one.abstained) for one in found.rows] == [
        (None, False),
        (0.01, False),
        (0.25, True),
    ]
    (arm,) = analyse(found, QUICK).arms
    assert [one.kind for one in arm.kinds] == ["en", "de", "made up", "strangers", FITS, UNFIT]
    (tmp_path / "mine.toml").unlink()
    assert session_log(path, read_session(path)).cases == {"why is the sky blue": CaseFacts(5)}
