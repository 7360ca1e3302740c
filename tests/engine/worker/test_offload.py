"""The devices of the build that is here, and arms that ask for a GPU: what they get or are told."""

import ctypes
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from routerlab.core.errors import Exit, LabError
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.worker import llama
from routerlab.engine.worker import offload as devices
from routerlab.engine.worker.build import describe_build
from routerlab.engine.worker.protocol import Failed, Ready
from routerlab.models.devices import NO_GPU
from routerlab.models.placement import Placement
from routerlab.settings import Settings
from tests import program
from tests.conftest import PATIENCE_S
from tests.engine import tiny
from tests.engine.asking import TWO, Asked
from tests.engine.workers import SETTINGS, arms, one_line, running, spec
from tests.tui.scripted import info

cpu_build = pytest.mark.skipif(llama.gpu_build(), reason="this build has a GPU")
gpu_build = pytest.mark.skipif(not llama.gpu_build(), reason="this build has no GPU")


def test_the_devices_of_this_build() -> None:
    here = devices.devices()
    (cpu,) = [d for d in here if d.kind == "cpu"]
    assert cpu.name == "CPU"
    assert cpu.description
    assert cpu.memory_total >= cpu.memory_free > 0
    assert any(d.kind in ("gpu", "igpu") for d in here) == llama.gpu_build()
    told = describe_build()  # asked in another process
    assert [(d.name, d.kind, d.row_split) for d in told.devices] == [
        (d.name, d.kind, d.row_split) for d in here
    ]


def test_a_list_of_devices_ends_with_null() -> None:
    assert list(devices.pointers(())) == [None]
    once, again, end = devices.pointers(("CPU", "CPU"))
    assert once == again
    assert once
    assert end is None


_LOADS = """
import sys
from pathlib import Path
from routerlab.engine.worker import llama
from routerlab.models.placement import Placement
log = llama.Log(lambda line: print(line))
path, *devices = sys.argv[1:]
placed = Placement(tuple(devices), 2, shares=(3,)) if devices else Placement()
llama.Model(Path(path), placed, lambda _: None)
print(log.layers, log.buffers)
"""


def test_the_library_gets_the_list(tiny_files: dict[tiny.Family, Path]) -> None:
    """A device that every build has stands for a GPU here: the library says which it was given."""

    def said(*args: str) -> str:
        command = [sys.executable, "-c", _LOADS, str(tiny_files["llama"]), *args]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout

    given = said("CPU")
    assert "using device CPU" in given
    assert "{0: 'CPU', 1: 'CPU', 2: 'CPU'}" in given  # two layers, and the output
    assert "using device" not in said()


def test_answers_do_not_depend_on_the_list(tiny_files: dict[tiny.Family, Path], quiet: llama.Log) -> None:
    listed = llama.Model(tiny_files["llama"], Placement(("CPU",), 2, shares=(3,)), lambda _: None)
    plain = llama.Model(tiny_files["llama"], Placement(), lambda _: None)
    one, other = (Asked(model, TWO).ask("hello") for model in (listed, plain))
    assert one.probabilities == pytest.approx(other.probabilities, rel=1e-5)


@pytest.mark.parametrize(
    ("line", "device"),
    [
        ("load_tensors:        TEST1 model buffer size =    1.00 MiB", "TEST1"),
        ("load_tensors:   TEST2_Mapped model buffer size =    1.00 MiB", "TEST2"),
        ("load_tensors:   TEST3_Split model buffer size =    1.00 MiB", "TEST3"),
        ("load_tensors: TEST4[127.0.0.1:5000] model buffer size =    1.00 MiB", "TEST4"),
    ],
)
def test_the_report_of_buffers_is_read(quiet: llama.Log, line: str, device: str) -> None:
    quiet._receive(2, f"{line}\n".encode(), ctypes.c_void_p(0))
    assert quiet.buffers[device] == 2**20


_DROPS = """
import gc, sys
from pathlib import Path
from routerlab.engine.worker import llama
from routerlab.models.placement import Placement
def start():
    llama.Log(lambda line: print(line))
start()
gc.collect()
llama.Model(Path(sys.argv[1]), Placement(), lambda _: None)
"""


def test_a_log_that_nobody_holds_goes_on(tiny_files: dict[tiny.Family, Path]) -> None:
    """Its callback would be freed, and the process ended by a signal at the library's next word."""
    command = [sys.executable, "-c", _DROPS, str(tiny_files["llama"])]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert result.returncode == 0
    assert "load_tensors" in result.stdout


def test_memory_pinned_for_a_gpu_is_the_machines(quiet: llama.Log) -> None:
    before = quiet.buffers.get("CPU", 0)
    quiet._receive(2, b"load_tensors:    CUDA_Host model buffer size =    1.00 MiB\n", ctypes.c_void_p(0))
    assert quiet.buffers["CPU"] == before + 2**20


# --- arms ------------------------------------------------------------------------------------------------


@cpu_build
@pytest.mark.parametrize("asked", [{"devices": ("CUDA0",)}, {"gpu_layers": 1}])
async def test_a_cpu_build_refuses_a_gpu_in_one_line(
    tiny_files: dict[tiny.Family, Path], asked: dict[str, object]
) -> None:
    settings = SETTINGS.model_copy(update={"gpu_layers": -1, **asked})
    async with running(arms(settings)(spec(tiny_files["llama"]))) as arm:  # type: ignore[arg-type]
        assert arm.state.phase == "failed"
        assert arm.state.message == NO_GPU
        assert one_line(arm.state.message)


@cpu_build
@pytest.mark.parametrize(
    "asked", [{"gpu_layers": -1}, {"devices": ("cpu",), "gpu_layers": 9}, {"split": "layer"}]
)
async def test_a_cpu_build_does_what_it_can(
    tiny_files: dict[tiny.Family, Path], asked: dict[str, object]
) -> None:
    arm = arms(SETTINGS.model_copy(update=asked)).model_arm(spec(tiny_files["llama"]))
    async with running(arm):
        assert (arm.state.phase, arm.state.message) == ("ready", "")
        assert isinstance(arm.state.info, ArmInfo)
        found = arm.state.info
        assert (found.layers_on_gpu, found.split, found.note, found.gpu_build) == (0, None, "", False)
        assert found.computes_on == {"CPU"}


async def test_what_was_not_done_on_the_gpu_is_told(smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arm = arms(SETTINGS.model_copy(update={"gpu_layers": -1})).model_arm(spec(smollm2))
    found = info(arm.spec, gpu=True).model_copy(update={"note": "9 of 30 layers on the GPU"})
    replies: list[Ready | Failed] = [Failed(message="no room", retry=True), Ready(info=found)]

    async def attempt(_: ModelArm, life: int, layers: int, message: str) -> Ready | Failed:
        arm.state = replace(arm.state, message=message)
        return replies.pop(0)

    monkeypatch.setattr(ModelArm, "_try", attempt)
    await arm.start()
    told = "all layers on the GPU did not load; trying 15 layers; 9 of 30 layers on the GPU"
    assert (arm.state.phase, arm.state.message) == ("ready", told)


@gpu_build
async def test_a_gpu_build_puts_all_layers_on_the_gpu(smollm2: Path) -> None:
    arm = arms(SETTINGS.model_copy(update={"gpu_layers": -1})).model_arm(spec(smollm2))
    async with running(arm):
        assert (arm.state.phase, arm.state.message) == ("ready", "")
        assert isinstance(arm.state.info, ArmInfo)
        found = arm.state.info
        assert (found.layers_on_gpu, found.note) == (30, "")
        assert "CPU" not in found.computes_on
        assert (await arm.ask("Is water wet?", 30.0)).status == "ok"


@gpu_build
async def test_a_gpu_build_puts_as_many_layers_as_asked_for(smollm2: Path) -> None:
    arm = arms(SETTINGS.model_copy(update={"gpu_layers": 10})).model_arm(spec(smollm2))
    async with running(arm):
        assert isinstance(arm.state.info, ArmInfo)
        assert (arm.state.info.layers_on_gpu, arm.state.info.note) == (10, "")
        assert {"CPU"} < arm.state.info.computes_on


def test_cpu_stands_alone() -> None:
    make = arms(Settings(devices=("cpu", "CUDA0")))
    with pytest.raises(LabError, match="cpu means no GPU, so it stands alone"):
        make(spec(Path("m.gguf")))


@cpu_build
def test_the_command_says_it_and_ends_with_3(tiny_files: dict[tiny.Family, Path], tmp_path: Path) -> None:
    asked = program.run(tmp_path, "route", "hi", "--arm", tiny_files["llama"], "--device", "CUDA0,CUDA1")
    assert asked.returncode == Exit.MISSING
    assert asked.stderr.splitlines()[-1] == f"error: llama: {NO_GPU}"
    assert "Traceback" not in asked.stderr
