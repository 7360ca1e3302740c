"""Answers questions whose options are not the router's labels: the `score` contract on the router's model,
untuned, in a worker for each set of options, of which a few are kept."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from routerlab.api import AsyncRouter, Decision
from routerlab.core.errors import LabError
from routerlab.core.taxonomy import MAX_LABELS, Label, Taxonomy
from routerlab.engine.arms.arm import Arm, ArmSpec
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.lab.factory import model_arms
from routerlab.serve.limits import Limits, RefusedError
from routerlab.settings import Settings

MOST = 2
"""Sets of options whose workers are kept: those asked last."""
LONGEST = 8000
"""Characters of a question's options, descriptions and instruction together."""
_NO_LABEL = re.compile(r"[\s\"\\{}<>|]+")


def options_taxonomy(options: Sequence[tuple[str, str | None]], instruction: str) -> Taxonomy:
    """The options (name, description) as labels, in their order; RefusedError when they cannot be."""
    if len(options) > MAX_LABELS:
        raise RefusedError(422, "too_many_options", f"at most {MAX_LABELS} options can be scored")
    if len(instruction) + sum(len(name) + len(about or "") for name, about in options) > LONGEST:
        raise RefusedError(422, "question_too_long", f"a question has at most {LONGEST} characters")
    names = [_NO_LABEL.sub("-", name).strip("-")[:64] for name, _ in options]
    if not all(names) or len(set(names)) < len(names):
        names = [f"option-{n}" for n in range(1, len(options) + 1)]
    labels = tuple(
        Label(name=name, family="option", cue=" ".join((about or option).split()) or option or name)
        for name, (option, about) in zip(names, options, strict=True)
    )
    told = " ".join(instruction.split())
    return Taxonomy(schema_version=1, name="question", version="1", tie_rule=told, label=labels)


@dataclass
class Scorers:
    """Of one router: `arm` is it, `settings` what its model may use."""

    arm: Arm
    settings: Settings
    limits: Limits
    make: Callable[[ArmSpec, Taxonomy], AsyncRouter] | None = None
    _known: OrderedDict[str, AsyncRouter] = field(default_factory=OrderedDict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _loading: dict[str, asyncio.Task[AsyncRouter]] = field(default_factory=dict)
    _waiting: int = 0

    async def score(self, taxonomy: Taxonomy, text: str) -> Decision:
        """The decision between these labels; RefusedError when there is none in time, when the router's model
        cannot score, or when too many wait."""
        limits = self.limits
        if len(text) > limits.prompt_characters:
            raise RefusedError(413, "prompt_too_long", f"more than {limits.prompt_characters} characters")
        if self._waiting > limits.queue:
            raise RefusedError(429, "queue_full", f"{self._waiting} questions wait already", 1.0)
        self._waiting += 1
        try:
            async with asyncio.timeout(limits.deadline_s):
                router = await self._router(taxonomy)
                return await router.route(text)
        except TimeoutError:
            raise RefusedError(504, "timeout", f"no decision in {limits.deadline_s:g} s", 1.0) from None
        except LabError:  # it was closed for another's sake
            raise RefusedError(
                503, "router_out", "the model of these options ended; ask again", 1.0
            ) from None
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End all workers, and those that are being loaded."""
        loading = list(self._loading.values())
        for task in loading:
            task.cancel()
        await asyncio.gather(*loading, return_exceptions=True)
        await asyncio.gather(*(router.close() for router in self._known.values()))
        self._known.clear()

    async def _router(self, taxonomy: Taxonomy) -> AsyncRouter:
        """What scores these options; it is loaded to its end though nobody may wait any more."""
        key = taxonomy.sha256
        task = self._loading.get(key)
        if task is None:
            if len(self._loading) > self.limits.queue:
                raise RefusedError(
                    429, "queue_full", f"{len(self._loading)} sets of options wait already", 1.0
                )
            task = self._loading[key] = asyncio.create_task(self._loaded(key, taxonomy))
            task.add_done_callback(partial(self._is_loaded, key))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise LabError("closed meanwhile") from None
            raise

    def _is_loaded(self, key: str, task: asyncio.Task[AsyncRouter]) -> None:
        del self._loading[key]
        if not task.cancelled():
            task.exception()  # which was told to whoever still waited

    async def _loaded(self, key: str, taxonomy: Taxonomy) -> AsyncRouter:
        async with self._turn:
            known = self._known.get(key)
            if known is None or known.arm.state.phase == "failed":
                spec = self._spec()
                known = (self.make or self._made)(spec, taxonomy)
                try:
                    await known.start()
                except LabError:
                    raise _unable(spec.name) from None
                except BaseException:
                    await known.close()
                    raise
                self._known[key] = known
            self._known.move_to_end(key)
            if len(self._known) > MOST:
                _, last = self._known.popitem(last=False)
                await last.close()
            return known

    def _spec(self) -> ArmSpec:
        spec, info = self.arm.spec, self.arm.state.info
        if not isinstance(spec, ArmSpec) or (isinstance(info, ArmInfo) and info.encoder):
            raise _unable(spec.name)
        return ArmSpec(name=f"{spec.model.stem}:options", model=spec.model, contract="score")

    def _made(self, spec: ArmSpec, taxonomy: Taxonomy) -> AsyncRouter:
        # What strangers ask is in the prefix, and that is not to be kept on the disk.
        own = self.settings.model_copy(update={"prefix_cache_mb": 0})
        return AsyncRouter(model_arms(taxonomy, "none", own)(spec), taxonomy.labels, own.timeout_s)


def _unable(name: str) -> RefusedError:
    told = f"{name} answers its own labels only: no model of it can score other options"
    return RefusedError(422, "options_unknown", told)
