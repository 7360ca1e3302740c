"""What is driven: `routerlab serve`, and peers behind a server of their own."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import ROOT, Setup
from routerlab.bench.peers.protocol import PeerKind, PeerSetup
from routerlab.core.corpus import load_corpus
from routerlab.resources import POOL
from tests.integrations import harness

DEADLINE_S = 2
"""What `routerlab serve` is told; the looser of the limits that knees are looked for at."""


@dataclass(frozen=True)
class Target:
    """A server that answers `POST /v1/route`."""

    name: str
    url: str
    pid: int


@contextmanager
def serve(router: str, more: Sequence[str], folder: Path) -> Iterator[Target]:
    """`routerlab serve` with `more` options; it writes its sessions into the folder as it does for users."""
    port = harness.free_port()
    words = ["serve", "--router", router, "--port", str(port), "--deadline", str(DEADLINE_S)]
    command = [sys.executable, "-m", "routerlab", *words, "--sessions", str(folder / "sessions"), *more]
    url = f"http://127.0.0.1:{port}"
    with harness.program(command, folder / "serve.log", f"{url}/ready", ROOT, {}) as process:
        yield Target(router, url, process.pid)


@contextmanager
def peer(kind: PeerKind, made: Setup, encoder: str, folder: Path) -> Iterator[Target]:
    """A peer, in the environment of ROUTERLAB_LITELLM if there is one. AssertionError with the end of its log
    where it cannot be had."""
    pool = load_corpus(POOL, made.taxonomy)
    setup = PeerSetup(
        kind=kind,
        model=made.model,
        taxonomy=made.taxonomy,
        n_ctx=0,
        threads=1,
        gpu_layers=0,
        encoder=encoder,
        examples=tuple((case.prompt, case.label) for case in pool.case),
    )
    file = folder / "peer.json"
    file.write_text(setup.model_dump_json())
    port = harness.free_port()
    python = os.environ.get("ROUTERLAB_LITELLM") or sys.executable
    env = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    url = f"http://127.0.0.1:{port}"
    command = [python, "-m", "benchmarks.serving.peer", str(port), str(file)]
    with harness.program(command, folder / "peer.log", f"{url}/ready", ROOT, env) as process:
        yield Target(kind, url, process.pid)
