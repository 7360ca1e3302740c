"""H9 of the study, at least 30 % fewer tokens at a semantic similarity of at least 0.88; and its price."""

from collections.abc import Sequence

import numpy as np

from routerlab.study.figures.arm import Estimate, Settings
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.effects import flipped
from routerlab.study.outcome.analysis.result import Finding
from routerlab.study.outcome.analysis.verdict import WORTH, finding, needed
from routerlab.study.outcome.compress.result import MethodFigures, QualityFigures, Row
from routerlab.study.outcome.load import Outcomes, matrix_of
from routerlab.study.outcome.matrix import Floats
from routerlab.study.outcome.record import Method

SAVED, ALIKE = 0.30, 0.88
"""The authors' limits."""


def method_figures(method: Method, rows: Sequence[Row], settings: Settings) -> MethodFigures:
    """The figures of a method's rows, of which there are some, with bootstrap intervals over prompts."""
    before, after, numbers, lost = (
        np.array([getattr(row, key) for row in rows], float) for key in ("before", "after", "numbers", "lost")
    )
    every = Tasks((None,) * len(rows), settings)
    saved = share(every, before - after, before)
    cosine = np.array([row.similarity for row in rows if row.similarity is not None])
    mean = alike = None
    if len(cosine):
        tasks = Tasks((None,) * len(cosine), settings)
        mean, alike = _mean(tasks, cosine), _mean(tasks, (cosine >= ALIKE).astype(float))
    return MethodFigures(
        method=method,
        prompts=len(rows),
        unread=len(rows) - len(cosine),
        saved=saved,
        similarity=mean,
        alike=alike,
        lost=share(every, lost, numbers) if numbers.any() else None,
        finding=both(reaches(saved, SAVED), reaches(mean, ALIKE)),
    )


def reaches(figure: Estimate | None, limit: float) -> Finding:
    """Whether a figure is at least `limit`: supported if its whole interval is, refuted if none of it."""
    if figure is None or figure.low is None or figure.high is None:
        return "undecided"
    return "supported" if figure.low >= limit else "refuted" if figure.high < limit else "undecided"


def both(one: Finding, other: Finding) -> Finding:
    """Whether two statements hold together."""
    if "refuted" in (one, other):
        return "refuted"
    return "supported" if one == other == "supported" else "undecided"


def quality_figures(
    outcomes: Outcomes, settings: Settings, worth: float = WORTH
) -> tuple[QualityFigures, ...]:
    """Every variant of a session against its whole model, paired by task, with bootstrap intervals over tasks
    (variants of one task are drawn together). A variant without tasks in common with it has none."""
    matrix = matrix_of(outcomes.header, outcomes.of.values())
    at = {name: i for i, name in enumerate(matrix.models)}
    found = []
    for model in outcomes.header.model:
        if model.whole is None or model.compress is None or model.keep is None:
            continue
        pair = [at[model.whole], at[model.name]]
        both_scored = np.flatnonzero(~np.isnan(matrix.score[:, pair]).any(axis=1))
        if not len(both_scored):
            continue
        part = matrix.take(both_scored)
        tasks = Tasks(part.group, settings)
        score, read = part.score[:, pair], part.tokens_in[:, pair]
        counted = not np.isnan(read).any()
        gained = score[:, 1] - score[:, 0]
        lost = _mean(tasks, -gained)
        found.append(
            QualityFigures(
                model=model.name,
                whole=model.whole,
                method=model.compress,
                keep=model.keep,
                tasks=len(both_scored),
                quality_whole=_mean(tasks, score[:, 0]),
                quality=_mean(tasks, score[:, 1]),
                difference=_mean(tasks, gained),
                p=flipped(gained, tasks.of, settings.resamples, settings.seed),
                saved=share(tasks, read[:, 0] - read[:, 1], read[:, 0]) if counted else None,
                finding=finding(lost, worth),
                needed=needed(lost, worth, len(both_scored)),
            )
        )
    return tuple(found)


def share(tasks: Tasks, part: Floats, whole: Floats) -> Estimate:
    """The sum of the one over that of the other, which is not 0."""
    drawn = tasks.sums(np.column_stack([part, whole]))
    return tasks.estimate(
        part.sum() / whole.sum(), drawn[:, 0] / np.where(drawn[:, 1] > 0, drawn[:, 1], np.nan)
    )


def _mean(tasks: Tasks, values: Floats) -> Estimate:
    return tasks.estimate(values.mean(), tasks.means(values[:, None])[:, 0])
