"""What there is of models: the catalogue's entries and the files that are here, a row each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from routerlab.core.errors import LabError
from routerlab.models.catalog import Catalog, Entry, LocalModel, load_catalog, local_models
from routerlab.models.fingerprint import hash_file, remember
from routerlab.models.gguf import read_header
from routerlab.models.pull import partial_bytes, recorded_sha256
from routerlab.models.quantize import load_origin
from routerlab.paths import models_dir

State = Literal["here", "partial", "absent", "damaged"]


@dataclass(frozen=True)
class Stock:
    """A model: as the catalogue has it, or as its file says; None for what nobody knows. `size` is in bytes,
    `partial_bytes` those of an unfinished pull, `path` the file where it is here."""

    id: str
    parameters: str | None
    quantization: str | None
    size: int | None
    license: str | None
    state: State
    starter: bool
    path: Path | None
    partial_bytes: int
    notes: str
    entry: Entry | None = None


def stock() -> list[Stock]:
    """All of the catalogue in its order, then the files in the model folders that are in no catalogue."""
    catalog, folder = load_catalog(), models_dir()
    here = {m.path.name: m for m in local_models(catalog=catalog)}
    rows = [_known(entry, here.get(entry.file), folder) for entry in catalog.model]
    return [*rows, *(_stranger(m, catalog) for m in here.values() if m.entry is None)]


def _known(entry: Entry, local: LocalModel | None, folder: Path) -> Stock:
    partial = partial_bytes(entry, folder)
    state: State = "here" if local else "partial" if partial else "absent"
    if local and entry.size and local.size != entry.size:
        state = "damaged"
    return Stock(
        id=entry.id,
        parameters=entry.parameters,
        quantization=entry.quantization,
        size=local.size if local else entry.size,
        license=entry.license,
        state=state,
        starter=entry.starter,
        path=local.path if local else None,
        partial_bytes=partial,
        notes=entry.notes,
        entry=entry,
    )


def _stranger(m: LocalModel, catalog: Catalog) -> Stock:
    """The row of a file that is in no catalogue, from its header and origin as far as they can be read."""
    try:
        header, origin = read_header(m.path), load_origin(m.path)
    except LabError:
        notes = "routerlab models info says what is wrong"
        return Stock(m.name, None, None, m.size, None, "damaged", False, m.path, 0, notes)
    source = next((e for e in catalog.model if origin and e.sha256 == origin.source_sha256), None)
    notes = header.name or ""
    if origin:
        notes = f"made from {source.id if source else origin.source}"
    licence = source.license if source else None
    size = parameter_count(header.parameters)
    return Stock(m.name, size, header.quantization, m.size, licence, "here", False, m.path, 0, notes)


def parameter_count(n: int) -> str:
    """So many parameters as people write them: "135M", "1.54B"."""
    return f"{n / 1e9:.2f}B" if n >= 1e9 else f"{n / 1e6:.0f}M"


@dataclass(frozen=True)
class Verified:
    """The hash of a file's bytes; `right` says whether it is the one wanted, None where there is none."""

    sha256: str
    right: bool | None
    words: str


def verify(path: Path, progress: Callable[[int, int], None]) -> Verified:
    """Read every byte of a model file and compare its hash with the catalogue's, or the one beside it;
    `progress` gets (bytes done, total). LabError when it cannot be read."""
    entry = load_catalog().by_file(path.name)
    got = hash_file(path, progress)
    remember(path, got)
    pinned = entry.sha256 if entry else None
    wanted = pinned or recorded_sha256(path)
    if wanted is None:
        return Verified(got, None, "no hash to compare with")
    if wanted != got:
        return Verified(got, False, f"MISMATCH, expected {wanted}")
    return Verified(got, True, "ok (catalogue)" if pinned else "ok (recorded beside it)")
