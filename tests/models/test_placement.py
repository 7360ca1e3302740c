"""Where a model goes: every decision, over made-up lists of devices."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routerlab.core.errors import Exit, LabError
from routerlab.core.names import Split
from routerlab.engine.contract.info import ArmInfo, DeviceUse, share_a_device
from routerlab.models import memory
from routerlab.models.devices import NO_GPU, Device, gpus, named
from routerlab.models.memory import Estimate
from routerlab.models.placement import RESERVE, Placement, Wanted, place, plan, shortfall, want
from tests.engine.workers import spec
from tests.models.test_memory import SMOL
from tests.tui.scripted import info

MB, GB = 10**6, 10**9
NEED = Estimate(weights=4200 * MB, kv=1000 * MB, buffers=100 * MB, layers=10, embedding=200 * MB)
"""Ten layers of 500 MB each with their cache, 200 MB for the output, 100 MB of buffers: 5.3 GB."""

CPU = Device(name="CPU", description="a CPU", kind="cpu", memory_total=32 * GB, memory_free=30 * GB)
BLAS = Device(name="BLAS", description="a library", kind="accel", memory_total=0, memory_free=0)


def gpu(free: float, name: str = "CUDA0", total: float = 24 * GB, rows: bool = False) -> Device:
    """A GPU with `free` bytes beyond what is always kept back."""
    free = int(free) + RESERVE
    return Device(
        name=name, description="g", kind="gpu", memory_total=int(total), memory_free=free, row_split=rows
    )


UNKNOWN = Device(name="Vulkan0", description="g", kind="gpu", memory_total=0, memory_free=0)
SHARED = Device(name="Vulkan0", description="i", kind="igpu", memory_total=16 * GB, memory_free=16 * GB)
TWO = (CPU, gpu(6 * GB), gpu(10 * GB, "CUDA1"))


def placed(wanted: Wanted, *devices: Device) -> tuple[tuple[str, ...], int, Split, tuple[int, ...]]:
    got = place(NEED, devices, wanted)
    return got.devices, got.layers, got.split, got.shares


def test_the_estimate_in_parts() -> None:
    assert NEED.of_layers(1) == 500 * MB
    assert NEED.head == 200 * MB
    assert NEED.of_layers(10) + NEED.head + NEED.buffers == NEED.total
    assert NEED.offloaded(10) == 5000 * MB  # the token embeddings stay where they are
    assert NEED.offloaded(0) == 0
    untied = replace(NEED, output=300 * MB)
    assert (untied.head, untied.of_layers(10)) == (300 * MB, 4700 * MB)
    assert untied.offloaded(10) == 5000 * MB


# --- by default ------------------------------------------------------------------------------------------


def test_no_gpu_means_the_cpu() -> None:
    assert place(NEED, (CPU, BLAS), Wanted()) == Placement()
    assert place(NEED, (), Wanted()) == Placement()


def test_one_gpu_takes_all() -> None:
    got = place(NEED, (CPU, BLAS, gpu(5.3 * GB)), Wanted())
    assert got == Placement(("CUDA0",), 10, "none", (11,))
    assert got.text(10) == "CUDA0"


def test_one_gpu_takes_what_fits() -> None:
    got = place(NEED, (CPU, gpu(5.3 * GB - 1)), Wanted())  # one byte short
    assert (got.devices, got.layers, got.shares) == (("CUDA0",), 9, (10,))
    assert got.text(10) == "9 of 10 layers on CUDA0"
    assert got.note == (
        "9 of 10 layers on the GPU: all 10 layers need about 5.6 GB (4.2 GB weights, 1.0 GB KV cache, "
        "368.4 MB buffers and reserve); CUDA0 has 5.6 GB free"
    )
    assert placed(Wanted(), gpu(800 * MB))[1] == 1
    assert placed(Wanted(), gpu(800 * MB - 1))[1] == 0


def test_a_gpu_without_room_for_one_layer_means_the_cpu_and_says_so() -> None:
    got = place(NEED, (CPU, gpu(-RESERVE)), Wanted())
    assert got.devices == ()
    assert got.text(10) == "CPU"
    assert got.note.startswith("no layer fits, so all are on the CPU: all 10 layers need about 5.6 GB")
    assert got.note.endswith("CUDA0 has 0 B free")


def test_of_two_gpus_the_one_with_more_room() -> None:
    assert placed(Wanted(), *TWO) == (("CUDA1",), 10, "none", (11,))
    assert placed(Wanted(), gpu(6 * GB), gpu(2 * GB, "CUDA1")) == (("CUDA0",), 10, "none", (11,))
    assert placed(Wanted(), gpu(6 * GB), gpu(6 * GB, "CUDA1"))[0] == ("CUDA0",)


def test_two_gpus_share_what_fits_on_neither() -> None:
    two = gpu(2.2 * GB), gpu(4.4 * GB, "CUDA1")  # room for 4 layers, and for 8 with the output
    assert placed(Wanted(), *two) == (("CUDA0", "CUDA1"), 10, "layer", (4, 7))
    assert place(NEED, two, Wanted()).note == ""


def test_two_gpus_take_what_fits() -> None:
    got = place(NEED, (gpu(1.1 * GB), gpu(1.3 * GB, "CUDA1")), Wanted())
    assert (got.devices, got.layers, got.split, got.shares) == (("CUDA0", "CUDA1"), 4, "layer", (2, 3))
    assert "CUDA0 has 1.4 GB free and CUDA1 has 1.6 GB free" in got.note


def test_a_full_gpu_is_left_out() -> None:
    full = gpu(0, "CUDA1")
    assert placed(Wanted(), gpu(3.3 * GB), full) == (("CUDA0",), 6, "none", (7,))
    assert placed(Wanted(), full, gpu(3.3 * GB)) == (("CUDA0",), 6, "none", (7,))
    assert placed(Wanted(), gpu(3.3 * GB), full, gpu(3.3 * GB, "CUDA2")) == (
        ("CUDA0", "CUDA2"),
        10,
        "layer",
        (5, 6),
    )


def test_a_gpu_that_tells_no_memory_is_believed_but_comes_last() -> None:
    assert placed(Wanted(), UNKNOWN) == (("Vulkan0",), 10, "none", (11,))
    assert placed(Wanted(), UNKNOWN, replace_name(gpu(6 * GB), "Vulkan1"))[0] == ("Vulkan1",)
    assert placed(Wanted(), UNKNOWN, replace_name(gpu(2 * GB), "Vulkan1"))[0] == ("Vulkan0",)


def replace_name(device: Device, name: str) -> Device:
    return device.model_copy(update={"name": name})


def test_an_integrated_gpu_only_where_there_is_no_other() -> None:
    assert placed(Wanted(), CPU, SHARED)[0] == ("Vulkan0",)
    assert placed(Wanted(), CPU, SHARED, gpu(2 * GB))[:2] == (("CUDA0",), 3)


def test_the_same_card_in_two_back_ends_counts_once() -> None:
    both = gpu(6 * GB), gpu(5 * GB, "CUDA1"), gpu(6 * GB, "Vulkan0"), gpu(5 * GB, "Vulkan1")
    assert [d.name for d in gpus(both)] == ["CUDA0", "CUDA1"]
    assert [d.name for d in named(both, ["vulkan1"])] == ["Vulkan1"]


def test_a_header_that_says_nothing_of_layers_is_all_or_nothing() -> None:
    whole = Estimate(weights=GB, kv=0, buffers=0)
    assert place(whole, (gpu(GB),), Wanted()).shares == (2,)
    assert place(whole, (gpu(GB - 1),), Wanted()).devices == ()
    assert place(Estimate(0, 0, 0), (gpu(1),), Wanted()).layers == 1


# --- as asked for ----------------------------------------------------------------------------------------


def test_no_layers_means_the_cpu_whatever_else_is_asked_for() -> None:
    assert place(NEED, TWO, Wanted(layers=0)) == Placement()
    assert place(NEED, (), Wanted(("CUDA7",), layers=0)) == Placement()


def test_a_named_device_is_used_though_another_has_more_room() -> None:
    assert placed(Wanted(("CUDA0",)), *TWO) == (("CUDA0",), 10, "none", (11,))
    assert placed(Wanted(("cuda0", "CUDA0")), *TWO) == (("CUDA0",), 10, "none", (11,))
    assert placed(Wanted(("Vulkan0",)), CPU, SHARED, gpu(6 * GB))[0] == ("Vulkan0",)


def test_several_named_devices_are_all_used_in_that_order() -> None:
    assert placed(Wanted(("CUDA1", "CUDA0")), *TWO) == (("CUDA1", "CUDA0"), 10, "layer", (5, 6))
    assert placed(Wanted(("CUDA0", "CUDA1"), split="none"), *TWO) == (("CUDA1",), 10, "none", (11,))


def test_a_named_device_that_is_full_is_not_replaced_by_another() -> None:
    got = place(NEED, (gpu(2 * GB), gpu(9 * GB, "CUDA1")), Wanted(("CUDA0",)))
    assert (got.devices, got.layers) == (("CUDA0",), 3)
    assert got.note.endswith("CUDA0 has 2.3 GB free")


def test_a_device_that_is_not_here() -> None:
    with pytest.raises(LabError, match="no device CUDA7 here; there are: CUDA0, CUDA1, cpu") as e:
        place(NEED, TWO, Wanted(("CUDA0", "CUDA7")))
    assert e.value.code == Exit.MISSING
    with pytest.raises(LabError, match=re.escape(r"no device \x1b[31m here")):
        place(NEED, TWO, Wanted(("\x1b[31m",)))


@pytest.mark.parametrize("wanted", [Wanted(("CUDA0",)), Wanted(layers=5, exact=True), Wanted(("CPU",))])
def test_a_build_without_a_gpu_says_so(wanted: Wanted) -> None:
    with pytest.raises(LabError) as e:
        place(NEED, (CPU, BLAS), wanted)
    assert str(e.value) == NO_GPU
    assert "routerlab doctor" in NO_GPU
    assert e.value.code == Exit.MISSING


def test_a_number_of_layers() -> None:
    assert placed(Wanted(layers=4, exact=True), *TWO) == (("CUDA1",), 4, "none", (5,))
    assert placed(Wanted(layers=99, exact=True), *TWO) == (("CUDA1",), 10, "none", (11,))
    assert placed(Wanted(layers=8, exact=True), gpu(2.2 * GB), gpu(3.3 * GB, "CUDA1")) == (
        ("CUDA0", "CUDA1"),
        8,
        "layer",
        (4, 5),
    )


def test_a_number_of_layers_that_does_not_fit_is_refused_with_the_numbers() -> None:
    with pytest.raises(LabError) as e:
        place(NEED, (gpu(2 * GB),), Wanted(layers=8, exact=True))
    assert str(e.value) == (
        "8 of 10 layers need about 4.6 GB (3.4 GB weights, 800.0 MB KV cache, 368.4 MB buffers and reserve); "
        "CUDA0 has 2.3 GB free: use --layers 3, a smaller model or a shorter context"
    )
    assert e.value.code == Exit.MISSING
    assert placed(Wanted(layers=3, exact=True), gpu(2 * GB))[1] == 3  # what it told to use does fit
    with pytest.raises(LabError, match=r"use --layers 3,"):
        place(NEED, (gpu(2 * GB), gpu(0, "CUDA1")), Wanted(layers=8, exact=True))


def test_a_number_that_nobody_insists_on_is_a_bound() -> None:
    assert placed(Wanted(layers=8), gpu(2 * GB))[1] == 3
    assert placed(Wanted(layers=2), gpu(2 * GB))[1] == 2


def test_split() -> None:
    assert placed(Wanted(split="layer"), *TWO) == (("CUDA0", "CUDA1"), 10, "layer", (5, 6))
    assert placed(Wanted(split="layer"), gpu(6 * GB)) == (("CUDA0",), 10, "none", (11,))
    assert placed(Wanted(split="none"), gpu(2 * GB), gpu(2.5 * GB, "CUDA1")) == (("CUDA1",), 4, "none", (5,))


def test_rows_only_where_the_back_end_can() -> None:
    able = gpu(6 * GB, "SYCL0", rows=True), gpu(6 * GB, "SYCL1", rows=True)
    assert placed(Wanted(split="row"), *able)[2] == "row"
    with pytest.raises(LabError, match="the back end of CUDA0 cannot split rows; use --split layer"):
        place(NEED, TWO, Wanted(split="row"))
    assert placed(Wanted(split="row"), gpu(6 * GB))[2] == "none"  # nothing to split


def test_options_as_wishes() -> None:
    assert want((), -1, None) == Wanted()
    assert want(("CUDA0",), 5, "layer") == Wanted(("CUDA0",), 5, exact=True, split="layer")
    assert want((), 0, None) == Wanted(layers=0)
    assert want(("CPU",), 5, "layer") == Wanted(layers=0)
    with pytest.raises(LabError, match="devices cpu, CUDA0: cpu means no GPU, so it stands alone"):
        want(("cpu", "CUDA0"), -1, None)


# --- what the library makes of it ------------------------------------------------------------------------


def by_the_library(shares: tuple[int, ...]) -> list[int]:
    """Layers a device, by the rule of `load_tensors`: the share of the layers before against running sums, in
    32-bit floats. The last layer stands for the output."""
    points = np.cumsum(np.array(shares, np.float32), dtype=np.float32) / np.float32(sum(shares))
    count = sum(shares)
    at = [int(np.searchsorted(points, np.float32(i) / np.float32(count), side="right")) for i in range(count)]
    return [at.count(i) for i in range(len(shares))]


def test_the_shares_give_each_device_exactly_its_layers() -> None:
    rng = np.random.default_rng(4)
    for _ in range(2000):
        shares = tuple(int(n) for n in rng.integers(1, 60, size=rng.integers(1, 9)))
        assert by_the_library(shares) == list(shares)


def test_a_plan_never_exceeds_the_memory() -> None:
    rng = np.random.default_rng(5)
    for _ in range(500):
        frees = [int(f) for f in rng.integers(0, 4 * GB, size=rng.integers(1, 5))]
        cards = [gpu(free, f"CUDA{i}") for i, free in enumerate(frees)]
        split: Split | None = (None, "none", "layer")[rng.integers(3)]
        got = place(NEED, cards, Wanted(split=split))
        layers = [*got.shares[:-1], got.shares[-1] - 1] if got.shares else []
        assert sum(layers) == got.layers
        for name, n in zip(got.devices, layers, strict=True):
            head = NEED.head if name == got.devices[-1] else 0
            assert NEED.of_layers(n) + head + NEED.buffers <= frees[int(name[-1])]


ASKED = Placement(("CUDA0", "CUDA1"), 10, "layer", (4, 7))
THERE = {i: "CUDA0" if i < 4 else "CUDA1" for i in range(11)}
HELD = {"CPU": 200 * MB, "CUDA0": 1600 * MB, "CUDA1": 2600 * MB}


def test_an_offload_that_was_done_needs_no_word() -> None:
    assert shortfall(ASKED, NEED, THERE, HELD) == ""
    half = Placement(("CUDA0",), 5, "none", (6,))
    report = {i: "CUDA0" if i >= 5 else "CPU" for i in range(11)}
    assert shortfall(half, NEED, report, {"CPU": 2200 * MB, "CUDA0": 2200 * MB}) == ""
    assert shortfall(Placement(), NEED, dict.fromkeys(range(11), "CPU"), {"CPU": GB}) == ""


@pytest.mark.parametrize(
    ("layers", "buffers", "said"),
    [
        (dict.fromkeys(range(11), "CPU"), {"CPU": 4 * GB}, "but llama.cpp put 0 there"),
        (THERE | {0: "CPU"}, HELD, "but llama.cpp put 9 there"),
        (THERE | {3: "CUDA2"}, HELD, "but llama.cpp used CUDA2"),
        ({}, {}, "but llama.cpp put 0 there"),
        (THERE, {"CPU": 4 * GB, "CUDA0": 100 * MB}, "of about 4.0 GB of weights only 100.0 MB lie there"),
    ],
)
def test_an_offload_that_was_not_done_is_told(
    layers: dict[int, str], buffers: dict[str, int], said: str
) -> None:
    told = shortfall(ASKED, NEED, layers, buffers)
    assert told.startswith("asked for all 10 layers on CUDA0 + CUDA1, but ")
    assert said in told


# --- with the machine's memory ---------------------------------------------------------------------------


def test_what_lies_on_a_gpu_needs_no_room_in_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("m.gguf")
    whole = memory.estimate(SMOL, 4096)
    monkeypatch.setattr(memory, "available_memory", lambda: whole.total // 2)
    got, need = plan(SMOL, path, 4096, 7, (CPU, gpu(GB)), Wanted())
    assert (got.text(30), need) == ("CUDA0", whole)
    for devices in ((CPU,), (CPU, SHARED)):  # an integrated GPU has only the machine's memory
        with pytest.raises(LabError, match=r"m\.gguf needs about 216\.6 MB") as e:
            plan(SMOL, path, 4096, 7, devices, Wanted())
        assert e.value.code == Exit.MISSING
    with pytest.raises(LabError, match=r"of which 6\.4 MB on a GPU"):
        plan(SMOL, path, 4096, 7, (CPU, gpu(GB)), Wanted(layers=1))


def test_a_context_beyond_the_models_is_not_counted() -> None:
    assert plan(SMOL, Path("m"), 10**6, 7, (), Wanted())[1] == memory.estimate(SMOL, 8192)


# --- who disturbs whom -----------------------------------------------------------------------------------


def on(layers_on_gpu: int, **weights: int) -> ArmInfo:
    devices = tuple(DeviceUse(device=d, weights=n) for d, n in weights.items())
    update = {"layers": 10, "layers_on_gpu": layers_on_gpu, "devices": devices}
    return info(spec(Path("m.gguf"))).model_copy(update=update)


def test_arms_that_share_a_device() -> None:
    cpu, first, second = on(0, CPU=5), on(10, CUDA0=5, CPU=1), on(10, CUDA1=5, CPU=1)
    both, part = on(10, CUDA0=2, CUDA1=2, CPU=1), on(4, CUDA0=2, CPU=3)
    assert cpu.computes_on == {"CPU"}
    assert part.computes_on == {"CPU", "CUDA0"}
    assert share_a_device(cpu, cpu)
    assert not share_a_device(first, second)  # the token embeddings on the CPU do not count
    assert not share_a_device(cpu, first)
    assert share_a_device(first, both)
    assert share_a_device(both, second)
    assert share_a_device(part, cpu)
    assert on(0).computes_on == {"CPU"}
