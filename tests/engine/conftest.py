"""Models that the engine tests share: tiny ones of every family, and the real one."""

from pathlib import Path

import pytest

from routerlab.engine.worker import llama
from routerlab.engine.worker.build import usable_cpus
from tests.engine import tiny
from tests.engine.asking import SIX, Asked, open_model, shots_for
from tests.engine.remote.server import KEY, KEY_ENV


@pytest.fixture(scope="session")
def quiet() -> llama.Log:
    """Keeps the library's log to itself; must live as long as any model."""
    return llama.Log(lambda _: None)


@pytest.fixture(scope="session")
def tiny_files(tmp_path_factory: pytest.TempPathFactory) -> dict[tiny.Family, Path]:
    """A tiny model file of every family, with a normal chat template."""
    folder = tmp_path_factory.mktemp("tiny")
    chat = tiny.TEMPLATES["chatml"]
    return {f: tiny.build(folder / f"{f}.gguf", f, chat) for f in tiny.FAMILIES}


@pytest.fixture(scope="session")
def tiny_models(tiny_files: dict[tiny.Family, Path], quiet: llama.Log) -> dict[tiny.Family, llama.Model]:
    """The tiny models, loaded in this process."""
    return {family: open_model(path) for family, path in tiny_files.items()}


@pytest.fixture(scope="session")
def real_model(smollm2: Path, quiet: llama.Log) -> llama.Model:
    """SmolLM2, loaded in this process."""
    return open_model(smollm2)


@pytest.fixture(scope="session")
def real(real_model: llama.Model) -> Asked:
    """SmolLM2 under the score contract, with three exemplars."""
    return Asked(real_model, SIX, shots_for(SIX.labels, 3), threads=usable_cpus())


@pytest.fixture
def remote_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the remotes in tests is set, and attempts follow each other quickly."""
    from routerlab.engine.remote import endpoint

    monkeypatch.setenv(KEY_ENV, KEY)
    monkeypatch.setattr(endpoint, "FIRST_PAUSE_S", 0.02)
