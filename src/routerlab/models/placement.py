"""Which devices a model goes on, and how much of it: pure functions over a list of devices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from routerlab.core.errors import Exit, LabError
from routerlab.core.names import Split
from routerlab.core.text import printable
from routerlab.models.devices import NO_GPU, Device, gpus, named
from routerlab.models.gguf import GgufHeader
from routerlab.models.memory import Estimate, check_fits, estimate
from routerlab.models.progress import human

RESERVE = 256 << 20
"""Bytes of a GPU's free memory that no plan uses: for the library's workspaces and other programs."""


@dataclass(frozen=True)
class Wanted:
    """What was asked for: devices by name (none: choose), layers on them (-1 all, 0 none), a way to split.

    `exact`: a person gave the number of layers, so fewer is a refusal and not a fallback.
    """

    devices: tuple[str, ...] = ()
    layers: int = -1
    exact: bool = False
    split: Split | None = None


def want(devices: Sequence[str], layers: int, split: Split | None) -> Wanted:
    """What a person's options ask for: the device `cpu` means no layers on a GPU, whatever their number.

    LabError when cpu is named beside others.
    """
    if "cpu" not in (name.casefold() for name in devices):
        return Wanted(tuple(devices), layers, exact=layers > 0, split=split)
    if len(devices) > 1:
        names = printable(", ".join(devices))
        raise LabError(f"devices {names}: cpu means no GPU, so it stands alone")
    return Wanted(layers=0)


@dataclass(frozen=True)
class Placement:
    """What will be done: `layers` of the model's, and its output, go on `devices`; none means the CPU.

    `shares` has how many layers each device gets, the output counted with the last. `note` says in one line
    what a person should know, where it is less than all.
    """

    devices: tuple[str, ...] = ()
    layers: int = 0
    split: Split = "none"
    shares: tuple[int, ...] = ()
    note: str = ""

    def text(self, of: int) -> str:
        """One line for people: "CUDA0", "20 of 30 layers on CUDA0 + CUDA1", "CPU"."""
        where = " + ".join(self.devices) or "CPU"
        return where if self.layers in (0, of) else f"{_layers(self.layers, of)} on {where}"


def plan(
    header: GgufHeader, path: Path, n_ctx: int, n_seq: int, devices: Sequence[Device], wanted: Wanted
) -> tuple[Placement, Estimate]:
    """Where the model of this file goes on the devices of a build, and the memory it needs (see `estimate`).

    LabError with the numbers when that is not to be had, on the devices or in the machine.
    """
    n_ctx = min(n_ctx, header.context_length or n_ctx)
    need = estimate(header, n_ctx, n_seq)
    placed = place(need, devices, wanted)
    shared = any(d.kind == "igpu" for d in devices if d.name in placed.devices)  # the machine's own memory
    check_fits(header, n_ctx, path, n_seq, offloaded=0 if shared else need.offloaded(placed.layers))
    return placed, need


def place(need: Estimate, devices: Sequence[Device], wanted: Wanted) -> Placement:
    """Where a model that needs so much goes.

    By default the one GPU with the most free memory on which it fits whole, else all GPUs, else as many
    layers as fit, else the CPU. A device that does not tell its memory is taken to have room, but comes last.
    LabError (missing): no such device, no GPU at all where one was asked for, or no room for the number
    of layers that was asked for, with the numbers.
    """
    if wanted.layers == 0:
        return Placement()
    chosen = named(devices, wanted.devices) if wanted.devices else gpus(devices)
    if not chosen:
        if wanted.exact:
            raise LabError(NO_GPU, Exit.MISSING)
        return Placement()
    if wanted.split == "row" and len(chosen) > 1 and (unable := [d for d in chosen if not d.row_split]):
        raise LabError(
            f"split row: the back end of {unable[0].name} cannot split rows; use --split layer", Exit.MISSING
        )
    layers = need.layers if wanted.layers < 0 else min(wanted.layers, need.layers)
    groups = _groups(chosen, wanted)
    spreads = [_spread(need, group, layers) for group in groups]
    best = max(range(len(groups)), key=lambda i: sum(spreads[i]))  # of those that hold the same, the first
    group, shares = groups[best], spreads[best]
    placed = max(0, sum(shares) - 1)
    if wanted.exact and placed < layers:
        less = f"use --layers {placed}, a smaller model or a shorter context"
        raise LabError(f"{_sizes(need, layers, group)}: {less}", Exit.MISSING)
    note = ""
    if placed < layers:
        done = (
            f"{_layers(placed, need.layers)} on the GPU" if placed else "no layer fits, so all are on the CPU"
        )
        note = f"{done}: {_sizes(need, layers, group)}"
    if not placed:
        return Placement(note=note)
    used = [(device.name, n) for device, n in zip(group, shares, strict=True) if n]
    split: Split = "none" if len(used) == 1 else "row" if wanted.split == "row" else "layer"
    return Placement(tuple(name for name, _ in used), placed, split, tuple(n for _, n in used), note)


def share(need: Estimate, memory: int) -> float:
    """The part of a GPU with so many bytes that one copy of the model takes, so that as many as have room
    fill it; 1 where none has."""
    return 1.0 / max(1, memory // (need.total + RESERVE))


def shortfall(
    placed: Placement, need: Estimate, layers: Mapping[int, str], buffers: Mapping[str, int]
) -> str:
    """What of the placement the library did not do, in one line, "" when it did all.

    `layers` and `buffers` are its own report: the device of each layer, and the bytes of weights on each
    device. Both are read, for the first tells what was intended and the second what was allocated.
    """
    if not placed.devices:
        return ""
    asked = f"asked for {_layers(placed.layers, need.layers)} on {' + '.join(placed.devices)}"
    there = [device for i, device in layers.items() if i < need.layers and device != "CPU"]
    elsewhere = sorted({*there} - {*placed.devices})
    if elsewhere:
        return f"{asked}, but llama.cpp used {' + '.join(elsewhere)}"
    if len(there) < placed.layers:
        return f"{asked}, but llama.cpp put {len(there)} there"
    weights = sum(buffers.get(name, 0) for name in placed.devices)
    expected = need.of_layers(placed.layers) - need.kv * placed.layers // need.layers
    if weights < 0.9 * expected:
        return f"{asked}, but of about {human(expected)} of weights only {human(weights)} lie there"
    return ""


def _groups(chosen: Sequence[Device], wanted: Wanted) -> list[list[Device]]:
    """The sets of devices to try, the preferred first: each alone, by free memory, and all together."""
    alone = [[d] for d in sorted(chosen, key=lambda d: -1 if d.free is None else d.free, reverse=True)]
    if len(chosen) == 1 or wanted.split == "none":
        return alone
    if wanted.split or wanted.devices:  # who names several means all of them
        return [list(chosen)]
    return [*alone, list(chosen)]


def _spread(need: Estimate, group: Sequence[Device], layers: int) -> list[int]:
    """Layers for each device in proportion to its room, and one more for the output on the last that has room
    for it; fewer than `layers` in all where that is short, zeros where no layer fits."""
    rooms = [_room(need, d, output=d is group[-1]) for d in group]
    if not rooms[-1] and len(group) > 1:  # the output does not fit there: leave that device out
        return [*_spread(need, group[:-1], layers), 0]
    total = sum(rooms)
    if not total:
        return rooms
    wanted = min(layers, total)
    shares = [wanted * room // total for room in rooms]
    for i, room in enumerate(rooms):  # what the rounding left over
        shares[i] += min(room - shares[i], wanted - sum(shares))
    shares[-1] += 1
    return shares


def _room(need: Estimate, device: Device, output: bool) -> int:
    """Layers that fit on the device, beside its buffers and perhaps the output."""
    if device.free is None:
        return need.layers
    free = device.free - RESERVE - need.buffers - (need.head if output else 0)
    whole = need.of_layers(need.layers)
    if free <= 0 or free >= whole:
        return need.layers if free > 0 else 0
    return free * need.layers // whole


def _layers(n: int, of: int) -> str:
    return f"all {of} layers" if n == of else f"{n} of {of} layers"


def _sizes(need: Estimate, layers: int, group: Sequence[Device]) -> str:
    """The memory that so many layers take on these devices, what for, and what is free there."""
    kv = need.kv * layers // need.layers
    weights = need.of_layers(layers) - kv + need.head
    buffers = len(group) * (need.buffers + RESERVE)
    free = " and ".join(
        f"{d.name} has {'unknown memory' if d.free is None else human(d.free) + ' free'}" for d in group
    )
    return (
        f"{_layers(layers, need.layers)} need about {human(weights + kv + buffers)} "
        f"({human(weights)} weights, {human(kv)} KV cache, {human(buffers)} buffers and reserve); {free}"
    )
