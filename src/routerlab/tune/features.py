"""Reading the features of a corpus under every exemplar set and window, as far as the time goes."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.core.statistics.quantiles import percentile
from routerlab.engine.contract.contract import Exemplar, own_frame, system_prompt
from routerlab.engine.contract.head import ENCODER_FEATURES, FEATURES
from routerlab.engine.contract.names import ContractName, Encoding
from routerlab.engine.lab.factory import ModelArms
from routerlab.models.fingerprint import file_sha256
from routerlab.models.gguf import GgufHeader, read_header
from routerlab.tune.answers import Answers, Asker
from routerlab.tune.cases import Bools, Training
from routerlab.tune.choose import Candidates
from routerlab.tune.fit import Floats
from routerlab.tune.plan import Plan
from routerlab.version import __version__

DEPTHS = (0.5, 0.57, 0.64, 0.71, 0.78)
"""Where layers are tried, as a share of all: what a prompt asks for is plainest past the middle."""

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
        self._plan = plan
        self._store = Answers(plan.store)
        self._header: GgufHeader | None = None

    def __enter__(self) -> "Workbench":
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def asker(
        self,
        contract: ContractName,
        shots: Sequence[Exemplar],
        layers: Sequence[int] = (),
        encoding: Encoding = "json-name",
    ) -> Asker:
        """The model under a contract, with these exemplars; loaded when it is first needed."""
        plan, header = self._plan, self.header
        own = own_frame(header.architecture, header.name).sha256 if header.embedding else None
        features = ENCODER_FEATURES if header.encoder else FEATURES
        spec = plan.spec.model_copy(update={"contract": contract, "encoding": encoding})
        arm = ModelArms(plan.taxonomy, shots, None, plan.settings).model_arm(spec, layers=layers)
        key = canonical_sha256(
            {
                "lab": __version__,
                "model": file_sha256(spec.model),
                "contract": contract,
                "exemplars": [shot.model_dump() for shot in shots],
                "prompt": own or system_prompt(plan.taxonomy, contract, encoding),
                "layers": list(layers),
            }
            | ({"features": features} if layers else {})
        )
        return Asker(arm, key, len(layers), self._store)

    @property
    def header(self) -> GgufHeader:
        """What the model's file says of itself; LabError when it cannot be read."""
        if self._header is None:
            self._header = read_header(self._plan.spec.model)
        return self._header

    async def layers(self) -> tuple[int, ...]:
        """The layers to read in the model; LabError when it has too few."""
        header = await asyncio.to_thread(lambda: self.header)
        if not header.n_layers or header.n_layers < 3:
            raise LabError(f"{self._plan.spec.model}: has too few layers to be probed")
        return layers_of(header.n_layers, header.encoder)


class Reader:
    """Reads the cases with one exemplar set after the other before them."""

    def __init__(self, bench: Workbench, training: Training, layers: tuple[int, ...], tell: Tell) -> None:
        self._bench = bench
        self._training = training
        self._layers = layers
        self._tell = tell
        self._table: dict[tuple[int, int], Floats] = {}
        self._usable: list[Bools] = []
        self.shots: list[tuple[Exemplar, ...]] = []
        self._times: dict[int, list[float]] = {}
        self.tokens: tuple[int, ...] = ()
        """Tokens of each prompt and the answer's beginning."""
        self.seconds = 0.0
        """What the last set took (next to nothing when it was in the store)."""

    async def read(
        self, shots: tuple[Exemplar, ...], windows: Sequence[int], own: Sequence[int] = ()
    ) -> None:
        """Read every case with these exemplars before it, under each window, the widest first; the rows
        `own` are the cases that the exemplars were drawn from."""
        number, prompts = len(self.shots), [case.prompt for case in self._training.cases]
        start = time.monotonic()
        async with self._bench.asker("probe", shots, self._layers) as asker:
            for window in sorted(windows, reverse=True):
                what = f"reading prompts, exemplars {number + 1}, window {window}"
                answers = await asker.answers(prompts, window, partial(self._tell, what))
                features = [a.features for a in answers if a.features is not None]
                self._table[number, window] = np.stack(features, axis=1)
                self._times.setdefault(window, []).extend(a.prediction.latency_ms.total for a in answers)
                if not self.tokens:
                    self.tokens = tuple(
                        a.prediction.tokens.evaluated + (a.prediction.tokens.dropped or 0) for a in answers
                    )
        self.shots.append(shots)
        self._usable.append(~np.isin(np.arange(len(prompts)), own))
        self.seconds = time.monotonic() - start

    def candidates(self, limit_ms: float) -> Candidates:
        """The features; windows whose P95 is over the limit are left out, unless all are."""
        # Reading goes to the deepest layer; a router stops at its own, of which the middle one stands here.
        part = (self._layers[len(self._layers) // 2] + 1) / (self._layers[-1] + 1)
        p95 = {w: part * (percentile(times, 0.95) or 0.0) for w, times in self._times.items()}
        quick = [w for w in p95 if p95[w] <= limit_ms] or [min(p95)]
        table = {key: features for key, features in self._table.items() if key[1] in quick}
        return Candidates(table, self._layers, np.stack(self._usable))
