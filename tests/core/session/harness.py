"""Records, files and child processes for the tests of sessions."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from routerlab.core.prediction import Trial
from routerlab.core.session.arm import ArmRecord
from routerlab.core.session.fragment import fragment, header_text
from routerlab.core.session.session import Annotation, Event, Header, Session, TaxonomyPin
from tests.conftest import PATIENCE_S

AT = datetime(2026, 11, 23, 19, 40, 3, 120000, UTC)
HEADER = Header(
    id="s1",
    created=AT,
    lab_version="0.1.0",
    machine="Linux x86_64, 2 CPUs",
    schedule="exclusive",
    repeats=1,
    taxonomy=TaxonomyPin(
        name="two", path="two.toml", sha256="ab" * 32, families={"code/simple": "code", "CoT/simple": "CoT"}
    ),
)
ARM = ArmRecord(
    at=AT,
    kind="gguf",
    model_file="m.gguf",
    model_sha256="cd" * 32,
    model_size=10,
    architecture="llama",
    parameters=135_000_000,
    quantization="Q4_1",
    contract="score",
    encoding="json name",
    prompt_sha256="ef" * 32,
    llama_cpp="b7000",
    device="CPU",
    threads=2,
    n_ctx=4096,
    layers_on_gpu=0,
    layers=30,
    load_ms=812.34567,
    name="smollm2-135m",
)


def trial(n: int, **more: Any) -> Trial:
    facts: dict[str, Any] = {"at": AT, "arm": "a", "case": f"c{n}", "status": "ok", "label": "code/simple"}
    return Trial(id=f"t{n:06d}", **{**facts, "contended": False, **more})


def note(
    n: int,
    trial: str | None = "t000001",
    label: str | None = None,
    action: Literal["skip", "flag", "undo"] | None = None,
    **more: Any,
) -> Annotation:
    return Annotation(
        id=f"a{n:06d}", at=AT, trial=trial, label=label, action=action, **{"annotator": "ada", **more}
    )


def written(path: Path, *events: Event) -> Path:
    path.write_bytes(header_text(HEADER) + b"".join(map(fragment, events)))
    return path


def events_of(session: Session) -> list[Event]:
    return [*session.arms.values(), *session.trials, *session.annotations]


def child(script: str, *args: object, **more: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def output(script: str, *args: object) -> str:
    process = child(script, *args)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return out


# Children share these lines.
SETUP = """
import os, random, resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from routerlab.core.errors import LabError
from routerlab.core.session.fragment import fragment
from routerlab.core.session.session import Annotation
from routerlab.core.session.file import SessionFile, read_session
path = Path(sys.argv[1])
AT = datetime(2026, 11, 23, tzinfo=UTC)
def note(n): return Annotation(id=f"a{n:06d}", at=AT, trial="t", note=f"n{n}", annotator="ada")
"""
