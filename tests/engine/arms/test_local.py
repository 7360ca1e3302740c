"""Arms with real worker processes: what is reported, and files, templates and folders that are no good."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from routerlab.core.session.arm import ArmRecord
from routerlab.engine.arms import process
from routerlab.engine.arms.arm import ArmState
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.lab.materials import arm_record
from routerlab.engine.worker.protocol import Failed, Ready
from routerlab.settings import Settings
from tests.engine import tiny
from tests.engine.workers import (
    SETTINGS,
    arms,
    log_of,
    one_line,
    running,
    spec,
    tiny_arm,
)
from tests.tui.scripted import info

LONG = "Tell me everything about whales, and do not stop."


async def test_ready_tells_what_really_happened(pulled_smollm2: Path) -> None:
    states: list[ArmState] = []
    arm = arms().model_arm(spec(pulled_smollm2))
    arm.on_change = lambda a: states.append(a.state)
    async with running(arm):
        state = arm.state
        found = state.info
        assert state.phase == "ready"
        assert isinstance(found, ArmInfo)
        with pulled_smollm2.open("rb") as file:
            assert found.model_sha256 == hashlib.file_digest(file, "sha256").hexdigest()
        assert found.model_size == pulled_smollm2.stat().st_size
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
        assert (arm.state.phase, arm.state.restarts) == ("failed", 0), name
        assert name in arm.state.message
        assert expected[name] in arm.state.message
        assert one_line(arm.state.message), name
        assert (await arm.ask("hello", 1.0)).status == "crashed"
        await arm.stop()


@pytest.mark.parametrize("family", ["llama", "mamba"])
async def test_rotten_weights_give_no_label(
    tmp_path: Path, tiny_files: dict[tiny.Family, Path], family: tiny.Family
) -> None:
    data = bytearray(tiny_files[family].read_bytes())
    data[-20_000:-10_000] = b"\xff\xff\xff\x7f" * 2500  # not a number
    (tmp_path / "rotten.gguf").write_bytes(data)
    async with running(arms().model_arm(spec(tmp_path / "rotten.gguf"))) as arm:
        prediction = await arm.ask("hello", 30.0)
        assert (prediction.status, prediction.label, prediction.probabilities) == ("unparsed", None, None)
        assert "the model file may be damaged" in (prediction.error or "")
        assert arm.state.phase == "ready"


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
        assert isinstance(arm.state.info, ArmInfo)
        assert arm.state.info.template == "plain"
        assert arm.state.message == f"asked in plain text: {arm.state.info.plain_text}"
        record = arm_record(arm)
        assert isinstance(record, ArmRecord)
        assert (record.plain_text or "").startswith("its chat template fails: ")
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
    monkeypatch.setattr(process, "log_dir", lambda: tmp_path / "file" / "logs")
    async with running(tiny_arm(tiny_files)) as arm:
        assert arm.state.phase == "failed"
        assert "no worker could be started" in arm.state.message
        assert one_line(arm.state.message)


async def test_a_path_that_is_not_text(tmp_path: Path) -> None:
    async with running(arms().model_arm(spec(tmp_path / "caf\udce9.gguf"))) as arm:
        assert arm.state.phase == "failed"
        assert one_line(arm.state.message)
        assert arm._worker is not None
        assert await arm._worker.ended == -9, "the worker that was made for it must not linger"


@pytest.mark.parametrize(
    ("fits", "asked", "tried", "phase_then"),
    [
        (30, -1, [-1], "ready"),
        (15, -1, [-1, 15], "ready"),
        (0, -1, [-1, 15, 0], "ready"),
        (-1, -1, [-1, 15, 0], "failed"),
        (5, 20, [20], "failed"),
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
        assert arm.state.message == f"no room for {tried[-1]}"


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
