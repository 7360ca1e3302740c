"""What Ray costs: prompts through `replay --throughput` with and without `--engine ray`, a tiny model.

python -m benchmarks.cluster [PROMPTS]: a cluster of this machine with room for one actor, against one worker
without it, in parts of a tenth, in turn. Only the ratio of the seconds means anything, and with a model that
takes longer it is nearer to 1. It needs the extra `ray`; of 10,000 prompts, which take minutes, it writes
benchmarks/results/cluster.json.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT
from routerlab.bench.summary import median
from routerlab.core.corpus import Case, Corpus
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.cluster.arm import on_cluster
from routerlab.engine.lab.factory import model_arms
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import Materials
from routerlab.engine.lab.start import start_arms
from routerlab.engine.worker.build import machine
from routerlab.resources import TAXONOMY
from routerlab.settings import Settings
from tests.engine import tiny

PROMPTS, PARTS, SLOTS = 10_000, 10, 16


async def measure(prompts: int, folder: Path) -> dict[str, Any]:
    """Seconds of each part, both ways, and the ratios."""
    model = tiny.build(folder / "tiny.gguf", "llama", tiny.TEMPLATES["chatml"])
    labels, settings = load_taxonomy(TAXONOMY), Settings(threads=1, gpu_layers=0)
    cases = tuple(Case(id=f"c{n}", prompt=f"prompt {n}: what is {n} times {n}?") for n in range(prompts))
    corpus = Corpus(schema_version=1, name="many", taxonomy=labels.name, case=cases)
    materials = Materials(labels, TAXONOMY, corpus, folder / "many.toml")
    here = model_arms(labels, "none", settings, SLOTS)
    there = on_cluster("ray", partial(model_arms, labels, "none", slots=SLOTS), here, settings, print)
    labs = [
        Lab(materials, settings, make, folder / f"{name}.toml", bulk=SLOTS)
        for name, make in (("here", here), ("ray", there))
    ]
    seconds: tuple[list[float], list[float]] = ([], [])
    try:
        for lab in labs:
            await start_arms(lab, [ArmSpec(name="tiny", model=model)], print)
        size = prompts // PARTS
        for part in range(PARTS):
            for i in (0, 1) if part % 2 else (1, 0):
                began = time.perf_counter()
                labs[i].replay_repeats(labs[i].cases()[part * size : (part + 1) * size], 1)
                await labs[i].finished()
                seconds[i].append(time.perf_counter() - began)
        here_, ray_ = ([(t.case, t.label, t.status) for t in lab.session.trials] for lab in labs)
    finally:
        for lab in labs:
            await lab.close()
    ratios = [ray / alone for alone, ray in zip(*seconds, strict=True)]
    return {
        "prompts": len(ray_),
        "same answers in the same order": here_ == ray_,
        "ratio, all": sum(seconds[1]) / sum(seconds[0]),
        "ratio, median of parts": median(ratios),
        "raw_s": {"here": seconds[0], "ray": seconds[1]},
    }


def main() -> None:
    """Measure, and print."""
    prompts = int(sys.argv[1]) if len(sys.argv) > 1 else PROMPTS
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # for the processes of Ray's
    facts = {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}", "machine": machine(), "load": os.getloadavg()[0]}
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    os.environ["RAY_ADDRESS"] = cluster.address
    with tempfile.TemporaryDirectory() as folder:
        result = facts | asyncio.run(measure(prompts, Path(folder)))
    cluster.shutdown()
    print(json.dumps({k: v for k, v in result.items() if not k.startswith("raw")}, indent=1))
    if prompts == PROMPTS:
        (ROOT / "benchmarks" / "results" / "cluster.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
