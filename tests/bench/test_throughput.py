"""Prompts a second: the command with a real model, and its figures."""

from pathlib import Path

import pytest

from routerlab.bench.throughput import Chunk, ThroughputRun, throughput_row
from tests.bench.harness import bench, raw
from tests.engine import tiny
from tests.engine.workers import spec
from tests.tui.scripted import info


def test_throughput_compares_labels_and_times(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "tiny.gguf", "llama", tiny.TEMPLATES["chatml"])
    arms = ("--arm", f"{model}:score", "--arm", f"{model}:json")
    ended = bench(
        tmp_path, "throughput", *arms, "--cases", 7, "--slots", 3, "--threads", 1, "--out", "t.json"
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("7/7") == 2
    runs = raw(tmp_path / "t.json")["runs"]
    assert [r["name"] for r in runs] == ["tiny", "tiny:json"]
    for run in runs:
        assert [len(c["cases"]) for c in run["chunks"]] == [3, 3, 1]
        assert all(c["single_s"] > 0 < c["bulk_s"] for c in run["chunks"])
        assert all(c["far"] < 1e-4 for c in run["chunks"])


def test_figures_are_of_all_chunks() -> None:
    def chunk(n: int, single_s: float, bulk_s: float, differing: tuple[str, ...] = ()) -> Chunk:
        cases = tuple(f"c{i}" for i in range(n))
        return Chunk(cases=cases, single_s=single_s, bulk_s=bulk_s, differing=differing, far=bulk_s / 100)

    run = ThroughputRun(
        name="a",
        info=info(spec(Path("a.gguf"))),
        slots=4,
        chunks=(chunk(4, 8.0, 2.0), chunk(4, 8.0, 4.0, ("c1",)), chunk(2, 4.0, 4.0)),
    )
    row = throughput_row(run)
    assert (row.single, row.bulk, row.ratio) == pytest.approx((0.5, 1.0, 2.0))
    assert (row.n, row.equal) == (10, 9)
    assert row.far == pytest.approx(0.04)
