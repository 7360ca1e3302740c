"""A worker that lies, or is lied to: garbage must cost an answer at most, never the lab."""

import subprocess
import sys
from pathlib import Path

import pytest

from routerlab.engine.arms import local as pool
from routerlab.engine.arms import process
from routerlab.engine.worker.protocol import Pong, from_worker
from tests.conftest import PATIENCE_S
from tests.engine import tiny
from tests.engine.workers import fake_worker, one_line, phase, pid_of, running, tiny_arm


@pytest.mark.parametrize(
    "garbage",
    [
        'say("hello there")',
        'say("{}")',
        'say(\'{"kind": "ask", "id": 1, "prompt": "x"}\')',
        'say(b"\\xff\\xfe\\x00\\n")',
        'say(b"{" + b"[" * 100000 + b"\\n")',
        'say(b"no newline at the end"); sys.exit(3)',
        "sys.exit(3)",
        'say(b"x" * 70_000_000)',
    ],
    ids=["text", "empty", "other way", "bytes", "nested", "cut off", "exit", "too long"],
)
async def test_garbage_instead_of_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path], garbage: str
) -> None:
    mark = tmp_path / "once"
    fake_worker(
        monkeypatch,
        tmp_path,
        f"""
hear(); say(READY)
ask = hear()
if not os.path.exists({str(mark)!r}):
    open({str(mark)!r}, "w").close()
    {garbage}
    time.sleep(60)
say(answer(ask)); hear()
""",
    )
    async with running(tiny_arm(tiny_files)) as arm:
        assert arm.state.phase == "ready"
        prediction = await arm.ask("hello", 30.0)
        assert prediction.status == "crashed"
        assert prediction.error is not None
        assert one_line(prediction.error)
        await phase(arm, "ready")
        assert (await arm.ask("hello", 30.0)).label == "yes"


async def test_garbage_while_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path]
) -> None:
    monkeypatch.setattr(pool, "PAUSES_S", (0.0,))
    fake_worker(monkeypatch, tmp_path, 'hear(); print("last words", file=sys.stderr); say("what?"); hear()')
    async with running(tiny_arm(tiny_files)) as arm:
        assert arm.state.phase == "failed"
        assert "wrote what is no message of the protocol" in arm.state.message
        assert arm.state.message.endswith("its log ends: last words")


async def test_a_worker_that_closes_its_pipe_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path]
) -> None:
    monkeypatch.setattr(process, "EOF_S", 0.1)
    fake_worker(monkeypatch, tmp_path, "hear(); say(READY); hear(); os.close(1); time.sleep(60)")
    async with running(tiny_arm(tiny_files)) as arm:
        prediction = await arm.ask("hello", 30.0)
        assert prediction.status == "crashed"
        assert "closed its pipe and went on" in (prediction.error or "")
        await phase(arm, "ready")


async def test_half_a_surrogate_pair_is_replaced(tiny_files: dict[tiny.Family, Path]) -> None:
    """Python texts may hold it (a byte of a command line that was not UTF-8), JSON in UTF-8 cannot."""
    async with running(tiny_arm(tiny_files)) as arm:
        odd = await arm.ask("a\ud800b", 30.0)
        plain = await arm.ask("a?b", 30.0)
        assert odd.status == "ok"
        assert odd.probabilities == pytest.approx(plain.probabilities)


async def test_messages_out_of_turn_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_files: dict[tiny.Family, Path]
) -> None:
    fake_worker(
        monkeypatch,
        tmp_path,
        """
PONG = json.dumps({"kind": "pong", "cpu_s": 1e9})
LOADING = json.dumps({"kind": "loading", "stage": "loading weights", "fraction": 0.5, "gpu_build": False})
hear(); say(PONG); say(LOADING); say(READY); say(READY); say(LOADING)
while True:
    ask = hear()
    say(answer({"id": ask["id"] - 1}, "no")); say(answer({"id": ask["id"] + 1}, "no"))
    say(LOADING); say(PONG)
    say(answer(ask)); say(answer(ask, "no")); say(LOADING)
""",
    )
    async with running(tiny_arm(tiny_files)) as arm:
        for _ in range(5):
            assert (await arm.ask("hello", 30.0)).label == "yes"
            assert arm.state.phase == "ready"


@pytest.mark.parametrize("line", [b"what?\n", b'{"kind": "ready"}\n', b"\xff\n", b"\n"])
def test_garbage_to_a_worker_ends_it(line: bytes) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "routerlab.engine.worker.worker"],
        input=line,
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert result.returncode == 2
    assert result.stdout == b""
    assert b"not a message of the protocol" in result.stderr


def test_a_worker_pings_back_before_it_has_a_model() -> None:
    command = [sys.executable, "-m", "routerlab.engine.worker.worker"]
    result = subprocess.run(
        command, input=b'{"kind": "ping"}\n' * 3, capture_output=True, check=False, timeout=PATIENCE_S
    )
    assert result.returncode == 0
    pongs = [from_worker.validate_json(line) for line in result.stdout.splitlines()]
    assert len(pongs) == 3
    assert all(isinstance(pong, Pong) and pong.cpu_s > 0 for pong in pongs)


def test_worker_without_a_lab_ends_quietly() -> None:
    command = [sys.executable, "-m", "routerlab.engine.worker.worker"]
    result = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=PATIENCE_S)
    assert (result.returncode, result.stdout) == (0, b"")


async def test_stdout_noise_never_reaches_the_protocol(tiny_files: dict[tiny.Family, Path]) -> None:
    """The worker's descriptor 1 is its log: whatever native code prints there cannot be a message."""
    async with running(tiny_arm(tiny_files)) as arm:
        out, err = (Path(f"/proc/{pid_of(arm)}/fd/{n}") for n in (1, 2))
        assert arm.log is not None
        assert out.resolve() == err.resolve() == arm.log.resolve()
