"""Writing a cascade file, with what it was chosen by."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from routerlab.core.files.toml import canonical_sha256
from routerlab.engine.contract.router import Cascade, Evidence, FilePin, Router
from routerlab.engine.worker.build import machine
from routerlab.tune.cascade.thresholds import (
    Members,
    Point,
    best_threshold,
    cross_validated,
    disagree,
    outcome,
    point,
    trade_off,
)
from routerlab.tune.rows import row
from routerlab.tune.write import save_toml
from routerlab.version import __version__


def write_cascade(
    path: Path,
    files: Sequence[Path],
    routers: Sequence[Router],
    m: Members,
    rule: Literal["confidence", "disagreement"],
    accuracy: float | None,
    share: float | None,
    seed: int,
    command: str,
) -> tuple[Cascade, Point, list[Point]]:
    """Choose and write; (what was written, the choice with cross-validated figures, the trade-off)."""
    if rule == "disagreement":
        threshold, escalated = 0.0, disagree(m)
        shown = [point(m, escalated, 0.0)]
    else:
        threshold = best_threshold(m, np.arange(len(m.gold)), accuracy, share)
        escalated = cross_validated(m, accuracy, share, seed)
        shown = trade_off(m)
    times = outcome(m, escalated)[1]
    answered = np.where(escalated, m.answers[-1], m.answers[0])
    first = routers[0]
    cascade = Cascade(
        name=path.stem,
        contract="cascade",
        created=datetime.now(UTC).replace(microsecond=0),
        taxonomy=first.taxonomy,
        taxonomy_sha256=first.taxonomy_sha256,
        rule=rule,
        threshold=threshold,
        member=tuple(
            FilePin(file=file.name, sha256=canonical_sha256(r))
            for file, r in zip(files, routers, strict=True)
        ),
        evidence=Evidence(
            corpus=first.evidence.corpus,
            corpus_sha256=first.evidence.corpus_sha256,
            cases=len(m.gold),
            seed=seed,
            command=command,
            machine=machine(),
            lab_version=__version__,
            llama_cpp=first.evidence.llama_cpp,
            scikit_learn=version("scikit-learn"),
            seen=(
                "The threshold was chosen with the members' out-of-fold answers; the accuracy is of "
                "thresholds chosen without the fifth of the cases that they answer.",
                "routing60 was not read for any of it.",
            ),
            row=(row("cascade", m.gold, m.hard, answered, None, times[~np.isnan(times)].tolist()),),
        ),
    )
    save_toml(path, cascade)
    return cascade, point(m, escalated, threshold), shown
