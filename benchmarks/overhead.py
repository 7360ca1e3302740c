"""One prediction against a bare `llama_decode` of as many tokens, prompt by prompt in one run."""

import asyncio
import time
from typing import Any

from benchmarks.common import Setup, setup, spread
from routerlab.engine import llama
from routerlab.engine.arm import ArmSpec
from routerlab.engine.build import usable_cpus
from routerlab.engine.contract import frame
from routerlab.engine.factory import ModelArms
from routerlab.engine.predict import Predictor
from routerlab.settings import Settings


class Bare:
    """The limit: the model in this process, the same prefix, and nothing but `llama_decode`."""

    def __init__(self, s: Setup) -> None:
        self._log = llama.Log(lambda _: None)
        self.model = llama.Model(s.model, 0, lambda _: None)
        framing = frame(s.taxonomy, "score", s.exemplars, self.model.chat_renderer())
        labels = s.taxonomy.labels
        self.predictor = Predictor(self.model, framing, labels, 4096, usable_cpus(), lambda _: None)

    def decode(self, n: int) -> float:
        """Milliseconds for `n` tokens after the prefix, in one sequence, with one row of logits."""
        context = self.predictor.context
        context.fork(0, (1,))
        tokens = (self.predictor.prefix * 2)[:n]
        start = len(self.predictor.prefix)
        t = time.perf_counter()
        context.decode(tokens, range(start, start + n), [(1,)] * n, frozenset({n - 1}))
        return (time.perf_counter() - t) * 1000

    def predict(self, prompt: str) -> tuple[float, int]:
        """(milliseconds of a whole prediction inside the worker's code, tokens it decoded)."""
        t = time.perf_counter()
        prediction = self.predictor.predict(prompt, lambda: False)
        return (time.perf_counter() - t) * 1000, prediction.tokens.evaluated


async def measure_async(cases: int) -> dict[str, Any]:
    """For each case: the lab's whole way, the worker's way, the bare decode."""
    s = setup()
    settings = Settings()
    arm = ModelArms(s.taxonomy, s.exemplars, s.exemplars_sha256, settings)(
        ArmSpec(name="smollm2-135m", model=s.model)
    )
    await arm.start()
    bare = Bare(s)
    raw: list[dict[str, float]] = []
    for case in s.corpus.case[:cases]:
        inside, n = bare.predict(case.prompt)
        limit = bare.decode(n)
        whole = (await arm.ask(case.prompt, 60)).latency_ms.total
        raw.append({"tokens": n, "bare": limit, "worker": inside, "lab": whole})
    await arm.stop()
    worker = [r["worker"] / r["bare"] for r in raw]
    lab = [r["lab"] / r["bare"] for r in raw]
    return {
        "bare ms": spread([r["bare"] for r in raw]),
        "worker ms": spread([r["worker"] for r in raw]),
        "lab ms": spread([r["lab"] for r in raw]),
        "worker / bare": spread(worker),
        "lab / bare": spread(lab),
        "raw": raw,
    }


def measure(cases: int) -> dict[str, Any]:
    """See `measure_async`."""
    return asyncio.run(measure_async(cases))
