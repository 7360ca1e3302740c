"""The server that forks what tests start: it imports everything once, and nothing else ever runs in it."""

from collections.abc import Mapping
from contextlib import chdir
from multiprocessing import forkserver, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.conftest import REPO

SERVER = forkserver._forkserver
IMPORTED = (
    "routerlab.cli.main",
    "routerlab.engine.lab.factory",
    "routerlab.engine.worker.worker",
    "routerlab.engine.worker.downstream",
    "routerlab.bench.peers.child",
    "routerlab.study.benchmark.run",
    "routerlab.study.trial.run.run",
    "routerlab.study.trial.run.sweep",
    "routerlab.study.trial.analysis.analysis",
    "routerlab.study.trial.analysis.power",
    "routerlab.study.outcome.run.run",
    "routerlab.study.report",
    "routerlab.study.report.contents",
    "routerlab.study.report.terminal",
    "routerlab.cli.results.show",
    "routerlab.cli.shared.progress",
    "routerlab.serve.at_work",
    "routerlab.serve.run",
    "scipy.stats",
    "scipy.optimize",
    "sklearn.cluster",
    "sklearn.model_selection",
    "routerlab.engine.remote.endpoint",
    "routerlab.tune.run",
    "tests.program",
    "tests.forked",
    "tests.ready",  # last: it looks at what the others brought
)
"""What the server imports, with all that those import."""


def address() -> dict[str, object]:
    """Start the server where there is none yet; how a process that it forks reaches it (`reuse`)."""
    with chdir(REPO):  # from where the server finds the tests
        get_context("forkserver").set_forkserver_preload(list(IMPORTED))
        SERVER.ensure_running()
    return {k: v for k, v in vars(SERVER).items() if k in ("_forkserver_address", "_forkserver_authkey")}


def folder() -> Path:
    """What the server and all that it forked have in common; it goes with the server."""
    return Path(str(address()["_forkserver_address"])).parent


def start(process: BaseProcess) -> None:
    """Start a process of the "forkserver" context."""
    address()
    process.start()


def reuse(address: Mapping[str, object]) -> None:
    """Have that server fork what this process starts, which it forked itself: Python does not tell it where
    the server is, and a server of its own would import everything anew."""
    vars(SERVER).update(address, ensure_running=lambda: None)
