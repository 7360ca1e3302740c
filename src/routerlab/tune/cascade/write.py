"""Writing a cascade file, with what it was chosen by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from routerlab.core.familiarity import UNFAMILIAR
from routerlab.core.files.toml import canonical_sha256
from routerlab.engine.contract.router import Cascade, Evidence, FilePin, Router
from routerlab.tune.cascade.compare import Compared, compare
from routerlab.tune.cascade.thresholds import (
    Members,
    Point,
    Thresholds,
    Trials,
    Wish,
    by_disagreement,
    folds,
    outcome,
    point,
)
from routerlab.tune.rows import row
from routerlab.tune.write import save_toml
from routerlab.version import __version__


@dataclass(frozen=True)
class Made:
    """A cascade as written, its figures (by confidence cross-validated) and what it was chosen from.

    `fulfilled` is whether the wish could be had, on all cases.
    """

    cascade: Cascade
    members: Members
    frontier: list[Point]
    chosen: Point
    fulfilled: bool
    compared: Compared


def write_cascade(
    path: Path,
    files: Sequence[Path],
    routers: Sequence[Router],
    m: Members,
    rule: Literal["confidence", "disagreement"],
    wish: Wish,
    seed: int,
    command: str,
) -> Made:
    """Choose and write; LabError when the folder cannot be written to."""
    thresholds: Thresholds = ()
    fulfilled = True
    if rule == "disagreement":
        who = by_disagreement(m)
        shown = [point(m, who)]
        seen = "Nothing was chosen: the accuracy is that of the members' out-of-fold answers."
    else:
        trials = Trials(m, folds(len(m.gold), seed))
        thresholds, fulfilled = trials.best(wish, np.unique(trials.group))
        who = trials.cross_validated(wish)
        shown = trials.frontier()
        seen = (
            "The thresholds were chosen with the members' out-of-fold answers; the accuracy is of "
            "thresholds chosen without the fifth of the cases that they answer."
        )
    first, cases = routers[0], np.arange(len(m.gold))
    times = outcome(m, who)[1][m.timed]
    cascade = Cascade(
        name=path.stem,
        contract="cascade",
        created=datetime.now(UTC).replace(microsecond=0),
        taxonomy=first.taxonomy,
        taxonomy_sha256=first.taxonomy_sha256,
        rule=rule,
        thresholds=thresholds,
        unfamiliar=UNFAMILIAR if thresholds and m.familiarity is not None else None,
        member=tuple(
            FilePin(file=file.name, sha256=canonical_sha256(r))
            for file, r in zip(files, routers, strict=True)
        ),
        evidence=Evidence(
            corpus=first.evidence.corpus,
            corpus_sha256=first.evidence.corpus_sha256,
            cases=len(m.gold),
            corpora=first.evidence.corpora,
            seed=seed,
            command=command,
            machine="; ".join(dict.fromkeys(r.evidence.machine for r in routers)),
            lab_version=__version__,
            llama_cpp=first.evidence.llama_cpp,
            scikit_learn=version("scikit-learn"),
            seen=(
                seen,
                "The times are those in the members' files, over the cases that all were timed on.",
                "routing60 was not read for any of it.",
            ),
            row=(row("cascade", m.gold, m.hard, m.answers[who, cases], None, times.tolist()),),
        ),
    )
    save_toml(path, cascade)
    chosen = point(m, who, thresholds)
    return Made(cascade, m, shown, chosen, fulfilled, compare(m, who, seed))
