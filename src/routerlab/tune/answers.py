"""Asking an arm every case once: answers are kept on disk, so tuning goes on where it stopped."""

import hashlib
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routerlab.core.errors import Exit, LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.core.prediction import Prediction
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.cluster.arm import ClusterArm, in_batches
from routerlab.engine.contract.info import ArmInfo

Floats = NDArray[np.float32]

WINDOWS = (256, 192, 128)
"""Routing windows that tuning tries, in tokens, the widest first."""

TIMEOUT_S = 300.0
"""For one answer; a model that rambles under `json` takes its time."""


@dataclass(frozen=True)
class Answer:
    """What an arm made of a prompt; `features` is (layers, PARTS x n_embd) where layers are read."""

    prediction: Prediction
    features: Floats | None


class Answers:
    """A store of answers in one SQLite file; several processes may use it."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS answer (arm TEXT, prompt TEXT, prediction TEXT, features BLOB,"
                " PRIMARY KEY (arm, prompt)) WITHOUT ROWID"
            )
        except OSError as e:
            raise LabError(f"{path.parent}: no folder to keep answers in: {e.strerror}") from e
        except sqlite3.Error as e:
            raise LabError(f"{path}: cannot be used to keep answers: {e}; delete it") from e

    def get(self, arm: str, prompt: str, layers: int) -> Answer | None:
        """The answer, if there is one; `layers` is how many layers the arm reads."""
        row = self._db.execute(
            "SELECT prediction, features FROM answer WHERE arm = ? AND prompt = ?", (arm, _hash(prompt))
        ).fetchone()
        if row is None:
            return None
        features = np.frombuffer(row[1], "<f4").reshape(layers, -1) if row[1] else None
        return Answer(Prediction.model_validate_json(row[0]), features)

    def put(self, arm: str, prompt: str, answer: Answer) -> None:
        """Keep an answer; it is on disk when this returns."""
        blob = None if answer.features is None else answer.features.astype("<f4").tobytes()
        values = (arm, _hash(prompt), answer.prediction.model_dump_json(), blob)
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?)", values)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _hash(prompt: str) -> str:
    return hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()


class Asker:
    """One arm, loaded only when an answer is wanted that is not in the store; stopped with its block.

    With `far`, the same model on a cluster, that is asked what is not in the store, and the arm only what is
    wanted `fresh`, to be timed.
    """

    def __init__(
        self, arm: ModelArm, key: str, layers: int, store: Answers, far: ClusterArm | None = None
    ) -> None:
        self.arm = arm
        self.far = far
        self._key = key
        self._layers = layers
        self._store = store

    async def __aenter__(self) -> "Asker":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.arm.stop()
        await self._leave()

    async def answers(
        self, prompts: Sequence[str], window: int | None, done: Callable[[int, int], None]
    ) -> list[Answer]:
        """The arm's answer to every prompt. LabError (exit 3) when it cannot be loaded or an answer fails."""
        found = [self._kept(prompt, window) for prompt in prompts]
        missing = deque(i for i, answer in enumerate(found) if answer is None)
        async for answer in self._read([prompts[i] for i in missing], window):
            i = missing.popleft()
            found[i] = answer
            self._store.put(self._window_key(window), prompts[i], answer)
            done(len(prompts) - len(missing), len(prompts))
        return [answer for answer in found if answer is not None]

    async def _read(self, prompts: Sequence[str], window: int | None) -> AsyncIterator[Answer]:
        """The answers now, in the order of the prompts, of the cluster where there is one."""
        if self.far is None or not prompts:
            for prompt in prompts:
                yield await self.fresh(prompt, window)
            return
        if self.far.state.phase != "ready":
            await self.far.start()
        async for prediction, features in self.far.spread(partial(_read_all, window), in_batches(prompts)):
            yield self._sound(prediction, features)
        if self.far.state.phase != "ready":
            raise self._failed(self.far.state.message)

    def _window_key(self, window: int | None) -> str:
        return canonical_sha256({"arm": self._key, "window": window or 0})

    def _kept(self, prompt: str, window: int | None) -> Answer | None:
        """The answer in the store: under this window, or under a wider one that did not cut either."""
        if (answer := self._store.get(self._window_key(window), prompt, self._layers)) or window is None:
            return answer
        for wider in (w for w in WINDOWS if w > window):
            answer = self._store.get(self._window_key(wider), prompt, self._layers)
            if answer and answer.prediction.tokens.evaluated <= window:
                return answer
        return None

    async def fresh(self, prompt: str, window: int | None) -> Answer:
        """The arm's answer now, whatever the store has."""
        if self.arm.state.phase != "ready":
            await self.start()
        return self._sound(*await self.arm.read(prompt, window, TIMEOUT_S))

    def _sound(self, prediction: Prediction, features: Floats | None) -> Answer:
        if prediction.status not in ("ok", "unparsed"):
            raise self._failed(prediction.error or prediction.status)
        if features is not None and not np.isfinite(features).all():
            raise self._failed("an output is no number: the model file may be damaged")
        return Answer(prediction, features)

    def _failed(self, why: str) -> LabError:
        return LabError(f"{self.arm.spec.name}: {why}; what was read so far is kept", Exit.MISSING)

    async def start(self) -> ArmInfo:
        """Load the model; facts of it. LabError (exit 3) when that fails. A cluster that was joined is left:
        nothing of it may be beside what is timed."""
        await self._leave()
        await self.arm.start()
        if self.arm.state.phase != "ready":
            raise LabError(f"{self.arm.spec.name}: {self.arm.state.message}", Exit.MISSING)
        assert isinstance(self.arm.state.info, ArmInfo)
        return self.arm.state.info

    async def _leave(self) -> None:
        if self.far is not None and self.far.state.phase not in ("starting", "stopped"):
            await self.far.stop()


async def _read_all(
    window: int | None, arm: ModelArm, prompts: Sequence[str]
) -> list[tuple[Prediction, Floats | None]]:
    return [await arm.read(prompt, window, TIMEOUT_S) for prompt in prompts]
