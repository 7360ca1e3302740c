"""The comparison of a GPU's answers with the CPU's, over sessions of real runs, and the script around it.

There is no GPU here: the "GPU's" session is a run on the CPU whose arms' records say otherwise.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from routerlab.core.errors import Exit
from routerlab.core.prediction import Trial
from routerlab.core.session.arm import ArmRecord
from routerlab.core.session.file import read_session
from routerlab.core.session.fragment import fragment, header_text
from routerlab.core.session.session import Event, Session
from scripts.gpu_compare import TOLERANCE, compare, main
from tests import program
from tests.conftest import PATIENCE_S, REPO
from tests.engine import tiny
from tests.twocases import TWO_CASES

Change = Callable[[Event], Event]


@pytest.fixture(scope="module")
def sessions(pulled_smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two real runs of the same arms on the same cases: a small model, and a tiny one that writes noise."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "two.toml").write_text(TWO_CASES)
    nonsense = tiny.build(folder / "tiny.gguf", template=tiny.TEMPLATES["chatml"])
    arms = ["--arm", f"{pulled_smollm2}", "--arm", f"{nonsense}:json", "--exemplars", "none", "--layers", "0"]
    for name in ("one.toml", "other.toml"):
        program.run(folder, "replay", "two.toml", *arms, "--session", name).check_returncode()
    return folder / "one.toml", folder / "other.toml"


def changed(source: Path, path: Path, change: Change) -> Path:
    """The session with every event changed."""
    session = read_session(source).session
    events: list[Event] = [*session.arms.values(), *session.trials]
    path.write_bytes(header_text(session.header) + b"".join(fragment(change(e)) for e in events))
    return path


def update(event: Event, **facts: Any) -> Event:
    return event.model_copy(update=facts)


def on_gpu(event: Event) -> Event:
    """An arm's record as a GPU build would have written it."""
    if not isinstance(event, ArmRecord):
        return event
    return update(event, layers_on_gpu=event.layers, device="CUDA0 92 MiB + CPU 29 MiB")


def moved(by: float, arm: str) -> Change:
    """As from a GPU, and one label's probability moved, in every answer of the arms of that contract."""

    def change(event: Event) -> Event:
        event = on_gpu(event)
        if not isinstance(event, Trial) or not event.probabilities or arm not in event.arm:
            return event
        name, share = next(iter(event.probabilities.items()))
        return update(event, probabilities=event.probabilities | {name: share + by})

    return change


def run(tmp_path: Path, gpu: Path, cpu: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """The exit code, what was said, and the table."""
    out = tmp_path / "table.md"
    code = main(str(gpu), str(cpu), str(out))
    said = capsys.readouterr()
    return code, said.out + said.err, out.read_text() if out.exists() else ""


def test_two_runs_that_agree(
    sessions: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu = changed(sessions[0], tmp_path / "gpu.toml", on_gpu)
    code, said, table = run(tmp_path, gpu, sessions[1], capsys)
    assert code == Exit.OK
    assert said.strip().endswith("table.md: the same answers")
    lines = [line for line in table.splitlines() if line.startswith(("| smollm2-135m", "| tiny"))]
    name, on, weights, *figures = (cell.strip() for cell in lines[0].strip("|").split("|"))
    assert (name, on, weights) == ("smollm2-135m", "GPU, 30 of 30", "CUDA0 92 MiB + CPU 29 MiB")
    assert len(figures) == 4
    assert all(float(figure) > 0 for figure in figures)
    assert lines[1].startswith("| smollm2-135m | CPU, 30 of 30 | ")
    assert "CUDA" not in lines[1]
    assert lines[-1] == "| tiny:json | 2 | none | none given | yes |"  # json gives no probabilities
    (row, _) = compare(read_session(gpu).session, read_session(sessions[1]).session)
    assert row.moved is not None
    assert row.moved[0] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("by", "code"), [(TOLERANCE - 1e-3, Exit.OK), (TOLERANCE + 1e-3, Exit.CHECK_FAILED)])
def test_probabilities_apart(
    sessions: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], by: float, code: Exit
) -> None:
    gpu = changed(sessions[0], tmp_path / "gpu.toml", moved(by, "smollm2"))
    found, said, table = run(tmp_path, gpu, sessions[1], capsys)
    assert found == code
    if code:
        assert said.strip().endswith("different answers: smollm2-135m")
        assert "| NO |" in table


def test_another_label(
    sessions: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(event: Event) -> Event:
        if isinstance(event, Trial) and event.case == "B" and not event.arm.endswith(":json"):
            return update(event, label="hybrid/agentic")
        return on_gpu(event)

    code, said, table = run(
        tmp_path, changed(sessions[0], tmp_path / "gpu.toml", change), sessions[1], capsys
    )
    assert code == Exit.CHECK_FAILED
    assert "| smollm2-135m | 2 | B |" in table
    assert "different answers: smollm2-135m" in said


def drop(case: str) -> Change:
    """As from a GPU, and a case never answered."""
    return lambda e: update(e, status="cancelled") if isinstance(e, Trial) and e.case == case else on_gpu(e)


@pytest.mark.parametrize(
    ("change", "said", "code"),
    [
        (lambda e: e, "the first session has no layer on a GPU", Exit.MISSING),
        (drop("A"), "have not asked the same cases: finish both", Exit.USAGE),
        (
            lambda e: update(e, prompt_sha256="0" * 64) if isinstance(e, ArmRecord) else e,
            "the sessions have another prompt_sha256",
            Exit.USAGE,
        ),
        (
            lambda e: update(e, name="x") if isinstance(e, ArmRecord) and "json" in e.name else e,
            "the sessions have other arms: smollm2-135m, x; and smollm2-135m, tiny:json",
            Exit.USAGE,
        ),
    ],
)
def test_sessions_that_do_not_belong_together(
    sessions: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Change,
    said: str,
    code: Exit,
) -> None:
    gpu = changed(sessions[0], tmp_path / "gpu.toml", change)
    found, told, table = run(tmp_path, gpu, sessions[1], capsys)
    assert (found, table) == (code, "")
    assert said in told
    assert len(told.splitlines()) == 1


def test_the_second_session_must_be_of_the_cpu_and_there(
    sessions: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu = changed(sessions[0], tmp_path / "gpu.toml", on_gpu)
    assert "is not one of the CPU (CUDA0" in run(tmp_path, gpu, gpu, capsys)[1]
    assert run(tmp_path, gpu, tmp_path / "none.toml", capsys)[0] in (Exit.USAGE, Exit.MISSING)
    other = read_session(sessions[1]).session
    assert other.header.corpus is not None
    pin = other.header.corpus.model_copy(update={"sha256": "0" * 64})
    elsewhere = Session(other.header.model_copy(update={"corpus": pin}), arms=other.arms, trials=other.trials)
    with pytest.raises(Exception, match="not made with the same corpus"):
        compare(read_session(gpu).session, elsewhere)


def script(*args: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Runs gpu-check.sh with nothing on the PATH but the system's programs."""
    command = ["bash", str(REPO / "scripts" / "gpu-check.sh"), *args]
    return subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def test_the_script_without_a_compiler_for_gpus() -> None:
    result = script()
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.startswith("gpu-check: no nvcc here")
    assert len(result.stderr.splitlines()) == 1


def test_the_script_tells_its_use() -> None:
    result = script("--help")
    assert result.returncode == 2
    assert "Exit codes: 0 same labels" in result.stdout
