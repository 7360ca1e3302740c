"""An arm that is a model loaded many times on a Ray cluster: batches go out, answers come in order."""

import asyncio
import logging
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from routerlab.core.errors import Exit, LabError
from routerlab.core.prediction import Prediction
from routerlab.core.text import printable
from routerlab.engine.arms.arm import Arm, ArmSpec, ArmState, Spec, Watched
from routerlab.engine.cluster.actor import Actor, How, Make, R, Shape, gpu_memory, shape
from routerlab.engine.contract.info import Info
from routerlab.engine.lab.factory import ArmFactory
from routerlab.models.fingerprint import file_sha256
from routerlab.models.gguf import read_header
from routerlab.models.memory import estimate
from routerlab.models.placement import share, want
from routerlab.settings import Settings

ENGINE = "ray"
BATCH = 16
"""Prompts that an actor gets together; where they are labelled it decodes them together, too."""
NEXT = 1
"""Batches that each actor has besides those it is at, so that it need not wait for the next."""
AHEAD = 4
"""Batches for each lane of an actor that may be done before one that is not: order costs no more waiting."""
ANSWERS_S = 5.0
"""Seconds in which a cluster's address must answer."""
LONG_S = 60.0
"""Seconds after which a person is told that models are still being loaded."""
SAME = ("model_sha256", "router_sha256", "prompt_sha256", "exemplars_sha256", "llama_cpp")
"""What must be alike on all machines, or their answers would not be."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@dataclass(frozen=True)
class Cluster:
    """A cluster by its address, None for the one that is here, or is begun; `tell` gets what a person should
    know of it, a line each."""

    address: str | None
    tell: Callable[[str], None]


def find_cluster(engine: str, tell: Callable[[str], None]) -> Cluster:
    """The cluster that `engine` names (`ray`: the one of this machine, or of RAY_ADDRESS; `ray://HOST:PORT`),
    not joined yet. LabError when it names none, or ray is missing."""
    address = engine if engine.startswith("ray://") else None
    if address is None and engine != ENGINE:
        raise LabError(f"--engine {printable(engine)}: there is ray, and ray://HOST:PORT")
    for module in ("ray", *(("grpc",) if address else ())):
        if find_spec(module) is None:
            raise LabError(f"--engine {engine} needs {module}: pip install 'routerlab[ray]'", Exit.MISSING)
    return Cluster(address, tell)


def on_cluster(
    engine: str, make: Make, here: ArmFactory, settings: Settings, tell: Callable[[str], None]
) -> ArmFactory:
    """Makes models' arms on the cluster that `engine` names, all other arms `here`. LabError as there."""
    cluster = find_cluster(engine, tell)

    def made(spec: Spec) -> Arm:
        return ClusterArm(spec, cluster, make, settings) if isinstance(spec, ArmSpec) else here(spec)

    return made


def in_batches(prompts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The prompts as actors get them."""
    return (prompts[i : i + BATCH] for i in range(0, len(prompts), BATCH))


async def _label(timeout_s: float, arm: Arm, prompts: Sequence[str]) -> list[Prediction]:
    return await arm.ask_many(prompts, timeout_s)


class ClusterArm(Watched):
    """One model in many processes (see `Arm`, `Streaming`). What a lost one had is asked of the others."""

    def __init__(
        self, spec: ArmSpec, cluster: Cluster, make: Make, settings: Settings, lanes: int = 1
    ) -> None:
        """`make` is called there; what it makes can be asked `lanes` batches at once."""
        super().__init__()
        self.spec = spec
        self._address = cluster.address
        self._tell = cluster.tell
        self._make = make
        self._settings = settings
        self._at_once = lanes
        self._actors: set[Any] = set()
        self._free: asyncio.Queue[Any] = asyncio.Queue()
        """An actor for each batch that it may get; None once all are out."""
        self._joining = asyncio.Lock()
        self._starts: list[asyncio.Future[ArmState]] = []
        self._out: deque[asyncio.Task[list[Any] | None]] = deque()

    async def start(self) -> None:
        """Join the cluster and load the model wherever there is room."""
        from ray.exceptions import RayError

        self._enter("loading", stage="on the cluster")
        try:
            async with self._joining:
                actors = await asyncio.to_thread(self._join)
            if self.state.phase == "stopped":  # meanwhile
                return
            info = await self._load(actors)
        except (LabError, RayError) as e:
            await self.stop()
            self._enter("failed", message=_reason(e))
            return
        self._enter("ready", stage="", message=f"loaded {len(self._actors)} times on the cluster", info=info)

    def _join(self) -> list[Any]:
        """The actors, which need not run yet; LabError when there is no cluster, or no room in it."""
        import ray

        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        if self._address:
            _reach(self._address)
        try:
            ray.init(self._address, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as e:  # of every kind
            raise LabError(
                f"--engine {self._address or ENGINE}: cannot be joined: {_reason(e)}", Exit.MISSING
            ) from None
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        wanted = self._shape(nodes)
        settings = self._settings.model_copy(update={"threads": wanted.cpus})
        actor = ray.remote(num_cpus=wanted.cpus, num_gpus=wanted.gpus)(Actor)
        told = (os.getcwd(), self._make, settings, self.spec, self._at_once)
        return [actor.remote(*told) for _ in range(wanted.actors)]

    def _shape(self, nodes: list[dict[str, float]]) -> Shape:
        import ray

        own, gpu = self._settings, 0.0
        wanted = want(own.devices, own.gpu_layers, own.split)
        if wanted.layers and any(node.get("GPU") for node in nodes):
            memory = ray.get(ray.remote(num_gpus=1)(gpu_memory).remote())
            need = estimate(read_header(self.spec.model), own.context, BATCH)
            gpu = share(need, memory) if memory else 0.0
        return shape(nodes, own.threads, gpu)

    async def _load(self, actors: list[Any]) -> Info:
        """What the models turned out to be; LabError when one cannot be loaded, or they are not alike, or not
        the one that is here."""
        self._actors = set(actors)
        self._free = asyncio.Queue()
        starts = self._starts = [asyncio.ensure_future(_result(actor.start.remote())) for actor in actors]
        _, late = await asyncio.wait(starts, timeout=LONG_S)
        if late:
            self._tell(f"{len(late)} of {len(starts)} models are not loaded yet; is the cluster busy?")
        states = await asyncio.gather(*starts)
        infos = [state.info for state in states if state.info]
        if failed := [state for state in states if state.phase != "ready"]:
            raise LabError(f"on the cluster: {failed[0].message}", Exit.MISSING)
        for field in SAME:
            if len(found := {str(getattr(info, field, None)) for info in infos}) > 1:
                raise LabError(f"the machines of the cluster differ in {field}: {', '.join(sorted(found))}")
        here = await asyncio.to_thread(file_sha256, self.spec.model)
        if getattr(infos[0], "model_sha256", here) != here:
            raise LabError(f"the cluster has another {self.spec.model} than this machine")
        for actor in actors * (self._at_once + NEXT):
            self._free.put_nowait(actor)
        return infos[0]

    async def stream(self, prompts: Sequence[str], timeout_s: float) -> AsyncIterator[Prediction]:
        """The answers in the order of the prompts; fewer when the arm is cancelled, or all are lost."""
        async for prediction in self.spread(partial(_label, timeout_s), in_batches(prompts)):
            yield prediction

    async def spread(self, how: How[R], batches: Iterable[Sequence[str]]) -> AsyncIterator[R]:
        """What comes of the prompts in all batches, in their order; less when the arm is cancelled, is not
        ready, or all are lost. A batch is drawn when it can be sent."""
        if self._unready():
            return
        self._enter("busy")
        waiting = iter(batches)
        while True:
            while len(self._out) < AHEAD * self._at_once * max(1, len(self._actors)):
                if (batch := next(waiting, None)) is None:
                    break
                self._out.append(asyncio.create_task(self._answers(how, batch)))
            if not self._out:
                break
            first = self._out[0]
            await asyncio.wait((first,))
            if first.cancelled() or (found := first.result()) is None:
                break
            self._out.popleft()
            for each in found:
                yield each
        self.cancel()
        self._out.clear()
        if self.state.phase == "busy":
            self._enter("ready")

    async def _answers(self, how: How[R], prompts: Sequence[str]) -> list[R] | None:
        """Of the actor that is free first, or of the next where it is lost; None when all are."""
        from ray.exceptions import RayError, RayTaskError

        while (actor := await self._free.get()) is not None:
            try:
                found: list[R] | None = await _result(actor.ask.remote(how, prompts))
                reason = "its model was given up"
            except asyncio.CancelledError:
                self._free.put_nowait(actor)
                raise
            except RayTaskError:
                raise
            except (RayError, ConnectionError) as e:
                found, reason = None, _reason(e)
            if found is not None:
                self._free.put_nowait(actor)
                return found
            self._lost(actor, reason)
        self._free.put_nowait(None)
        return None

    def _lost(self, actor: Any, reason: str) -> None:
        if actor in self._actors:
            self._actors.remove(actor)
            self._tell(f"{self.spec.name}: one on the cluster is out ({reason}); {len(self._actors)} go on")
        if not self._actors:
            self._free.put_nowait(None)
            self._enter("failed", message=f"all models on the cluster are out: {reason}")

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """See `Arm.ask`."""
        return (await self.ask_many([prompt], timeout_s))[0]

    async def ask_many(
        self, prompts: Sequence[str], timeout_s: float, timed: bool = False
    ) -> list[Prediction]:
        """See `Arm.ask_many`; nothing is timed here."""
        found = [prediction async for prediction in self.stream(prompts, timeout_s)]
        missing = self._unready() or Prediction(status="cancelled")
        return found + [missing] * (len(prompts) - len(found))

    def cancel(self) -> None:
        """Wait for no answer any more; what is being computed there ends by itself."""
        for task in self._out:
            task.cancel()

    async def stop(self) -> None:
        """Leave the cluster: its actors, and their models, end with that."""
        import ray

        self._enter("stopped", stage="", message="")
        self.cancel()
        for start in self._starts:
            start.cancel()
        async with self._joining:
            await asyncio.to_thread(ray.shutdown)


async def _result(reference: Any) -> Any:
    """What Ray computed, as a coroutine for a task."""
    return await reference


def _reason(error: Exception) -> str:
    """The first line of what went wrong; of a fault in our code there, not of Ray's account of it."""
    told = str(getattr(error, "cause", None) or error).splitlines()
    return printable(told[0]) if told else type(error).__name__


def _reach(address: str) -> None:
    """LabError when nobody listens there: Ray would wait for half a minute, and say it in ten lines."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or 10001
    except ValueError:
        host = None
    if not host:
        raise LabError(f"--engine {printable(address)}: write ray://HOST:PORT")
    try:
        socket.create_connection((host, port), ANSWERS_S).close()
    except OSError as e:
        raise LabError(
            f"--engine {printable(address)}: nobody answers there ({e.strerror or e}); `ray start --head "
            f"--ray-client-server-port {port}` on that machine begins a cluster",
            Exit.MISSING,
        ) from None
