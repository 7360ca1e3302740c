"""Arms with real worker processes: what is reported, and what happens when a worker dies, hangs or lies."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from routerlab.engine import pool
from routerlab.engine.arm import Arm, ArmState
from routerlab.engine.pool import MAX_RESTARTS, ModelArm
from routerlab.engine.protocol import Failed, Ready
from routerlab.settings import Settings
from tests.conftest import REPO
from tests.engine import tiny
from tests.engine.arms import (
    LIMIT_S,
    SETTINGS,
    alive,
    arms,
    log_of,
    one_line,
    phase,
    pid_of,
    running,
    spec,
    tiny_arm,
    until,
)
from tests.tui.scripted import info

LONG = "Tell me everything about whales, and do not stop."


async def test_ready_tells_what_really_happened(smollm2: Path) -> None:
    states: list[ArmState] = []
    arm = arms().model_arm(spec(smollm2))
    arm.on_change = lambda a: states.append(a.state)
    async with running(arm):
        state = arm.state
        found = state.info
        assert state.phase == "ready"
        assert found is not None
        with smollm2.open("rb") as file:
            assert found.model_sha256 == hashlib.file_digest(file, "sha256").hexdigest()
        assert found.model_size == smollm2.stat().st_size
        assert (found.architecture, found.quantization, found.contract) == ("llama", "Q4_1", "score")
        assert (found.layers, found.layers_on_gpu, found.threads, found.n_ctx) == (30, 0, 1, 1024)
        assert found.template == "chat"
        assert found.exemplars_sha256 == "e" * 64
        assert found.prefix_tokens > 50
        assert found.load_ms > 0
        assert [d.device for d in found.devices] == ["CPU"]
        # the file is read through a mapping: the library counts what lies between its tensors too
        assert found.devices[0].weights == pytest.approx(found.model_size, rel=0.1)
        assert found.device.startswith("CPU ")
        assert "llama.cpp" in found.llama_cpp
        prediction = await arm.ask("Is water wet?", 30.0)
        assert prediction.status == "ok"
        assert prediction.tokens.cached == found.prefix_tokens
        times = prediction.latency_ms
        assert times.total >= times.tokenize + times.prefill > 0
        assert arm.state.phase == "ready"
        refused = await arm.ask("word " * 2000, 30.0)
        assert refused.status == "refused"
        assert refused.error is not None
        assert "the prompt has 20" in refused.error
        assert (await arm.ask("Is water wet?", 30.0)).label == prediction.label
    phases = [s.phase for s in states]
    assert list(dict.fromkeys(phases)) == ["starting", "loading", "ready", "busy", "stopped"]
    stages = [s.stage for s in states if s.phase == "loading"]
    order = ["starting", "checking file", "loading weights", "reading exemplars"]
    assert list(dict.fromkeys(stages)) == order
    assert "llama_model_loader" in log_of(arm)  # the library's noise is in the log and nowhere else


@pytest.mark.parametrize("family", tiny.FAMILIES)
async def test_every_family_answers(tiny_files: dict[tiny.Family, Path], family: tiny.Family) -> None:
    async with running(tiny_arm(tiny_files, family)) as arm:
        first, second, third = [await arm.ask(p, 30.0) for p in ("one", "another", "one")]
        assert first.status == second.status == "ok"
        assert first.probabilities == pytest.approx(third.probabilities, rel=1e-4)


async def test_worker_killed_in_mid_answer(smollm2: Path) -> None:
    async with running(arms().model_arm(spec(smollm2, "json"))) as arm:
        pid = pid_of(arm)
        asking = asyncio.create_task(arm.ask(LONG, 60.0))
        await phase(arm, "busy")
        os.kill(pid, signal.SIGKILL)
        prediction = await asking
        assert prediction.status == "crashed"
        assert prediction.error is not None
        assert "killed (signal 9)" in prediction.error
        assert one_line(prediction.error)
        assert prediction.latency_ms.total > 0
        assert (await phase(arm, "ready", "failed")).restarts == 1
        assert pid_of(arm) != pid
        assert (await arm.ask("hello", 60.0)).status in ("ok", "unparsed")
        assert arm.state.restarts == 0


async def test_worker_killed_between_answers_is_replaced_unasked(tiny_files: dict[tiny.Family, Path]) -> None:
    async with running(tiny_arm(tiny_files)) as arm:
        pid = pid_of(arm)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: arm.state.phase == "ready" and arm.state.pid != pid)
        assert "killed (signal 9)" in arm.state.message
        assert (await arm.ask("hello", 30.0)).status == "ok"


async def test_crashes_in_a_row_give_up(tiny_files: dict[tiny.Family, Path]) -> None:
    async with running(tiny_arm(tiny_files)) as arm:
        for _ in range(MAX_RESTARTS + 1):
            pid = pid_of(arm)
            os.kill(pid, signal.SIGKILL)
            await until(lambda: arm.state.phase in ("ready", "failed") and arm.state.pid != pid)  # noqa: B023
        assert arm.state.phase == "failed"
        assert arm.state.message.startswith(f"given up after {MAX_RESTARTS + 1} crashes in a row: the worker")
        prediction = await arm.ask("hello", 30.0)
        assert prediction.status == "crashed"
        await arm.stop()
        await arm.start()  # a person restarts it
        await phase(arm, "ready")
        assert (await arm.ask("hello", 30.0)).status == "ok"


async def test_worker_killed_while_loading(smollm2: Path) -> None:
    arm = arms().model_arm(spec(smollm2))
    async with running(arm, start=False):
        starting = asyncio.create_task(arm.start())
        await phase(arm, "loading")
        os.kill(pid_of(arm), signal.SIGKILL)
        await starting
        assert arm.state.phase == "failed"
        assert "while loading, the worker was killed (signal 9)" in arm.state.message
        assert one_line(arm.state.message)


async def test_stopped_worker_times_out_and_is_replaced(tiny_files: dict[tiny.Family, Path]) -> None:
    """Also with a prompt larger than the pipe: a worker that reads nothing must not hold its sender."""
    async with running(tiny_arm(tiny_files)) as arm:
        pid = pid_of(arm)
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(LIMIT_S):
            prediction = await arm.ask("hello " * 100_000, 0.3)
        assert prediction.status == "timeout"
        assert prediction.error == "no answer in 0.3 s"
        await phase(arm, "ready")
        assert pid_of(arm) != pid
        await until(lambda: not alive(pid))
        assert (await arm.ask("hello", 30.0)).status == "ok"


async def test_cancel_is_obeyed_and_the_next_answer_is_right(smollm2: Path) -> None:
    async with running(arms().model_arm(spec(smollm2, "json"))) as arm:
        pid = pid_of(arm)
        first = await arm.ask("hello", 60.0)
        asking = asyncio.create_task(arm.ask(LONG, 60.0))
        await phase(arm, "busy")
        arm.cancel()
        arm.cancel()
        async with asyncio.timeout(pool.CANCEL_DEADLINE_S + 1.0):
            assert (await asking).status == "cancelled"
        assert pid_of(arm) == pid  # it obeyed, it was not killed
        again = await arm.ask("hello", 60.0)
        assert (again.answer, again.status) == (first.answer, first.status)
        arm.cancel()  # nothing to cancel
        assert arm.state.phase == "ready"


async def test_cancel_kills_a_worker_that_does_not_obey(
    tiny_files: dict[tiny.Family, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CANCEL_DEADLINE_S", 0.1)
    async with running(tiny_arm(tiny_files)) as arm:
        pid = pid_of(arm)
        os.kill(pid, signal.SIGSTOP)
        asking = asyncio.create_task(arm.ask("hello", 60.0))
        await phase(arm, "busy")
        arm.cancel()
        assert (await asking).status == "cancelled"
        await phase(arm, "ready")
        assert pid_of(arm) != pid
        assert (await arm.ask("hello", 30.0)).status == "ok"


async def test_files_that_are_no_models(tmp_path: Path, tiny_files: dict[tiny.Family, Path]) -> None:
    whole = tiny_files["llama"].read_bytes()
    (tmp_path / "text.gguf").write_text("not a model at all\n" * 100)
    (tmp_path / "empty.gguf").touch()
    (tmp_path / "short.gguf").write_bytes(whole[:-2000])
    (tmp_path / "shorter.gguf").write_bytes(whole[:500])
    (tmp_path / "folder.gguf").mkdir()
    (tmp_path / "rotten.gguf").write_bytes(whole.replace(b"blk.1.attn_q.weight", b"blk.1.attn_X.weight"))
    expected = {
        "text.gguf": "GGUF",
        "empty.gguf": "",
        "short.gguf": "truncated",
        "shorter.gguf": "truncated",
        "missing.gguf": "no such file",
        "folder.gguf": "cannot be read",
        "rotten.gguf": "cannot load this file",
    }
    make = arms().model_arm
    tried = {name: make(spec(tmp_path / name)) for name in expected}
    await asyncio.gather(*(arm.start() for arm in tried.values()))
    for name, arm in tried.items():
        assert arm.state.phase == "failed", name
        assert name in arm.state.message
        assert expected[name] in arm.state.message
        assert one_line(arm.state.message), name
        assert (await arm.ask("hello", 1.0)).status == "crashed"
        await arm.stop()


@pytest.mark.parametrize("template", ["endless loop", "endless product"])
async def test_templates_that_do_not_end(tmp_path: Path, template: str) -> None:
    model = tiny.build(tmp_path / "evil.gguf", "llama", tiny.TEMPLATES[template])
    arm = arms().model_arm(spec(model))
    arm._load = arm._load.model_copy(update={"template_limit_s": 0.5})
    async with running(arm):
        assert arm.state.phase == "failed"
        assert arm.state.message == f"{model}: its chat template runs longer than 0.5 s"


@pytest.mark.parametrize("template", ["huge memory", "escape", "broken"])
async def test_templates_that_cannot_be_used_are_replaced(tmp_path: Path, template: str) -> None:
    model = tiny.build(tmp_path / "evil.gguf", "llama", tiny.TEMPLATES[template])
    async with running(arms().model_arm(spec(model))) as arm:
        assert arm.state.phase == "ready", arm.state.message
        assert arm.state.info is not None
        assert arm.state.info.template == "plain"
        assert (await arm.ask("hello", 30.0)).status == "ok"


async def test_exemplars_that_do_not_fit_fail_with_both_numbers(tiny_files: dict[tiny.Family, Path]) -> None:
    make = arms(Settings(threads=1, gpu_layers=0, context=256)).model_arm
    async with running(make(spec(tiny_files["llama"]))) as arm:
        assert arm.state.phase == "failed"
        assert "leaves no room in a context of 256" in arm.state.message


async def test_a_folder_for_logs_that_cannot_be_made(
    tiny_files: dict[tiny.Family, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(pool, "log_dir", lambda: tmp_path / "file" / "logs")
    async with running(tiny_arm(tiny_files)) as arm:
        assert arm.state.phase == "failed"
        assert "no worker could be started" in arm.state.message
        assert one_line(arm.state.message)


async def test_a_path_that_is_not_text(tmp_path: Path) -> None:
    async with running(arms().model_arm(spec(tmp_path / "caf\udce9.gguf"))) as arm:
        assert arm.state.phase == "failed"
        assert one_line(arm.state.message)


@pytest.mark.parametrize(
    ("fits", "asked", "tried", "phase_then"),
    [
        (30, -1, [-1], "ready"),
        (15, -1, [-1, 15], "ready"),
        (0, -1, [-1, 15, 0], "ready"),
        (-1, -1, [-1, 15, 0], "failed"),
        (5, 20, [20, 0], "ready"),
        (0, 0, [0], "ready"),
    ],
)
async def test_fallback_from_all_layers_to_half_to_none(
    smollm2: Path,
    monkeypatch: pytest.MonkeyPatch,
    fits: int,
    asked: int,
    tried: list[int],
    phase_then: str,
) -> None:
    """`fits` layers can be put on the GPU; -1: the model does not even load on the CPU."""
    arm = arms(SETTINGS.model_copy(update={"gpu_layers": asked}))(spec(smollm2))
    seen: list[tuple[int, str]] = []

    async def attempt(_: ModelArm, life: int, layers: int, message: str) -> Ready | Failed:
        seen.append((layers, message))
        if (30 if layers < 0 else layers) <= fits:
            return Ready(info=info(arm.spec))
        return Failed(message=f"no room for {layers}", retry=layers != 0)

    monkeypatch.setattr(ModelArm, "_try", attempt)
    await arm.start()
    assert [layers for layers, _ in seen] == tried
    messages = [message for _, message in seen]
    names = {-1: "all layers", 15: "15 layers", 20: "20 layers", 0: "no layers"}
    for i in range(1, len(tried)):
        assert messages[i] == f"{names[tried[i - 1]]} on the GPU did not load; trying {names[tried[i]]}"
    assert arm.state.phase == phase_then
    if phase_then == "failed":
        assert arm.state.message == "no room for 0"


async def test_fallback_ends_when_fewer_layers_cannot_help(
    smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm = arms(SETTINGS.model_copy(update={"gpu_layers": -1}))(spec(smollm2))
    seen: list[int] = []

    async def attempt(_: ModelArm, life: int, layers: int, message: str) -> Ready | Failed:
        seen.append(layers)
        return Failed(message=f"attempt {len(seen)}", retry=layers < 0)

    monkeypatch.setattr(ModelArm, "_try", attempt)
    await arm.start()
    assert seen == [-1, 15]
    assert (arm.state.phase, arm.state.message) == ("failed", "attempt 2")


_PARENT = """
import asyncio, sys
from pathlib import Path
from tests.engine.arms import arms, spec
async def main():
    arm = arms().model_arm(spec(Path(sys.argv[1]), sys.argv[2]))
    await arm.start()
    print(arm.state.phase, arm.state.pid, flush=True)
    if sys.argv[2] == "json":
        await arm.ask("go on and on", 60.0)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("contract", ["score", "json"], ids=["idle", "busy"])
def test_worker_goes_when_its_lab_is_killed(smollm2: Path, contract: str) -> None:
    command = [sys.executable, "-c", _PARENT, str(smollm2), contract]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPO) as parent:
        assert parent.stdout is not None
        said, pid = parent.stdout.readline().split()
        assert said == "ready"
        assert alive(int(pid))
        parent.kill()
    asyncio.run(until(lambda: not alive(int(pid))))


async def test_stop_at_any_point_leaves_no_process(tiny_files: dict[tiny.Family, Path]) -> None:
    """`running` checks the processes; here the stop falls into each phase of starting."""
    make = arms().model_arm
    for wanted in ("starting", "loading", "ready"):
        arm = make(spec(tiny_files["llama"], name=wanted))
        async with running(arm, start=False):
            starting = asyncio.create_task(arm.start())
            await phase(arm, wanted)
            if wanted == "starting":  # let it get as far as making the process
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            await arm.stop()
            assert arm.state.phase == "stopped"
            async with asyncio.timeout(LIMIT_S):
                await starting
            assert arm.state.phase == "stopped"
            await arm.stop()
            assert arm._worker is None or not alive(arm._worker.process.pid)


async def test_restart_while_loading_keeps_one_worker(tiny_files: dict[tiny.Family, Path]) -> None:
    pids: set[int] = set()
    arm = tiny_arm(tiny_files)

    def note(_: Arm) -> None:
        if arm.state.pid is not None:
            pids.add(arm.state.pid)

    arm.on_change = note
    async with running(arm, start=False):
        first = asyncio.create_task(arm.start())
        await phase(arm, "loading")
        await arm.stop()
        second = asyncio.create_task(arm.start())
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(first, second)
        assert arm.state.phase == "ready"
        assert [pid for pid in pids if alive(pid)] == [arm.state.pid]
        assert (await arm.ask("hello", 30.0)).status == "ok"
