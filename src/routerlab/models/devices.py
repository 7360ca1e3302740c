"""Devices that a build of llama.cpp can compute on, and those that a model may use."""

from collections.abc import Sequence
from typing import Literal

from routerlab.core.errors import Exit, LabError
from routerlab.core.prediction import Record
from routerlab.core.text import printable

NO_GPU = (
    "this build of llama.cpp cannot put layers on a GPU: it was made for the CPU only, or finds no device; "
    "`routerlab doctor` shows what it has and how to build it for a GPU"
)


class Device(Record):
    """A device the library can use; memory in bytes (0 where it does not say)."""

    name: str
    description: str
    kind: Literal["cpu", "gpu", "igpu", "accel", "other"]
    memory_total: int
    memory_free: int
    row_split: bool = False
    """Whether its back end can spread the rows of one tensor over several devices."""

    @property
    def free(self) -> int | None:
        """Bytes free, None where the device does not say how much memory it has."""
        return self.memory_free if self.memory_total else None


def gpus(devices: Sequence[Device]) -> list[Device]:
    """The GPUs that models use unless told otherwise: those with memory of their own, else those that share
    the CPU's; and of the first back end only, for a second one often shows the same cards again."""
    for kind in ("gpu", "igpu"):
        found = [d for d in devices if d.kind == kind]
        if found:
            return [d for d in found if _back_end(d) == _back_end(found[0])]
    return []


def named(devices: Sequence[Device], names: Sequence[str]) -> list[Device]:
    """The GPUs with these names, case aside, none twice; LabError (missing) that lists those there are."""
    usable = {d.name.casefold(): d for d in devices if d.kind in ("gpu", "igpu")}
    if not usable:
        raise LabError(NO_GPU, Exit.MISSING)
    for name in names:
        if name.casefold() not in usable:
            there = ", ".join(d.name for d in usable.values())
            raise LabError(f"no device {printable(name)} here; there are: {there}, cpu", Exit.MISSING)
    return list({name.casefold(): usable[name.casefold()] for name in names}.values())


def _back_end(device: Device) -> str:
    return device.name.rstrip("0123456789")
