"""The same runs of the command for all tests here, which only look at what they left."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from tests.cli.tune.harness import Bench, Runs, tune_four_times


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Runs:
    """Made once, also where several processes share the tests."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with FileLock(shared / "tune-command.lock"):
        return tune_four_times(shared / "tune-command", smollm2)


@pytest.fixture
def bench(runs: Runs, tmp_path: Path) -> Bench:
    """A folder of its own with the tuned router, and what was read for it in the cache."""
    made = Bench(tmp_path, Path(runs.bench.model))
    for file in (runs.bench.folder / "one").iterdir():
        shutil.copy(file, tmp_path / file.name)
    shutil.copytree(runs.bench.folder / "a", tmp_path / "a")
    return made
