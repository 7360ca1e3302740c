"""The labels a router may answer, their families, cues and tie rule."""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from routerlab.core.files.toml import load_toml, once, unless
from routerlab.core.hashed import Hashed
from routerlab.core.prediction import Record

MAX_LABELS = 64


class Label(Record):
    """One label: `family` is its task type (code, CoT, hybrid), `cue` what tells it from the others."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[^\s\"\\{}<>|]+$")
    family: str = Field(min_length=1)
    cue: str = Field(min_length=1)


class Taxonomy(Hashed):
    """A closed set of 2 to 64 labels. Exact match is the primary metric: one label a case."""

    schema_version: Literal[1]
    name: str = Field(min_length=1)
    version: str
    description: str = ""
    tie_rule: str = ""
    label: tuple[Label, ...] = Field(min_length=2, max_length=MAX_LABELS)

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Taxonomy":
        unless(once("label", "name", [label.name for label in self.label], "label {} appears twice"))
        return self

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The label names in the file's order."""
        return tuple(label.name for label in self.label)

    @cached_property
    def families(self) -> dict[str, str]:
        """Label name -> family, in the file's order."""
        return {label.name: label.family for label in self.label}


def load_taxonomy(path: Path) -> Taxonomy:
    """The taxonomy in `path`; LabError with file, key and line if it is not one."""
    return load_toml(path, Taxonomy)
