"""Reading the features of a corpus under every way to ask and window, as far as the time goes."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.core.statistics.quantiles import percentile
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.cluster.arm import ClusterArm
from routerlab.engine.contract.contract import Exemplar, own_frame, system_prompt
from routerlab.engine.contract.head import ENCODER_FEATURES, FEATURES
from routerlab.engine.contract.names import ContractName, Encoding
from routerlab.engine.lab.factory import ModelArms
from routerlab.models.fingerprint import file_sha256
from routerlab.models.gguf import GgufHeader, read_header
from routerlab.settings import Settings
from routerlab.tune.answers import Answers, Asker
from routerlab.tune.cases import Training, sample
from routerlab.tune.choose import Candidates
from routerlab.tune.fit import Floats
from routerlab.tune.plan import Plan
from routerlab.tune.ways import Way
from routerlab.version import __version__

DEPTHS = (0.5, 0.57, 0.64, 0.71, 0.78)
"""Where layers are tried, as a share of all: what a prompt asks for is plainest past the middle."""

PACE_CASES, PACE_ROUNDS = 24, 3
"""Cases that tell the pace of a way to ask, and how often they are asked."""

Tell = Callable[[str, int, int], None]
"""Progress: what is being done, how much of it, of how much."""


def layers_of(n_layers: int, encoder: bool = False) -> tuple[int, ...]:
    """The layers to read in a model that has `n_layers`; the last can be read in an encoder only, and is what
    that was trained for."""
    found = {min(max(round(d * n_layers), 0), n_layers - 2) for d in DEPTHS}
    return tuple(sorted(found | {n_layers - 1} if encoder else found))


class Workbench:
    """Asks the plan's model, in a `with` block; what was read is kept in the plan's store."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._store = Answers(plan.store)
        self._header: GgufHeader | None = None

    def __enter__(self) -> "Workbench":
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def asker(
        self,
        contract: ContractName,
        way: Way,
        layers: Sequence[int] = (),
        encoding: Encoding = "json-name",
    ) -> Asker:
        """A model asked in this way under a contract; loaded when it is first needed. Where layers are read
        the plan's cluster does it; other answers are timed as they come, so they stay here."""
        plan, header = self.plan, self.header
        own = own_frame(header.architecture, header.name).sha256 if header.embedding else None
        features = ENCODER_FEATURES if header.encoder else FEATURES
        spec = way.spec.model_copy(update={"contract": contract, "encoding": encoding})
        make = partial(_arms, plan.taxonomy, way.shots, tuple(layers))
        far = ClusterArm(spec, plan.cluster, make, plan.settings) if plan.cluster and layers else None
        key = canonical_sha256(
            {
                "lab": __version__,
                "model": file_sha256(spec.model),
                "contract": contract,
                "exemplars": [shot.model_dump() for shot in way.shots],
                "prompt": own or system_prompt(plan.taxonomy, contract, encoding, spec.instruction),
                "layers": list(layers),
            }
            | ({"features": features} if layers else {})
        )
        return Asker(make(plan.settings)(spec), key, len(layers), self._store, far)

    @property
    def header(self) -> GgufHeader:
        """What the model's file says of itself; LabError when it cannot be read."""
        if self._header is None:
            self._header = read_header(self.plan.spec.model)
        return self._header

    async def layers(self) -> tuple[int, ...]:
        """The layers to read in the model; LabError when it has too few."""
        header = await asyncio.to_thread(lambda: self.header)
        if not header.n_layers or header.n_layers < 3:
            raise LabError(f"{self.plan.spec.model}: has too few layers to be probed")
        own, last = self.plan.layer, header.n_layers - (1 if header.encoder else 2)
        if own is not None and own > last:
            raise LabError(f"--layer {own}: of {self.plan.spec.model} 0 to {last} can be read")
        return layers_of(header.n_layers, header.encoder) if own is None else (own,)


def _arms(
    taxonomy: Taxonomy, shots: Sequence[Exemplar], layers: tuple[int, ...], settings: Settings
) -> Callable[[ArmSpec], ModelArm]:
    """Makes arms whose layers are read, here or on a cluster's machines."""
    return partial(ModelArms(taxonomy, shots, None, settings).model_arm, layers=layers)


class Reader:
    """Reads the cases in one way after the other."""

    def __init__(self, bench: Workbench, training: Training, layers: tuple[int, ...], tell: Tell) -> None:
        self._bench = bench
        self._training = training
        self._layers = layers
        self._tell = tell
        self._table: dict[tuple[int, int], Floats] = {}
        self._evaluated: dict[tuple[int, int], list[int]] = {}
        self._pace: list[float] = []
        self.ways: list[Way] = []
        self.prefix: list[int] = []
        """Tokens before every prompt, by way."""
        self.tokens: tuple[int, ...] = ()
        """Tokens of each prompt and the answer's beginning."""
        self.seconds = 0.0
        """What the last way took (next to nothing when it was in the store)."""

    async def read(self, way: Way, windows: Sequence[int]) -> None:
        """Read every case in this way, under each window, the widest first."""
        number, prompts = len(self.ways), [case.prompt for case in self._training.cases]
        start = time.monotonic()
        async with self._bench.asker("probe", way, self._layers) as asker:
            for window in sorted(windows, reverse=True):
                what = f"reading prompts, way {number + 1} ({way.text}), window {window}"
                answers = await asker.answers(prompts, window, partial(self._tell, what))
                features = [a.features for a in answers if a.features is not None]
                self._table[number, window] = np.stack(features, axis=1)
                self._evaluated[number, window] = [a.prediction.tokens.evaluated for a in answers]
            self._pace.append(await self._measured(asker, max(windows)))
        read = [a.prediction.tokens for a in answers]
        if not self.tokens:
            self.tokens = tuple(t.evaluated + (t.dropped or 0) for t in read)
        self.prefix.append(read[0].cached)
        self.ways.append(way)
        self.seconds = time.monotonic() - start

    async def _measured(self, asker: Asker, window: int) -> float:
        """Milliseconds a token, of a few cases asked now, for what is kept may be from a busier day. Of each
        the quickest answer counts: others may use the machine, too."""
        rows = sample(self._training, PACE_CASES, 0)[:PACE_CASES]
        took: dict[int, list[float]] = {i: [] for i in rows}
        tokens = 0
        for _ in range(PACE_ROUNDS):
            for i in rows:
                answer = (await asker.fresh(self._training.cases[i].prompt, window)).prediction
                took[i].append(answer.latency_ms.total)
                tokens += answer.tokens.evaluated
        return sum(map(min, took.values())) * PACE_ROUNDS / tokens

    def quickest(self) -> Way:
        """The way that takes the least time for a token."""
        return self.ways[int(np.argmin(self._pace))]

    def candidates(self, limit_ms: float) -> Candidates:
        """The features; what has a P95 over the limit is left out, unless everything has."""
        # Reading goes to the deepest layer; a router stops at its own, of which the middle one stands here.
        part = (self._layers[len(self._layers) // 2] + 1) / (self._layers[-1] + 1)
        times = {key: [self._pace[key[0]] * n for n in tokens] for key, tokens in self._evaluated.items()}
        p95 = {key: part * (percentile(own, 0.95) or 0.0) for key, own in times.items()}
        quick = [key for key in p95 if p95[key] <= limit_ms] or [min(p95, key=lambda key: p95[key])]
        group = self._training.group  # what is nearly an exemplar is not judged by it either
        return Candidates(
            {key: self._table[key] for key in quick},
            self._layers,
            np.stack([~np.isin(group, group[np.array(way.own, int)]) for way in self.ways]),
            {key: float(np.mean(own)) for key, own in times.items()},
        )
