"""What every test gets: folders of its own instead of the user's, and the real model where one is needed."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from routerlab.models.quantize import quantize

REPO = Path(__file__).parent.parent
PATIENCE_S = 300.0
"""How long tests wait for what must come: far above what a busy machine needs; only a hang lasts as long."""
SMOLLM2 = "SmolLM2-135M-Instruct.Q4_1.gguf"
# Threads of the library that wait must not spin: several tests, and their workers, share the cores. Here, for
# the OpenMP runtime reads it once, when the library is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "0")
# A shell makes what it puts in the background deaf to Ctrl+C, and so would be the children that tests stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_HOMES = {
    "HOME": "home",
    "XDG_CONFIG_HOME": "home/.config",
    "XDG_DATA_HOME": "home/.local/share",
    "XDG_STATE_HOME": "home/.local/state",
    "XDG_CACHE_HOME": "home/.cache",
}


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Point the user's folders at an empty one, for this process and its children, and start no debugger
    when native code aborts."""
    root = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        for name, folder in _HOMES.items():
            (root / folder).mkdir(parents=True, exist_ok=True)
            patch.setenv(name, str(root / folder))
        patch.setenv("GGML_NO_BACKTRACE", "1")
        patch.delenv("COLUMNS", raising=False)  # which xdist sets for its workers
        patch.delenv("NO_COLOR", raising=False)
        yield root / "home"


@pytest.fixture(scope="session", autouse=True)
def forked_workers() -> Iterator[None]:
    """Fork the workers that tests start (forked.py) instead of starting each from nothing."""
    from tests import forked

    with pytest.MonkeyPatch.context() as patch:
        forked.use(patch)
        yield


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """Where the real models lie: ROUTERLAB_TEST_MODELS, or `models` in the checkout."""
    return Path(os.environ.get("ROUTERLAB_TEST_MODELS") or REPO / "models").absolute()


@pytest.fixture(scope="session")
def pulled_smollm2(models_folder: Path) -> Path:
    """The real model as the catalogue has it."""
    path = models_folder / SMOLLM2
    if not path.is_file():
        pytest.fail(f"{path} is missing: run `make models`", pytrace=False)
    return path


@pytest.fixture(scope="session")
def smollm2(pulled_smollm2: Path) -> Path:
    """The real model that most tests are run with: made once from the one that is pulled, in a type that a
    CPU reads twice as quickly."""
    with FileLock(pulled_smollm2.with_name(".tests.lock")):
        return quantize(pulled_smollm2, "Q4_0", None, lambda _: None)[0]


@pytest.fixture(scope="session")
def routed_smollm2(pulled_smollm2: Path) -> Path:
    """The real model as the router that ships wants it: made from the one that is pulled."""
    from routerlab.engine.lab.wanted import get, wanted

    (want,) = wanted(str(REPO / "routers" / "smollm2-135m.toml"))
    with FileLock(pulled_smollm2.with_name(".tests.lock")):
        return get(want, pulled_smollm2.parent, lambda _: None)


COSTLY = frozenset(
    {"smollm2", "pulled_smollm2", "routed_smollm2", "tiny_files", "tiny_models", "tiny_model", "snap_compare"}
)
"""Fixtures behind which models are loaded, or pictures drawn."""
PROGRAMS = frozenset(
    {
        "tests.engine.tiny",
        "tests.engine.encoders",
        "tests.faults.suite",
        "tests.tui.terminal",
        "tests.study.benchmark.harness",
        "tests.engine.remote.harness",
        "tests.program",
        "tests.walkthrough",
        "subprocess",
    }
)
"""Modules whose importers load models, open terminals, or start other programs."""
LONGEST_NAME = 100


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name long texts by their beginning: names go through pipes, and into the environment, many times."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_NAME:
        return f"{val[:LONGEST_NAME]!a}..."
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `whole` what `make test-quick` leaves out: what loads models, opens terminals, starts programs
    or compares pictures. What takes long for another reason is marked where it stands."""
    for item in items:
        assert isinstance(item, pytest.Function)
        fixtures = [found[-1].func for found in item._fixtureinfo.name2fixturedefs.values()]
        used = {getattr(v, "__module__", getattr(v, "__name__", "")) for v in vars(item.module).values()}
        if COSTLY & set(item.fixturenames) or PROGRAMS & (used | {f.__module__ for f in fixtures}):
            item.add_marker("whole")


def pytest_collection_finish() -> None:
    """What is imported by now stays: to look through it again and again took a sixteenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
