"""Timing finished routers on this machine: the times in a router's file are of the one that tuned it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np

from routerlab.api import AsyncRouter
from routerlab.core.errors import Exit, LabError
from routerlab.core.statistics.quantiles import percentile
from routerlab.engine.contract.router import FilePin, Router, Row
from routerlab.engine.worker.build import machine
from routerlab.tune.cases import Training, sample, subset
from routerlab.tune.features import Tell
from routerlab.tune.out_of_fold import OutOfFold, load_oof, oof_bytes
from routerlab.tune.rows import ms
from routerlab.tune.run import TIMED_CASES
from routerlab.tune.write import save, save_toml

AGAIN = "Timed again"
TIMED = "probe"
"""The method whose row has the times; json's and score's, if they were measured, stand beside it."""


async def time_routers(
    files: Mapping[Path, Router],
    training: Training,
    seed: int,
    open_router: Callable[[Path], AsyncRouter],
    tell: Tell,
) -> list[Row]:
    """Ask all of them the same cases in turns, one at a time, and write the times into their files and into
    those of their out-of-fold answers; the row of each that has them now.

    LabError when none of the cases is among what all of them were tuned with, or one cannot answer.
    """
    kept = [load_oof(path.parent, r.evidence.answers, r.name) for path, r in files.items()]
    known = set.intersection(*(set(own.ids) for own in kept))
    rows = [i for i, case in enumerate(training.cases) if case.id in known]
    if not rows:
        raise LabError(f"{training.corpus.name}: has no case that all of these routers were tuned with")
    training = subset(training, rows)
    cases = [training.cases[i] for i in sample(training, TIMED_CASES, seed)]
    times = np.empty((len(kept), len(cases)))
    async with AsyncExitStack() as stack:
        asked = [await stack.enter_async_context(open_router(path)) for path in files]
        for router in asked:
            await router.route(cases[0].prompt)  # the first answer is slower: what it reads lies nowhere yet
        for column, case in enumerate(cases):
            for row, router in enumerate(asked):
                decision = await router.route(case.prompt)
                if decision.status != "ok":
                    what = f"{router.name}: {decision.status} on case {case.id}; nothing was written"
                    raise LabError(what, Exit.MISSING)
                times[row, column] = decision.latency_ms.total
            tell("timing", column + 1, len(cases))
    names = [case.id for case in cases]
    return [
        _write(path, router, own, dict(zip(names, took, strict=True)), training.corpus.name)
        for (path, router), own, took in zip(files.items(), kept, times, strict=True)
    ]


def _write(path: Path, router: Router, own: OutOfFold, times: Mapping[str, float], corpus: str) -> Row:
    """The row of the router, as it was written with these times by case."""
    evidence = router.evidence
    assert evidence.answers  # or there were no out-of-fold answers
    data = oof_bytes(replace(own, times=np.array([times.get(i, np.nan) for i in own.ids])))
    took = list(times.values())
    figures = {"p50": ms(percentile(took, 0.5)), "p95": ms(percentile(took, 0.95))}
    rows = tuple(r.model_copy(update=figures) if r.method == TIMED else r for r in evidence.row)
    said = f"{AGAIN} on {datetime.now(UTC):%Y-%m-%d}, {machine()}: {len(took)} cases of {corpus}."
    new = router.model_copy(
        update={
            "evidence": evidence.model_copy(
                update={
                    "machine": machine(),
                    "answers": FilePin(file=evidence.answers.file, sha256=sha256(data).hexdigest()),
                    "seen": (*_without(evidence.seen), said),
                    "row": rows,
                }
            )
        }
    )
    save(path.with_name(evidence.answers.file), data)
    save_toml(path, new)
    return next(row for row in rows if row.method == TIMED)


def _without(seen: Sequence[str]) -> list[str]:
    return [sentence for sentence in seen if not sentence.startswith(AGAIN)]
