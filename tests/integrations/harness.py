"""Programs on loopback: llama-cpp-python's server, LiteLLM's proxy; and the page that configures it."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import httpx2

from tests.conftest import PATIENCE_S, REPO

KEY = "sk-loopback-only-0123456789abcdef"
PAGE = REPO / "docs" / "litellm.md"
PROXY = "from litellm_cli.main import proxy_server; proxy_server()"


@cache
def proxy_python() -> str | None:
    """The interpreter that has LiteLLM's proxy: ROUTERLAB_LITELLM, or this one; None where there is none. It
    is another environment than ours, as pip cannot resolve both into one (docs/litellm.md)."""
    python = os.environ.get("ROUTERLAB_LITELLM") or sys.executable
    needs = ("litellm", "apscheduler", "fastapi_sso")
    script = f"from importlib.util import find_spec; print(all(map(find_spec, {needs})))"
    found = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    return python if found.stdout.strip() == "True" else None


def blocks(language: str) -> list[str]:
    """The blocks of the page in this language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def program(
    command: list[str], log: Path, alive: str, folder: Path, env: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program in `folder`, once it answers at `alive`; afterwards it is asked to end, and has."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _answers(alive):
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):  # a model that writes cannot be asked to end
            process.wait(10)
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, trust_env=False).is_success
    except httpx2.TransportError:
        return False


@contextmanager
def llama(model: Path, name: str, folder: Path, context: int = 1024) -> Iterator[str]:
    """llama-cpp-python's server with this model: its address up to /v1."""
    port = free_port()
    options = {"model": model, "model_alias": name, "host": "127.0.0.1", "port": port, "n_ctx": context}
    options |= {"n_threads": 1, "n_threads_batch": 1, "interrupt_requests": False}
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    url = f"http://127.0.0.1:{port}/v1"
    command = [sys.executable, "-m", "llama_cpp.server", *words]
    with program(command, folder / f"{name}.log", f"{url}/models", folder, {}):
        yield url


@contextmanager
def litellm(folder: Path) -> Iterator[httpx2.Client]:
    """LiteLLM's proxy with the config.yaml in `folder`: a client of it."""
    python, port = proxy_python(), free_port()
    assert python
    env = {"PYTHONPATH": str(REPO / "src"), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": KEY}
    command = [python, "-c", PROXY, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--telemetry", "False"]
    url = f"http://127.0.0.1:{port}"
    told = {"Authorization": f"Bearer {KEY}"}
    with (
        program(command, folder / "litellm.log", f"{url}/health/liveliness", folder, env),
        httpx2.Client(base_url=url, headers=told, timeout=PATIENCE_S, trust_env=False) as client,
    ):
        yield client
