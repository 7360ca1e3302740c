"""What benchmarks and trials begin with: the record of a run, and a result to go on with."""

import platform
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from routerlab.cli.shared.open import open_session
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from routerlab.core.prediction import Record
    from routerlab.core.session.file import SessionFile
    from routerlab.core.session.run import RunRecord
    from routerlab.core.session.session import Session
    from routerlab.engine.lab.materials import Materials
    from routerlab.engine.worker.build import BuildInfo
    from routerlab.study.benchmark.plan import Plan
    from routerlab.study.trial.protocol.protocol import Protocol


def command_line() -> str:
    """The command as it was typed, to be put on record."""
    return shlex.join(["routerlab", *sys.argv[1:]])


def run_record(
    kind: Literal["bench", "trial"],
    pinned: "Record",
    sha256: str,
    plan: "Plan | Protocol",
    build: "BuildInfo",
) -> "RunRecord":
    """The record of a run that begins now: `pinned`, with its hash, is what it is held to."""
    import numpy as np

    from routerlab.core.files.toml import canonical_json
    from routerlab.core.session.run import RunRecord
    from routerlab.version import __version__

    return RunRecord(
        at=datetime.now(UTC),
        kind=kind,
        name=plan.name,
        plan=canonical_json(pinned),
        percentile=plan.percentile,
        command=command_line(),
        versions={
            "routerlab": __version__,
            "llama.cpp": build.version,
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        seed=plan.seed,
        sha256=sha256,
    )


def open_result(
    path: Path, materials: "Materials", check: Callable[["Session"], None], otherwise: str = ""
) -> "SessionFile | None":
    """The result in `path` to go on with, None if there is none yet; LabError when it was begun on another
    machine (`otherwise` says what to do then), or `check` finds that it is of something else."""
    from routerlab.engine.worker.build import machine

    file = open_session(path, materials)
    if file is None:
        return None
    try:
        check(file.session)
        if (there := file.session.header.machine) != (here := machine()):
            raise LabError(f"{path}: was begun on another machine ({there}; here: {here}){otherwise}")
    except LabError:
        file.close()
        raise
    return file
