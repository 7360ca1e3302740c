"""Another quantization of a model that is here, made by llama.cpp in a process of its own."""

import os
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import filelock
import tomli_w
from pydantic import BaseModel, ConfigDict

from routerlab.core.errors import Exit, LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.files.toml import load_toml
from routerlab.core.moment import Moment
from routerlab.core.text import printable
from routerlab.models.fingerprint import file_sha256, hash_file, remember
from routerlab.models.gguf import read_header
from routerlab.models.gguf_types import FILE_TYPES
from routerlab.models.progress import Report, Watch, check_disk
from routerlab.models.pull import PARTIAL, held, sidecar

PROGRAM = "routerlab.engine.worker.quantize"
"""Started by its name: only there is the library imported."""

TYPES = {
    name: number
    for number, name in FILE_TYPES.items()
    if re.fullmatch(r"F32|B?F16|Q[3-8]_(0|1|K(_[SML])?)|Q2_K|IQ4_(NL|XS)", name)
}
"""What can be made, and llama.cpp's number of it: all types that need no importance matrix."""

WHOLE = frozenset({"F32", "F16", "BF16"})
BITS = {"F32": 32, "F16": 16, "BF16": 16}
FEW_BITS = 9
"""Bits of a weight in all other types, at the most."""


class Origin(BaseModel):
    """What a file was made from: it lies beside it. `library` is the llama.cpp that made it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    source: str
    source_sha256: str
    source_quantization: str
    quantization: str
    sha256: str
    imatrix: bool = False
    library: str
    created: Moment

    @property
    def warnings(self) -> list[str]:
        """What one has to know of such a file, a sentence each."""
        found = []
        if self.source_quantization not in WHOLE:
            found.append(f"made from {self.source_quantization}: what that had lost does not come back")
        if re.match(r"I?Q[234]", self.quantization) and not self.imatrix:
            found.append("made without an importance matrix, with which so few bits lose less")
        return found


def origin_file(path: Path) -> Path:
    """Where it is written what a model file was made from."""
    return path.with_name(path.name + ".origin.toml")


def load_origin(path: Path) -> Origin | None:
    """What the model file was made from; None if nothing says so."""
    file = origin_file(path)
    return load_toml(file, Origin) if file.exists() else None


def type_named(name: str) -> str:
    """The type as llama.cpp writes it ("q4_0" is Q4_0); LabError naming those that can be made."""
    if name.upper() not in TYPES:
        raise LabError(f"{printable(name)}: no type that can be made; there are {', '.join(TYPES)}")
    return name.upper()


def target_name(source: Path, quantization: str, to: str) -> str:
    """The source's name with the new type in place of the old, in the same case; else before its suffix."""
    found = re.search(rf"(?<![A-Za-z0-9]){quantization}(?![A-Za-z0-9])", source.stem, re.IGNORECASE)
    if found is None:
        return f"{source.stem}.{to}.gguf"
    new = to if found[0].isupper() else to.lower()
    return f"{source.stem[: found.start()]}{new}{source.stem[found.end() :]}.gguf"


def quantize(
    source: Path, to: str, target: Path | None, report: Report, cancel: threading.Event | None = None
) -> tuple[Path, Origin]:
    """The model file in type `to` (one of TYPES), beside the source unless `target` is given.

    It gets its name when it is whole; made before from the same source, it is not made again. LabError when
    the source cannot be read, the target is another file, or the disk is too small; StoppedError on `cancel`.
    """
    watch = Watch(report, cancel)
    header = read_header(source)
    target = target or source.with_name(target_name(source, header.quantization, to))
    if target.absolute() == source.absolute():
        raise LabError(f"{printable(str(source))}: is {header.quantization} already")
    watch.note(f"hashing {source.name}")
    digest = file_sha256(source)
    try:
        work = target.parent / PARTIAL
        work.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(work / f"{target.name}.lock")
        with held(lock, f"another process makes {target.name}", watch):
            if target.exists():
                return target, _made_before(target, digest, to)
            check_disk(work, header.parameters * BITS.get(to, FEW_BITS) // 8)
            part = work / f"{target.name}.part"
            library = _run(source, part, to, header.size, watch)
            origin = Origin(
                source=source.name,
                source_sha256=digest,
                source_quantization=header.quantization,
                quantization=read_header(part).quantization,
                sha256=hash_file(part),
                library=library,
                created=datetime.now(UTC).replace(microsecond=0),
            )
            write_new(sidecar(target), f"{origin.sha256}  {target.name}\n".encode())
            write_new(origin_file(target), tomli_w.dumps(origin.model_dump()).encode())
            os.replace(part, target)
            remember(target, origin.sha256)
    except OSError as e:
        what = f"{printable(str(target))}: cannot be written: {e.strerror or e}"
        raise LabError(what, Exit.MISSING) from None
    return target, origin


def _made_before(target: Path, source_sha256: str, to: str) -> Origin:
    origin = load_origin(target)
    found = origin and (origin.source_sha256, origin.quantization, origin.sha256)
    if origin is None or found != (source_sha256, to, file_sha256(target)):
        raise LabError(
            f"{printable(str(target))}: is there, and was not made from this file, or has changed since; "
            "remove it, or name another"
        )
    return origin


def _run(source: Path, part: Path, to: str, size: int, watch: Watch) -> str:
    """Have the program write `part`; the library's version. LabError with what it said."""
    command = [sys.executable, "-m", PROGRAM, str(source), str(part), str(TYPES[to])]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        library = process.stdout.readline().strip()
        for line in process.stdout:
            done, total = map(int, line.split())
            watch.tell("quantize", f"quantizing to {to}", size * done // total, size)
        _, told = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        part.unlink(missing_ok=True)
        raise
    if process.returncode:
        part.unlink(missing_ok=True)
        reason = (told.strip().splitlines() or [f"ended with {process.returncode}"])[-1]
        raise LabError(f"{printable(str(source))}: cannot be quantized: {printable(reason)}", Exit.MISSING)
    return library
