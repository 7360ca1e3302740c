"""Taking a model away, or what an unfinished pull of it left. Only in the model folders."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import filelock

from routerlab.core.errors import LabError
from routerlab.core.text import printable
from routerlab.models.catalog import Entry, find_model, load_catalog
from routerlab.models.progress import human
from routerlab.models.pull import lock_of, partial_bytes, sidecar, work_folder
from routerlab.models.quantize import origin_file
from routerlab.paths import model_folders


@dataclass(frozen=True)
class Removal:
    """What would go: `files`, and the pulls of `entry` that are unfinished in the folders `halves`; so many
    bytes in all."""

    model: str
    files: tuple[Path, ...]
    entry: Entry | None
    halves: tuple[Path, ...]
    size: int

    def __str__(self) -> str:
        what = printable(str(self.files[0])) if self.files else f"the unfinished pull of {self.model}"
        return f"{what} ({human(self.size)})"


def removal(model: str) -> Removal:
    """What belongs to the model of this catalogue id or file name; LabError when there is none, or it lies
    in no model folder."""
    catalog = load_catalog()
    entry = catalog.get(model)
    halves = tuple(f for f in model_folders() if entry and partial_bytes(entry, f))
    files: tuple[Path, ...] = ()
    if not (halves and entry and not any((f / entry.file).exists() for f in model_folders())):
        path = find_model(model, catalog=catalog)
        entry = entry or catalog.by_file(path.name)
        if path.absolute().parent not in [f.absolute() for f in model_folders()]:
            raise LabError(
                f"{printable(str(path))} is not in a model folder: delete it yourself if you mean it"
            )
        files = (path, sidecar(path), origin_file(path))
    size = sum(f.stat().st_size for f in files if f.exists())
    if entry:
        size += sum(partial_bytes(entry, f) for f in halves)
    return Removal(model, files, entry, halves, size)


def remove(what: Removal) -> None:
    """Remove it; LabError when it is being pulled just now, or the disk refuses."""
    try:
        if what.entry:
            for folder in what.halves:
                with lock_of(what.entry, folder).acquire(timeout=0):
                    shutil.rmtree(work_folder(what.entry, folder), ignore_errors=True)
        for file in what.files:
            file.unlink(missing_ok=True)
    except filelock.Timeout:
        raise LabError(f"{what.model} is being pulled just now: stop that first") from None
    except OSError as e:
        raise LabError(f"{what}: cannot be removed: {e.strerror}") from None
