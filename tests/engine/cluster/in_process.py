"""A cluster without Ray, for what is asked of one: its actors are here, in this process."""

import asyncio
import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from routerlab.engine.cluster.actor import Actor
from routerlab.engine.cluster.arm import Cluster, ClusterArm
from tests.conftest import PATIENCE_S


class Handle:
    """What Ray gives of an actor: `handle.ask.remote(...)` is awaited."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(remote=getattr(self._actor, name))


def in_process(patch: pytest.MonkeyPatch, copies: int = 2) -> Cluster:
    """A cluster with room for so many copies of a model; to be made where the loop runs."""
    loop, actors = asyncio.get_running_loop(), list[Actor]()

    def join(self: ClusterArm) -> list[Handle]:
        told = (os.getcwd(), self._make, self._settings, self.spec, self._at_once)
        actors.extend(made := [Actor(*told) for _ in range(copies)])
        return list(map(Handle, made))

    def shutdown() -> None:
        while actors:
            asyncio.run_coroutine_threadsafe(actors.pop()._arm.stop(), loop).result(PATIENCE_S)

    class RayError(Exception):
        """As Ray's."""

    class RayTaskError(RayError):
        """As Ray's."""

    ray, exceptions = ModuleType("ray"), ModuleType("ray.exceptions")
    ray.__dict__["shutdown"] = shutdown
    exceptions.__dict__.update(RayError=RayError, RayTaskError=RayTaskError)
    patch.setitem(sys.modules, "ray", ray)
    patch.setitem(sys.modules, "ray.exceptions", exceptions)
    patch.setattr(ClusterArm, "_join", join)
    return Cluster(None, lambda _: None)
