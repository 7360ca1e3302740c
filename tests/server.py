"""The server that forks what tests start: it imports everything once, and nothing else ever runs in it."""

from contextlib import chdir
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

from tests.conftest import REPO

IMPORTED = (
    "routerlab.cli.main",
    "routerlab.engine.lab.factory",
    "routerlab.engine.worker.worker",
    "routerlab.engine.worker.downstream",
    "routerlab.bench.peers.child",
    "routerlab.study.benchmark.run",
    "routerlab.study.trial.run.run",
    "routerlab.study.outcome.run.run",
    "routerlab.tune.run",
    "tests.program",
    "tests.forked",
)
"""What the server imports, with all that those import."""


def start(process: BaseProcess) -> None:
    """Start a process of the "forkserver" context, with the server where there is none yet."""
    with chdir(REPO):  # from where the server finds the tests
        get_context("forkserver").set_forkserver_preload(list(IMPORTED))
        process.start()
