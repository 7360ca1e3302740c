"""The models that compression needs: a small one, which reads prompts, and an encoder, which compares two."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from routerlab.core.errors import Exit, LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.arms.downstream import ChatModel
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.contract import CUT
from routerlab.engine.contract.head import PARTS
from routerlab.engine.lab.factory import ModelArms
from routerlab.engine.worker.protocol import LoadChat, Surprisals
from routerlab.models.gguf import read_header
from routerlab.models.placement import want
from routerlab.resources import TAXONOMY
from routerlab.settings import Settings
from routerlab.study.outcome.compress.methods import Reading, llmlingua, self_information, window
from routerlab.study.outcome.matrix import Floats
from routerlab.study.outcome.record import Method

CONTEXT = 8192
"""Tokens that the reader takes, where it was trained for so many."""
TIMEOUT_S = 600.0


class _Opened:
    """A model that is loaded while a `with` block lasts; LabError (exit 3) when it cannot be."""

    arm: ModelArm

    async def __aenter__(self) -> Self:
        await self.arm.start()
        if self.arm.state.phase != "ready":
            await self.arm.stop()
            raise LabError(f"{self.arm.spec.name}: {self.arm.state.message}", Exit.MISSING)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.shield(self.arm.stop())


class Reader(_Opened):
    """A small model that reads prompts as a user's, and compresses them."""

    def __init__(self, path: Path, settings: Settings) -> None:
        load = LoadChat(
            model=path.absolute(),
            n_ctx=CONTEXT,
            threads=settings.threads,
            wanted=want(settings.devices, settings.gpu_layers, settings.split),
            weighs=True,
        )
        self.arm = self._chat = ChatModel(ArmSpec(name=path.stem, model=path, contract="chat"), load)
        self._mark = 0

    async def read(self, what: str | tuple[int, ...]) -> Reading:
        """What it makes of a prompt, or of tokens; LabError when that does not fit its context."""
        found = await self._said(what)
        return Reading(found.tokens, tuple(piece.encode("latin-1") for piece in found.pieces), found.nats)

    async def count(self, text: str) -> int:
        """How many tokens a prompt is."""
        return len((await self._said(text, split=True)).tokens)

    async def _said(self, what: str | tuple[int, ...], split: bool = False) -> Surprisals:
        found = await self._chat.weigh(what, TIMEOUT_S, split)
        if found.error:
            raise LabError(f"{self.arm.spec.name} cannot read the prompt: {found.error}", Exit.MISSING)
        return found

    async def compress(self, read: Reading, method: Method, keep: float) -> str:
        """What is sent of a prompt that was read, at most the share `keep` of its tokens."""
        if method == "self-information":
            return self_information(read, keep)
        if method == "llmlingua":
            return await llmlingua(read, keep, self._weigh)
        self._mark = self._mark or await self.count(CUT)
        return window(read, keep, self._mark)

    async def _weigh(self, tokens: Sequence[int]) -> tuple[float, ...]:
        return (await self.read(tuple(tokens))).nats


class Encoder(_Opened):
    """An encoder arm, asked for what its last layer makes of a text, mean over the tokens."""

    def __init__(self, path: Path, settings: Settings) -> None:
        """LabError when the model is no encoder."""
        header = read_header(path)
        if not header.encoder or not header.n_layers:
            raise LabError(
                f"{path.name}: how alike prompts are is asked of an encoder, such as all-minilm-l6-v2"
            )
        arms = ModelArms(load_taxonomy(TAXONOMY), (), None, settings)
        spec = ArmSpec(name=path.stem, model=path, contract="probe")
        self.arm = arms.model_arm(spec, layers=(header.n_layers - 1,))

    async def embed(self, text: str) -> Floats | None:
        """The mean, of length 1; None where the text is longer than the encoder can read."""
        prediction, features = await self.arm.read(text, None, TIMEOUT_S)
        if features is None:
            if prediction.status == "refused":
                return None
            raise LabError(f"{self.arm.spec.name}: {prediction.error or prediction.status}", Exit.MISSING)
        mean = features[0, : features.shape[1] // PARTS].astype(np.float64)
        found: Floats = mean / np.linalg.norm(mean)
        return found
