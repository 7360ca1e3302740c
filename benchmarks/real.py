"""How a probe gets better with labelled real prompts: python -m benchmarks.real ROUTER --written F --real F.

The way the router asks and the layer that it reads stay. In five folds heads are fitted to all prompts that
were written for the taxonomy and to so many real ones of the other folds, and judged by the real ones of
their own. What each doubling adds is told with a bootstrap interval over prompts, and how many it would take
for a target, if it went on like that. Features are those that `routerlab tune` keeps; what lacks is read.
"""

import argparse
import asyncio
import json
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.contract.router import Router, load_router
from routerlab.resources import TAXONOMY
from routerlab.settings import Settings
from routerlab.tune.cases import Bools, Ints, Training, load_training, splits
from routerlab.tune.features import Workbench
from routerlab.tune.fit import STRENGTHS, Doubles, Floats, fit
from routerlab.tune.plan import Plan
from routerlab.tune.ways import Way

FIRST, FOLDS, DRAWS = 84, 5, 2000
MOST = 30
"""Doublings of one prompt beyond which nothing is told: a thousand million."""


async def read(router: Router, training: Training, store: Path, out: Path) -> Floats:
    """(n, features) of the cases, at the router's layer."""
    assert router.head
    spec = ArmSpec(
        name=f"{router.name}:probe",
        model=ROOT / "models" / router.model.file,
        contract="probe",
        encoding=router.encoding,
        instruction=router.instruction,
    )
    plan = Plan(
        router.name, spec, load_taxonomy(TAXONOMY), training, router.exemplar, Settings(), out, store, ""
    )
    with Workbench(plan) as bench:
        layers = await bench.layers()
        async with bench.asker("probe", Way(spec, router.exemplar), layers) as asker:
            prompts = [case.prompt for case in training.cases]
            answers = await asker.answers(prompts, router.window or 256, lambda *_: None)
    at = layers.index(router.head.layer)
    return np.stack([a.features[at] for a in answers if a.features is not None])


def curve(features: Floats, training: Training, real: Bools) -> tuple[list[int], Bools]:
    """(numbers of real prompts, for each whether every real prompt was answered right)."""
    folds = splits(training.gold, training.group, FOLDS, 1)
    most = min(int(real[fitted].sum()) for fitted, _ in folds)
    sizes = [0, *(n for k in range(20) if (n := FIRST * 2**k) < most * 0.75), most]
    right = np.zeros((len(sizes), len(real)), dtype=bool)
    target = training.target
    for fitted, tested in folds:
        order = np.random.default_rng(0).permutation(fitted[real[fitted]])
        asked = tested[real[tested]]
        for k, n in enumerate(sizes):
            rows = np.concatenate([fitted[~real[fitted]], order[:n]])
            shares = fit(features[rows], target[rows], STRENGTHS[0]).shares(features[asked])
            right[k, asked] = shares.argmax(axis=1) == training.gold[asked]
    return sizes, right[:, real]


def doublings(sizes: list[int], right: Bools, target: float) -> dict[str, object]:
    """Accuracy at each size, what a doubling adds, and the prompts that it takes for `target`, with 95 %."""
    rng = np.random.default_rng(0)
    logs = np.log2(sizes[1:])

    def line(rows: Ints) -> Doubles:
        """(what a doubling adds, accuracy at one prompt)."""
        return np.asarray(np.polyfit(logs, right[1:, rows].mean(axis=1), 1))

    n = right.shape[1]
    drawn = [np.arange(n), *rng.integers(0, n, (DRAWS, n))]
    lines = np.array([line(rows) for rows in drawn])
    slopes = lines[:, 0]
    more = np.clip((target - lines[:, 1]) / np.maximum(slopes, 1e-9), 0, MOST)
    needed = 2.0**more
    return {
        "n": n,
        "accuracy": {str(m): round(float(a), 4) for m, a in zip(sizes, right.mean(axis=1), strict=True)},
        "a doubling adds": _with_ends(slopes, 4),
        "target": target,
        "real prompts for it": _with_ends(needed, -1),
    }


def _with_ends(x: Doubles, digits: int) -> list[float]:
    ends = np.quantile(x[1:], [0.025, 0.975], method="nearest")
    return [round(float(v), digits) for v in (x[0], *ends)]


def main() -> None:
    """Print the figures and write them to benchmarks/results/real-NAME.json."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.real")
    parser.add_argument("router", type=Path)
    for name in ("--written", "--real"):
        parser.add_argument(name, type=Path, action="append", required=True)
    parser.add_argument("--store", type=Path, default=Path("~/.cache/routerlab/answers.sqlite").expanduser())
    parser.add_argument("--target", type=float, default=0.9)
    args = parser.parse_args()
    router = load_router(args.router)
    assert isinstance(router, Router)
    training = load_training([*args.written, *args.real], load_taxonomy(TAXONOMY))
    real = training.part >= len(args.written)
    features = asyncio.run(read(router, training, args.store, args.router))
    sizes, right = curve(features, training, real)
    cases = [case for case, own in zip(training.cases, real, strict=True) if own]
    twice = np.array([c.annotated is not None and not c.annotated.adjudicator for c in cases])
    plain = np.array([not c.also for c in cases])
    result = {
        name: doublings(sizes, right[:, own], args.target)
        for name, own in (("all", plain | True), ("both raters agree", twice), ("no second label", plain))
        if own.any()
    }
    path = ROOT / "benchmarks" / "results" / f"real-{router.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
