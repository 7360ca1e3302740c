"""F1, confusion, families and determinism, against scikit-learn."""

import random
from dataclasses import replace

import numpy as np
import pytest

from routerlab.core.statistics.intervals import clopper_pearson, wilson
from routerlab.study.figures.analysis import analyse
from routerlab.study.figures.arm import Settings
from routerlab.study.figures.labels import (
    accuracy,
    confusion,
    determinism,
    family_accuracy,
    label_scores,
    task_accuracy,
)
from routerlab.study.figures.rows import Row, judged
from tests.study.figures.harness import FAMILIES, LABELS, answers, log, row

FEW = Settings(resamples=400)


def drawn(cases: int, seed: int, repeats: int = 1) -> list[Row]:
    """Answers of which about half are right, some of them none at all."""
    rng = random.Random(seed)
    found = []
    for i in range(cases):
        gold = rng.choice(LABELS)
        for repeat in range(1, repeats + 1):
            label = rng.choice([*LABELS, *[gold] * 6, None])
            found.append(row(f"c{i}", label, gold=gold, repeat=repeat))
    return found


def test_label_scores_are_scikit_learns() -> None:
    from sklearn.metrics import f1_score, precision_recall_fscore_support

    rows = drawn(200, seed=1)
    scores, macro = label_scores(judged(rows), LABELS, FEW)
    gold, said = [r.gold for r in rows], [r.label or "none" for r in rows]
    precision, recall, f1, support = precision_recall_fscore_support(gold, said, labels=LABELS)
    assert [s.precision for s in scores] == pytest.approx(precision)
    assert [s.recall for s in scores] == pytest.approx(recall)
    assert [s.f1 for s in scores] == pytest.approx(f1)
    assert [s.support for s in scores] == list(support)
    assert macro is not None
    assert macro.value == pytest.approx(f1_score(gold, said, labels=LABELS, average="macro"))


def test_repeats_are_shares_of_their_case() -> None:
    from sklearn.metrics import f1_score

    rows = [row("c1", repeat=n) for n in range(1, 10)] + [row("c2", "CoT/simple", gold="CoT/simple")]
    rows += [row("c3", "code/simple", gold="CoT/simple", repeat=1)]
    rows += [row("c3", "CoT/simple", gold="CoT/simple", repeat=2)]
    scores, _ = label_scores(judged(rows), LABELS, FEW)
    weights = [1 / 9] * 9 + [1, 1 / 2, 1 / 2]
    gold, said = [r.gold for r in rows], [r.label for r in rows]
    expected = f1_score(gold, said, labels=LABELS, average=None, sample_weight=weights, zero_division=np.nan)
    assert [np.nan if s.f1 is None else s.f1 for s in scores] == pytest.approx(list(expected), nan_ok=True)


def test_labels_that_nobody_uses_have_no_f1_and_no_part_in_the_mean() -> None:
    rows = [row("c1"), row("c2", "CoT/simple")]
    scores, macro = label_scores(judged(rows), LABELS, FEW)
    by_label = {s.label: s for s in scores}
    assert by_label["code/simple"].f1 == pytest.approx(2 / 3)
    assert (by_label["CoT/simple"].f1, by_label["CoT/simple"].recall) == (0.0, None)
    assert by_label["hybrid/agentic"].f1 is None
    assert macro is not None
    assert macro.value == pytest.approx(2 / 3)
    assert label_scores({}, LABELS, FEW) == ((), None)


def test_the_interval_of_macro_f1_is_the_bootstrap_over_cases() -> None:
    from sklearn.metrics import f1_score

    rows = drawn(90, seed=2, repeats=2)
    cases = judged(rows)
    _, macro = label_scores(cases, LABELS, Settings(resamples=4000))
    rng, names = np.random.default_rng(5), list(cases)
    found = []
    for _ in range(500):
        some = [r for i in rng.integers(0, len(names), len(names)) for r in cases[names[i]]]
        gold, said = [r.gold for r in some], [r.label or "none" for r in some]
        found.append(f1_score(gold, said, labels=sorted({g for g in gold if g}), average="macro"))
    assert macro is not None
    assert macro.low is not None
    assert (macro.low, macro.high) == pytest.approx(tuple(np.quantile(found, [0.025, 0.975])), abs=0.02)


def test_a_label_in_one_case_has_no_interval_and_macro_f1_a_wide_one() -> None:
    """A third of the resamples do not have the case, so they say nothing of its label."""
    answers = [row("rare", "y", gold="y"), *(row(f"c{i}", "x", gold="x") for i in range(59))]
    (_, rare), macro = label_scores(judged(answers), ("x", "y"), Settings(resamples=2000))
    assert (rare.f1, rare.low, rare.high) == (1.0, None, None)
    assert macro
    assert (macro.value, macro.low, macro.high) == (1.0, 0.5, 1.0)


def test_confusion_is_scikit_learns() -> None:
    from sklearn.metrics import confusion_matrix

    rows = drawn(200, seed=3)
    names = [*LABELS, None]
    cells = {(c.gold, c.label): c for c in confusion(judged(rows), LABELS)}
    expected = confusion_matrix(
        [r.gold for r in rows], [r.label or "none" for r in rows], labels=[*LABELS, "none"]
    )
    for i, gold in enumerate(LABELS):
        for j, label in enumerate(names):
            cell = cells.get((gold, label))
            assert (cell.n if cell else 0) == expected[i, j]
            assert len(cell.cases if cell else ()) == expected[i, j]


def test_corridors_come_after_what_is_right_the_busiest_first() -> None:
    rows = [row("c1"), row("c2", "CoT/simple"), row("c3", None), row("c4", "CoT/simple")]
    rows += [row("c5", repeat=1), row("c5", None, repeat=2)]
    cells = confusion(judged(rows), LABELS)
    assert [(c.label, c.n, c.cases) for c in cells] == [
        ("code/simple", 1.5, ("c1", "c5")),
        ("CoT/simple", 2.0, ("c2", "c4")),
        (None, 1.5, ("c3", "c5")),
    ]


def test_the_task_type_is_enough() -> None:
    rows = [
        row("c1", "code/complex"),  # right family, wrong label
        row("c2", "CoT/simple"),
        row("c3", "strange"),
        row("c4", None),
    ]
    task = task_accuracy(judged(rows), FAMILIES, FEW)
    assert task is not None
    assert (task.value, task.n) == (0.25, 4)
    assert (task.low, task.high) == wilson(1, 4)
    assert task_accuracy(judged(rows), {}, FEW) is None


def test_families_are_those_of_gold() -> None:
    rows = [row("c1"), row("c2", "code/complex"), row("c3", "CoT/simple", gold="CoT/simple")]
    found = family_accuracy(judged(rows), FAMILIES, FEW)
    assert {family: (f.value, f.n) for family, f in found.items()} == {"code": (0.5, 2), "CoT": (1.0, 1)}


def test_both_weightings_of_accuracy() -> None:
    rows = [row("c1", repeat=n) for n in range(1, 10)] + [row("c2", "CoT/simple")]
    found = accuracy(judged(rows), FEW)
    assert found is not None
    assert (found.value, found.right, found.n) == (0.5, 1.0, 2)
    assert (found.by_trial, found.trials) == (0.9, 10)
    assert found.wilson == wilson(1, 2)


def test_who_says_something_else_the_second_time() -> None:
    same = [row("c1", repeat=n) for n in (1, 2)]
    other = [row("c2", repeat=1), row("c2", None, repeat=2)]
    found = determinism([*same, *other, row("c3")])
    assert found is not None
    assert (found.cases, found.changed) == (2, ("c2",))
    assert determinism([row("c1"), row("c2")]) is None
    assert determinism([row("c1", None, status="unrouted", repeat=n) for n in (1, 2)]) is None


def test_the_error_of_what_was_answered_leaves_out_what_was_abstained_from() -> None:
    rows = [*answers("a", [True] * 8 + [False] * 2), *answers("b", [True] * 5)]
    rows[9] = replace(rows[9], abstained=True)
    found = analyse(log(rows)).by_name
    error = found["a"].answered_error
    assert error is not None
    assert error.value == pytest.approx(1 / 9)
    assert error.n == 9
    assert (error.low, error.high) == pytest.approx(clopper_pearson(1, 9, 0.9))
    assert found["a"].accuracy is not None
    assert found["a"].accuracy.value == pytest.approx(0.8)  # as labels, they count
    assert found["b"].answered_error is None  # nobody abstained, and nothing was promised
