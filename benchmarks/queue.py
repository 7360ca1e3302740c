"""Long queues: opening one of 10,000 prompts, moving in it, and appending to a session of 50,000 records."""

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.common import setup, spread
from benchmarks.startup import first_paint
from routerlab.annotate.desk.desk import Desk
from routerlab.annotate.desk.open import Wanted, open_desk
from routerlab.annotate.desk.source import Source, load_source, queue_cache
from routerlab.core.corpus import Corpus
from routerlab.core.files.toml import load_toml
from routerlab.core.prediction import Trial
from routerlab.core.session.file import SessionFile
from routerlab.core.session.fragment import fragment, header_text
from routerlab.core.session.session import Annotation, CaseRecord, Header, pin_taxonomy
from routerlab.paths import session_cache
from routerlab.resources import POOL, TAXONOMY

PROMPTS = 10_000
RECORDS = 50_000
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def ms(work: Callable[[], object]) -> float:
    """How long it took, in milliseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def prompts(folder: Path, n: int) -> Path:
    """A text file of n prompts: those of the pool with words left out, so that none is like another."""
    rng = random.Random(0)
    pool = [" ".join(case.prompt.split()) for case in load_toml(POOL, Corpus).case]
    file = folder / "prompts.txt"
    with file.open("w", encoding="utf-8") as f:
        for i in range(n):
            f.write(f"{i}: {' '.join(w for w in rng.choice(pool).split() if rng.random() < 0.8)}\n")
    return file


def measure(runs: int, quick: bool = False) -> dict[str, Any]:
    """Everything in a folder of its own, with a cache of its own."""
    made = setup()
    folder = Path(tempfile.mkdtemp(prefix="routerlab-queue-"))
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    try:
        return _measure(folder, made.taxonomy, runs, *((500, 2000) if quick else (PROMPTS, RECORDS)))
    finally:
        os.environ.pop("XDG_CACHE_HOME")
        if before is not None:
            os.environ["XDG_CACHE_HOME"] = before
        shutil.rmtree(folder)


def _measure(folder: Path, taxonomy: Any, runs: int, n: int, records: int) -> dict[str, Any]:
    file = prompts(folder, n)
    wanted = Wanted("ada", folder / "prompts.ada.toml", taxonomy, TAXONOMY)
    figures: dict[str, list[float]] = {
        k: []
        for k in ("first index", "source", "desk", "step", "submit", "append", "append to a new session")
    }
    for _ in range(max(2, runs // 5)):
        shutil.rmtree(queue_cache(), ignore_errors=True)
        figures["first index"].append(ms(lambda: load_source(file, taxonomy, "ada")))
    header = Header(
        id="S", created=NOW, lab_version="0", machine="m", taxonomy=pin_taxonomy(taxonomy, TAXONOMY)
    )
    source = load_source(file, taxonomy, "ada")
    said = [header_text(header)]
    for i, item in enumerate(source.items[: n - 200]):
        said.append(fragment(CaseRecord(id=item.id, prompt=item.prompt, source=item.source)))
        label = taxonomy.labels[i % 6]
        said.append(fragment(Annotation(id=f"a{i}", at=NOW, case=item.id, label=label, annotator="ada")))
    wanted.session.write_bytes(b"".join(said))
    open_desk(source, wanted)[0].file.close()  # this one parses it all, the next ones do not
    for _ in range(runs):
        figures["source"].append(ms(lambda: load_source(file, taxonomy, "ada")))
        _sit(source, wanted, figures)
    command = [sys.executable, "-m", "routerlab", "annotate", str(file), "--as", "ada"]
    command += ["--session", str(wanted.session), "--near", "0"]  # no note about them before the prompt
    figures["first paint of a prompt"] = [first_paint(command, b"9800: ") for _ in range(runs)]
    trial = Trial.model_validate(
        {"id": "t", "at": NOW, "arm": "a", "status": "ok", "prompt": "p" * 300, "contended": False}
        | {"label": taxonomy.labels[0], "probabilities": dict.fromkeys(taxonomy.labels, 1 / 6)}
    )
    long, new = folder / "long.toml", folder / "new.toml"
    rows = (fragment(trial.model_copy(update={"id": f"t{i:06d}"})) for i in range(records))
    long.write_bytes(header_text(header) + b"".join(rows))
    first = ms(lambda: SessionFile.open(long, cache=session_cache()).close())
    again = [
        ms(lambda: SessionFile.open(long, cache=session_cache()).close()) for _ in range(max(2, runs // 5))
    ]
    with SessionFile.open(long, cache=session_cache()) as big, SessionFile.create(new, header) as small:
        for _ in range(20 * runs):  # in turns
            figures["append"].append(ms(lambda: big.append(trial)))
            figures["append to a new session"].append(ms(lambda: small.append(trial)))
    result: dict[str, Any] = {"prompts": n, "records": records}
    result |= {name: spread(values) for name, values in figures.items()}
    result["long session, first opening"] = first
    result["long session, later openings"] = spread(again)
    result["append / append to a new session"] = (
        result["append"]["p50"] / result["append to a new session"]["p50"]
    )
    result["raw_ms"] = figures
    return result


def _sit(source: Source, wanted: Wanted, figures: dict[str, list[float]]) -> None:
    opened: list[Desk] = []
    figures["desk"].append(ms(lambda: opened.append(open_desk(source, wanted)[0])))
    desk = opened[0]
    i = desk.first("pending") or 0
    figures["step"].append(ms(lambda: desk.step(i, 1, "pending")))
    figures["submit"].append(ms(lambda: desk.submit(i, desk.taxonomy.labels[0])))
    desk.undo()
    desk.file.close()
