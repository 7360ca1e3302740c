"""What is computed from samples: checked with samples whose figures are known."""

import subprocess
import sys
from pathlib import Path

import pytest

from routerlab.bench.length import LengthRun, LengthSample, length_rows, prompt_of
from routerlab.bench.memory import FLAT, MemoryRun, MemorySample, flat, look, resident, slope
from routerlab.bench.speed import Measured, Sample, WayRecord
from routerlab.bench.summary import PIPE, figures
from routerlab.bench.ways import WayKind
from routerlab.cli.bench.tables import length_plot, length_table, memory_table, ratio_tables, ways_table
from routerlab.cli.shared.show import new_table
from routerlab.core.prediction import Status
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.names import ContractName
from tests.tui import scripted


def info(contract: ContractName) -> ArmInfo:
    return scripted.info(ArmSpec(name="a", model=Path("a.gguf"), contract=contract))


def way(name: str, kind: WayKind, of: str, contract: ContractName | None = None) -> WayRecord:
    return WayRecord(name=name, kind=kind, of=of, info=info(contract) if contract else None)


def sample(name: str, case: int, ms: float, status: Status = "ok", label: str | None = "a") -> Sample:
    """An answer of which the worker had all but 2 ms, and `llama_decode` all but 3."""
    return Sample(
        way=name,
        case=str(case),
        repeat=1,
        place=0,
        ms=ms,
        status=status,
        label=label,
        correct=label == "a",
        worker_ms=ms - 2,
        steps={"tokenize": 1.0, "decode": ms - 3},
        error=None if status == "ok" else "it broke",
    )


def measured() -> Measured:
    ways = (
        way("score", "ours", "score", "score"),
        way("score, bare", "bare", "score"),
        way("score, zero-shot", "zero-shot", "score", "score"),
        way("json", "ours", "json", "json"),
        way("chat", "peer", "chat"),
        way("server", "peer", "server"),
        way("encoder", "peer", "encoder").model_copy(
            update={"start_s": 2.5, "fit_s": 20.0, "resident": 700 * 2**20}
        ),
    )
    samples = []
    for case in range(5):
        least = 100.0 * (case + 1)
        samples += [
            sample("score", case, 1.1 * least + 2, label="a" if case else "b"),
            sample("score, bare", case, least, label=None),
            sample("score, zero-shot", case, least + 2),
            sample(
                "json",
                case,
                5 * (1.1 * least + 2),
                "unparsed" if case == 4 else "ok",
                None if case == 4 else "a",
            ),
            sample("chat", case, 2 * (1.1 * least + 2)),
            sample("server", case, 0.0, "crashed", None),
            sample("encoder", case, 30.0),
        ]
    return Measured(name="m", ways=ways, skipped={"grammar": "is not here"}, samples=tuple(samples))


def test_the_figures_of_known_samples() -> None:
    found = figures(measured())
    assert {r.way: r.accuracy for r in found.ways} == {
        "score": 0.8, "score, bare": None, "score, zero-shot": 1.0, "json": 0.8, "chat": 1.0,
        "encoder": 1.0,
    }  # fmt: skip
    assert next(r for r in found.ways if r.way == "score").p50 == pytest.approx(332)
    (over,) = found.over_bare
    assert over.worker == pytest.approx(1.1)
    assert over.worker_ms == pytest.approx(30)
    assert over.lab == pytest.approx(332 / 300)
    assert over.lab_ms == pytest.approx(32)
    assert over.besides_ms == pytest.approx(1.0)
    ratios = {r.way: (r.p50, r.p95) for r in found.slower}
    assert ratios["json"] == pytest.approx((5, 5))
    assert ratios["chat"] == pytest.approx((2, 2))
    assert {r.than for r in found.slower} == {"score"}
    assert "encoder" not in ratios  # it asks no model
    encoder = found.ways[-1]
    assert (encoder.start_s, encoder.fit_s, encoder.resident) == (2.5, 20.0, 700 * 2**20)
    (cost,) = found.exemplars
    assert cost.ratio == pytest.approx(1.1)
    assert found.steps["score"] == {
        "tokenize": 1.0, "decode": pytest.approx(329), PIPE: pytest.approx(2),
    }  # fmt: skip
    assert found.skipped == {"grammar": "is not here", "server": "it broke"}


def test_a_run_that_was_cut_short_has_figures_for_what_there_is() -> None:
    whole = measured()
    found = figures(whole.model_copy(update={"samples": whole.samples[:1]}))
    assert [r.way for r in found.ways] == ["score"]
    assert [*found.over_bare, *found.slower, *found.exemplars] == []
    assert figures(whole.model_copy(update={"samples": ()})).ways == ()


def test_tables_fit_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from routerlab.cli.shared.show import print_table

    monkeypatch.setenv("COLUMNS", "80")
    found = figures(measured())
    for table in [ways_table(found), *ratio_tables(found)]:
        print_table(table)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "1.100 x" in shown
    row = next(line.split() for line in shown.splitlines() if line.startswith(" encoder "))
    assert row[-2:] == ["700", "2.5"]
    assert "not in the start: encoder 20.0 s" in " ".join(shown.split())
    assert "5.00 x" in shown
    assert isinstance(new_table("x"), type(ways_table(found)))


def length_run() -> LengthRun:
    samples = [
        LengthSample(tokens=n, window=w, repeat=r, status="ok", ms=ms + r, evaluated=n, error=None)
        for n, w, ms in [(16, 0, 10.0), (16, 32, 10.0), (64, 0, 40.0), (64, 32, 20.0), (256, 32, 21.0)]
        for r in (1, 2, 3)
    ]
    refused = LengthSample(
        tokens=256, window=0, repeat=1, status="refused", ms=1, evaluated=0, error="too long"
    )
    return LengthRun(name="m", info=info("score"), window=32, samples=(*samples, refused))


def test_lengths_have_medians_and_say_what_was_refused(capsys: pytest.CaptureFixture[str]) -> None:
    from routerlab.cli.shared.show import print_table

    rows = length_rows(length_run())
    assert [(r.tokens, r.whole, r.windowed) for r in rows] == [
        (16, 12.0, 12.0), (64, 42.0, 22.0), (256, None, 23.0),
    ]  # fmt: skip
    print_table(length_table(length_run()))
    assert "refused" in capsys.readouterr().out
    plot = length_plot(length_run())
    assert "window of 32" in plot
    assert "\x1b" not in plot
    assert len(prompt_of(40).split()) == 40


def memory_run(per_prediction: float, prompts: int = 2, last: int = 1000) -> MemoryRun:
    """A worker that takes a lot in the beginning, and then so much for every prediction."""
    samples = tuple(
        MemorySample(
            predictions=n, resident=10**9 - n, own=10**8 + min(n, 300) * 10**5 + int(n * per_prediction)
        )
        for n in range(0, last + 1, last // 10)
    )
    before = MemorySample(predictions=0, resident=1, own=1)
    return MemoryRun(name="m", info=info("score"), prompts=prompts, before=before, samples=samples)


def test_memory_is_that_of_a_process_and_all_below_it() -> None:
    wait = "import sys; print(flush=True); sys.stdin.read()"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {wait!r}])"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", child], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert resident(process.pid) > 1.5 * look(process.pid).resident
        process.communicate(b"")
    assert resident(process.pid) == 0


@pytest.mark.parametrize(
    ("grows", "is_flat"), [(0, True), (FLAT - 1, True), (FLAT + 1, False), (4096, False)]
)
def test_memory_is_judged_by_its_own_pages_after_the_beginning(grows: int, is_flat: bool) -> None:
    run = memory_run(grows)
    assert slope(run) == pytest.approx(grows * 1000, abs=1)
    assert flat(run) is is_flat


def test_there_is_no_verdict_in_the_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    from routerlab.cli.shared.show import print_table

    assert slope(memory_run(5000, prompts=600)) is None
    assert flat(memory_run(5000, prompts=600)) is None
    assert slope(memory_run(5000, last=900)) == pytest.approx(5_000_000)
    assert flat(memory_run(5000, last=900)) is None
    print_table(memory_table([memory_run(5000, prompts=600), memory_run(5000)]))
    shown = capsys.readouterr().out
    assert "no" in shown.split()
    assert "+5,000,000 B" in shown
