"""Routers from Python: load one, give it prompts, get decisions. The engine is the one of every command.

An arm is asked directly rather than through a lab: there is one arm, so nobody's turn to wait for, and no
session to write. What a lab's runner does besides is done here: questions take turns, the wait is measured.
"""

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import ValidationError

from routerlab.core.errors import LabError
from routerlab.core.files.toml import invalid
from routerlab.core.prediction import Prediction
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.arms.arm import Arm
from routerlab.engine.lab.factory import model_arms
from routerlab.engine.lab.runner import UNSETTLED
from routerlab.engine.lab.specs import any_spec
from routerlab.engine.lab.start import given_up
from routerlab.resources import TAXONOMY
from routerlab.settings import load_settings

TOGETHER = 16
"""Prompts that `throughput` puts into one decode."""
CLOSE_S = 10.0
"""Seconds that closing may take before the worker is left to end with its pipe."""
T = TypeVar("T")


class Decision(Prediction):
    """What a router made of one prompt: a `Prediction`, and the arm it is from.

    `label` is None unless `status` is "ok". `probabilities` are one a label of the taxonomy and sum to 1,
    None where the arm has none (`json`). `familiarity` is the share (0..1) of the prompts that the router was
    fitted for that are at least as far off as this one, None where it cannot tell; `abstained` is true where
    the label is not to be acted on, and `routed` is the label that is. `latency_ms.total` is from the
    router's turn to the whole answer in milliseconds, `latency_ms.queue` the wait for the turn before it;
    neither means anything when `batched`. `tokens` are those taken from the cached prefix, evaluated, and
    generated. `error` says why there is no label, or which members of a cascade failed before one had it;
    `member` is the one whose answer it is.
    """

    arm: str

    @property
    def ok(self) -> bool:
        """Whether there is a label."""
        return self.status == "ok"

    @property
    def probability(self) -> float | None:
        """That of the label, in 0..1; None where there is no label, or the arm gives no probabilities."""
        return self.probabilities[self.label] if self.label and self.probabilities else None

    def __str__(self) -> str:
        """What people want to read of it."""
        sure = "" if self.probability is None else f" {self.probability:.2f}"
        return f"{self.label or self.status}{sure}, {self.latency_ms.total:.0f} ms ({self.arm})"

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that JSON knows."""
        return self.model_dump(mode="json")


@dataclass(eq=False)
class _Asked:
    """A question that waits, since `began` (time.perf_counter())."""

    prompt: str
    began: float
    decision: asyncio.Future[Decision]


class AsyncRouter:
    """A router on the running event loop: `async with load_async_router(...) as r: await r.route(...)`.

    Questions that come at once wait for each other; with the setting `concurrency` those that wait are
    decoded together, so many at most, and the latency of each is the time until all are answered. A worker
    that dies is replaced: the questions that it had get status "crashed", the next one waits for the new
    worker.
    """

    def __init__(self, arm: Arm, labels: tuple[str, ...], timeout_s: float) -> None:
        self.name = arm.spec.name
        self.labels = labels
        self._arm = arm
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._turns: set[asyncio.Task[None]] = set()
        self._waiting: list[_Asked] = []
        self._together: list[_Asked] = []
        """Those that the arm is at work on."""
        self._changed = asyncio.Event()
        self._closed = False
        arm.on_change = lambda _: self._changed.set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def arm(self) -> Arm:
        """What is asked: for those who show its state, or write it down."""
        return self._arm

    async def start(self) -> None:
        """Load the model; LabError (code 3) when it cannot be loaded."""
        try:
            await self._arm.start()
        except BaseException:
            await self.close()
            raise
        if self._arm.state.phase == "failed":
            error = given_up(self.name, self._arm.state, lambda _: None)
            await self.close()
            raise error

    async def close(self) -> None:
        """End the worker; the router cannot be asked any more."""
        self._closed = True
        await self._arm.stop()

    async def route(self, prompt: str) -> Decision:
        """The decision on a prompt. What goes wrong with it is told by `status`, not raised; LabError when
        the router was closed. Cancelling stops the model, unless it is at work for others, too."""
        loop = asyncio.get_running_loop()
        mine = _Asked(prompt, time.perf_counter(), loop.create_future())
        self._waiting.append(mine)
        turn = loop.create_task(self._serve())
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)
        try:
            return await mine.decision
        except asyncio.CancelledError:
            if mine in self._waiting:
                self._waiting.remove(mine)
            elif mine in self._together and all(one.decision.done() for one in self._together):
                self._arm.cancel()
            raise

    async def _serve(self) -> None:
        """Answer the questions that wait, as many as the arm decodes together. There is none where an earlier
        turn took it along, or it was cancelled."""
        async with self._turn:
            if not self._waiting:
                return
            try:
                await self._settled()
            except LabError as e:
                for one in self._waiting:
                    if not one.decision.done():
                        one.decision.set_exception(e)
                self._waiting.clear()
                return
            info = self._arm.state.info
            most = (info and info.concurrency) or 1
            asked = self._together = self._waiting[:most]
            del self._waiting[:most]
            if not asked:
                return
            now = time.perf_counter()
            if len(asked) == 1:
                predictions = [await self._arm.ask(asked[0].prompt, self._timeout_s)]
            else:
                predictions = await self._arm.ask_many([a.prompt for a in asked], self._timeout_s, True)
            for one, prediction in zip(asked, predictions, strict=True):
                if not one.decision.done():
                    one.decision.set_result(self._decision(prediction, (now - one.began) * 1000.0))
            self._together = []

    async def route_many(
        self,
        prompts: Sequence[str],
        *,
        throughput: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Decision]:
        """The decisions on all prompts, in their order; `progress` is told (done, of how many).

        With `throughput` several go into one decode: quicker on a GPU, and for contracts that generate. The
        labels are the same up to rounding, the decisions are `batched`, and their times are no latencies.
        """
        found: list[Decision] = []
        step = TOGETHER if throughput else 1
        for start in range(0, len(prompts), step):
            part = prompts[start : start + step]
            found += await self._in_bulk(part) if throughput else [await self.route(part[0])]
            if progress:
                progress(len(found), len(prompts))
        return found

    async def _in_bulk(self, prompts: Sequence[str]) -> list[Decision]:
        began = time.perf_counter()
        async with self._turn:
            await self._settled()
            waited = (time.perf_counter() - began) * 1000.0
            asking = asyncio.ensure_future(self._arm.ask_many(prompts, self._timeout_s))
            try:
                predictions = await asyncio.shield(asking)
            except asyncio.CancelledError:
                self._arm.cancel()
                await asking  # the arm must know that its question is over before it gets another
                raise
        return [self._decision(p, waited) for p in predictions]

    async def _settled(self) -> None:
        """Wait while a worker is being replaced."""
        while not self._closed and self._arm.state.phase in UNSETTLED:
            self._changed.clear()
            await self._changed.wait()
        if self._closed:
            raise LabError(f"{self.name}: the router was closed; load it again")

    def _decision(self, prediction: Prediction, waited_ms: float) -> Decision:
        latency = prediction.latency_ms.model_copy(update={"queue": waited_ms})
        return Decision(arm=self.name, **{**dict(prediction), "latency_ms": latency})


def load_async_router(
    arm: str | Path,
    *,
    contract: Literal["score", "json"] | None = None,
    taxonomy: str | Path | None = None,
    exemplars: str | Path | None = None,
    **settings: Any,
) -> AsyncRouter:
    """A router that loads when it is entered (`async with`) or started; see `load_router`."""
    own = load_settings()
    if unknown := sorted(set(settings) - set(type(own).model_fields)):
        raise LabError(f"load_router: no setting {', '.join(unknown)}")
    try:
        own = type(own).model_validate(
            own.model_dump() | {k: v for k, v in settings.items() if v is not None}
        )
    except ValidationError as e:
        raise invalid("load_router", e) from None
    labels = load_taxonomy(Path(taxonomy) if taxonomy else TAXONOMY)
    spec = any_spec(str(arm), contract or own.contract)
    make = model_arms(labels, str(exemplars) if exemplars else None, own, TOGETHER)
    return AsyncRouter(make(spec), labels.labels, own.timeout_s)


class Router:
    """A router for code without an event loop, notebooks included: it has a loop of its own, in a thread.

    It may be asked from several threads at once; the questions wait for each other. Close it, or use it as a
    context manager; one that is forgotten ends its worker when it is collected, or with the program.
    """

    def __init__(self, inner: AsyncRouter) -> None:
        """Loads the model; LabError when it cannot be loaded."""
        self.name = inner.name
        self.labels = inner.labels
        self._inner = inner
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name=f"router {inner.name}", daemon=True)
        thread.start()
        self._finalizer = weakref.finalize(self, _end, self._loop, thread, inner)
        try:
            self._wait(inner.start())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def route(self, prompt: str) -> Decision:
        """See `AsyncRouter.route`; Ctrl+C stops the model."""
        return self._wait(self._inner.route(prompt))

    async def route_async(self, prompt: str) -> Decision:
        """The same for code on an event loop, which goes on meanwhile; cancelling stops the model."""
        return await asyncio.wrap_future(self._begin(self._inner.route(prompt)))

    def route_many(
        self,
        prompts: Sequence[str],
        *,
        throughput: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Decision]:
        """See `AsyncRouter.route_many`; `progress` is called in the router's thread."""
        return self._wait(self._inner.route_many(prompts, throughput=throughput, progress=progress))

    def close(self) -> None:
        """End the worker and the thread; idempotent."""
        self._finalizer()

    def _begin(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        if not self._finalizer.alive:
            coroutine.close()
            raise LabError(f"{self.name}: the router was closed; load it again")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future = self._begin(coroutine)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread, inner: AsyncRouter) -> None:
    """Stop the worker, then the loop; the loop's own thread cannot wait for itself."""
    if thread is not threading.current_thread():
        closing = asyncio.run_coroutine_threadsafe(_finish(inner), loop)
        try:
            closing.result(CLOSE_S)
        except TimeoutError:
            closing.cancel()
    loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():
        thread.join(CLOSE_S)
        if not thread.is_alive():
            loop.close()


async def _finish(inner: AsyncRouter) -> None:
    """Close it, and let what still watches a worker that was replaced see its end."""
    await inner.close()
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


def load_router(
    arm: str | Path,
    *,
    contract: Literal["score", "json"] | None = None,
    taxonomy: str | Path | None = None,
    exemplars: str | Path | None = None,
    **settings: Any,
) -> Router:
    """Load a router: whatever the commands take as `--arm`, with the user's settings.

    `arm` is a catalogue id ("smollm2-135m:probe", ":json", ":score"), a path to a .gguf or a router file, a
    cascade, "remote:NAME" or a baseline. `contract` is how a plain model is asked, `taxonomy` a file with
    other labels, `exemplars` a corpus file or "none". `settings` are keys of the settings file, for example
    threads=2, context=4096, gpu_layers=0, devices=("CUDA0",), timeout_s=5.0; they win over the file.

    Returns when the model is ready. LabError says in one line what is missing or wrong, and what to do.
    """
    return Router(
        load_async_router(arm, contract=contract, taxonomy=taxonomy, exemplars=exemplars, **settings)
    )
