"""H9 and the price of compression, on rows and outcomes made by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from routerlab.study.figures.arm import Estimate, Settings
from routerlab.study.outcome.compress.figures import method_figures, quality_figures, reaches
from routerlab.study.outcome.compress.result import Row
from routerlab.study.outcome.load import Outcomes
from routerlab.study.outcome.record import ModelRecord, Outcome, OutcomeHeader, TaskRecord

SETTINGS = Settings(resamples=2000)
AT = datetime(2026, 11, 28, tzinfo=UTC)


def rows(n: int, after: int = 65, similarity: float = 0.92, spread: float = 0.02) -> list[Row]:
    drawn = np.random.default_rng(1).uniform(-spread, spread, n)
    return [
        Row(
            prompt_sha256=f"{i}",
            method="window",
            before=100,
            after=after,
            similarity=similarity + x,
            numbers=0,
            lost=0,
        )
        for i, x in enumerate(drawn)
    ]


@pytest.mark.parametrize(
    ("after", "similarity", "spread", "finding"),
    [
        (65, 0.92, 0.02, "supported"),
        (70, 0.92, 0.02, "supported"),  # exactly 30 %
        (71, 0.92, 0.02, "refuted"),
        (65, 0.80, 0.02, "refuted"),
        (65, 0.88, 0.10, "undecided"),
    ],
)
def test_h9_wants_both_limits_kept(after: int, similarity: float, spread: float, finding: str) -> None:
    assert method_figures("window", rows(60, after, similarity, spread), SETTINGS).finding == finding


def test_saved_is_of_all_tokens_and_similarity_of_what_the_encoder_can_read() -> None:
    told = [
        Row(prompt_sha256="a", method="window", before=300, after=150, similarity=0.9, numbers=3, lost=1),
        Row(prompt_sha256="b", method="window", before=100, after=90, similarity=0.8, numbers=0, lost=0),
        Row(prompt_sha256="c", method="window", before=600, after=300, similarity=None, numbers=2, lost=2),
    ]
    found = method_figures("window", told, SETTINGS)
    assert (found.prompts, found.unread) == (3, 1)
    assert found.saved.value == pytest.approx(460 / 1000)
    assert found.similarity is not None
    assert found.similarity.value == pytest.approx(0.85)
    assert found.alike is not None
    assert found.alike.value == 0.5
    assert found.lost is not None
    assert found.lost.value == pytest.approx(3 / 5)
    assert method_figures("window", told[1:2], SETTINGS).lost is None
    none = method_figures("window", told[2:], SETTINGS)
    assert (none.unread, none.similarity, none.finding) == (1, None, "undecided")


def test_the_interval_is_the_bootstraps() -> None:
    from scipy.stats import bootstrap  # type: ignore[attr-defined]

    values = [row.similarity for row in rows(50)]
    found = method_figures("window", rows(50), SETTINGS).similarity
    assert found is not None
    theirs = bootstrap((values,), np.mean, method="percentile", n_resamples=5000, rng=3)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval), abs=5e-4)


def test_without_an_interval_nothing_is_decided() -> None:
    assert reaches(Estimate(value=1.0, low=None, high=None), 0.3) == "undecided"


def outcomes(
    whole: Sequence[float | None], variant: Sequence[float | None], read: int | None = 70
) -> Outcomes:
    models = (
        ModelRecord(name="m"),
        ModelRecord(name="m+w", whole="m", compress="window", keep=0.7),
        ModelRecord(name="m+none", whole="m", compress="window", keep=0.5),
    )
    tasks = tuple(TaskRecord(id=f"t{i}", label="x") for i in range(len(whole)))
    header = OutcomeHeader(
        schema_version=1,
        kind="outcomes",
        lab_version="1",
        created=AT,
        name="n",
        taxonomy="front-door",
        model=models,
        task=tasks,
    )
    found = Outcomes(header)
    for name, scores, tokens in (("m", whole, 100), ("m+w", variant, read)):
        for i, score in enumerate(scores):
            told: dict[str, Any] = {"score": score, "checked": score is not None, "tokens_in": tokens}
            found.add(Outcome(at=AT, task=f"t{i}", model=name, status="ok", answer="", **told))
    return found


def test_a_variant_is_paired_with_its_whole_model() -> None:
    """24 tasks both have a score for: the variant loses 12 of 16 that the other has right, and gains none."""
    whole = [1.0] * 16 + [0.0] * 8 + [1.0, None]
    variant = [0.0] * 12 + [1.0] * 4 + [0.0] * 8 + [None, 1.0]
    (found,) = quality_figures(outcomes(whole, variant), SETTINGS)
    assert (found.model, found.whole, found.method, found.keep, found.tasks) == (
        "m+w",
        "m",
        "window",
        0.7,
        24,
    )
    assert found.quality_whole.value == pytest.approx(16 / 24)
    assert found.difference.value == pytest.approx(-12 / 24)
    assert found.finding == "supported"
    assert found.p == pytest.approx(2 / 2**12, abs=2e-3)  # all twelve signs alike, either way
    assert found.saved is not None
    assert found.saved.value == pytest.approx(0.3)


def test_no_loss_is_refuted_and_a_small_one_undecided() -> None:
    same = [1.0, 0.0] * 20
    (found,) = quality_figures(outcomes(same, same, read=None), SETTINGS)
    assert (found.finding, found.p, found.saved) == ("refuted", 1.0, None)
    one_less = [0.0, *same[1:]]
    (found,) = quality_figures(outcomes(same, one_less), SETTINGS)
    assert found.finding == "undecided"
    assert found.needed is not None
    assert found.needed > 40
