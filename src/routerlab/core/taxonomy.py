"""The labels a router may answer, their families, cues and tie rule."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from routerlab.core.files.toml import load_toml, once, unless
from routerlab.core.hashed import Hashed
from routerlab.core.prediction import Record

MAX_LABELS = 64


class Label(Record):
    """One label: `family` is its task type (code, CoT, hybrid), `cue` what tells it from the others, `short`
    what it is called where there is no room for its name: that is only shown, and of no part in the hash."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[^\s\"\\{}<>|]+$")
    family: str = Field(min_length=1)
    cue: str = Field(min_length=1)
    short: str | None = Field(default=None, min_length=1, max_length=12, pattern=r"^\S+$", exclude=True)


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
        unless(once("label", "short", list(self.short.values()), "the short name {} appears twice"))
        return self

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The label names in the file's order."""
        return tuple(label.name for label in self.label)

    @cached_property
    def short(self) -> dict[str, str]:
        """Label name -> its short name, in the file's order: the file's own, else one that is made."""
        return short_labels(self.labels) | {label.name: label.short for label in self.label if label.short}

    @cached_property
    def families(self) -> dict[str, str]:
        """Label name -> family, in the file's order."""
        return {label.name: label.family for label in self.label}


def load_taxonomy(path: Path) -> Taxonomy:
    """The taxonomy in `path`; LabError with file, key and line if it is not one."""
    return load_toml(path, Taxonomy)


def short_labels(labels: Sequence[str]) -> dict[str, str]:
    """A short name of each label, different from each other: what follows its family where no other label has
    that too (`agentic`), else the family and the first letters that tell it from its sisters (`code·s`)."""
    parts = {label: label.partition("/") for label in labels}
    leaves = Counter(leaf for _, _, leaf in parts.values())
    found = {}
    for label, (family, _, leaf) in parts.items():
        sisters = [other for head, _, other in parts.values() if head == family and other != leaf]
        alone = not leaf or (leaves[leaf] == 1 and leaf not in labels)
        found[label] = (leaf or label) if alone else f"{family}·{_start(leaf, sisters)}"
    return found


def _start(word: str, others: Sequence[str]) -> str:
    """The fewest first letters that none of the others begins with."""
    sizes = range(1, len(word) + 1)
    return next((word[:n] for n in sizes if not any(o.startswith(word[:n]) for o in others)), word)
