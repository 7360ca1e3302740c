"""Cases: prompts with a gold label and where they come from."""

import hashlib
import unicodedata
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated as With
from typing import Literal

from pydantic import Field

from routerlab.core.errors import LabError, several
from routerlab.core.files.toml import line_numbers, load_toml, read_text
from routerlab.core.hashed import Hashed
from routerlab.core.moment import Moment
from routerlab.core.prediction import Item, Record
from routerlab.core.taxonomy import Taxonomy

CaseId = With[str, Field(min_length=1, max_length=64, pattern=r"^[^\s\[\]]+$")]
Fit = Literal["none"]
"""Said of a prompt that none of the labels fits: its label is then the nearest one."""


class Annotated(Record):
    """How a case got its label: who gave it and when the last of them did, in which sessions (their ids), and
    how many of them agree ("2 of 2"). Where they did not, `adjudicator` decided, for that `reason`.

    `seen` is there when not all of them were blind: somebody's label came after everything was revealed, or
    else after the models' suggestions.
    """

    annotators: tuple[str, ...] = Field(min_length=1)
    at: Moment
    sessions: tuple[str, ...] = Field(min_length=1)
    agreement: str
    seen: Literal["suggestion", "reveal"] | None = None
    adjudicator: str | None = None
    reason: str | None = None


class Case(Record):
    """A prompt, its gold label (None while nobody has labelled it) and provenance.

    `fit` says where none of the labels fits, and `label` is but the nearest. `also` lists labels that would
    fit too (the rule decided); cases of one `group` (translations, variants of a scenario) stay on one side
    of every split. `source_id` is the case's name at its `source`. `annotated` is there when the label was
    promoted from sessions.
    """

    id: CaseId
    prompt: str = Field(min_length=1)
    label: str | None = None
    fit: Fit | None = None
    difficulty: Literal["easy", "medium", "hard"] | None = None
    language: str = "en"
    also: tuple[str, ...] = ()
    notes: str | None = None
    author: str | None = None
    created: date | None = None
    source: str | None = None
    source_id: str | None = None
    group: str | None = None
    annotated: Annotated | None = None

    @property
    def item(self) -> Item:
        """The case as something to ask."""
        return Item(prompt=self.prompt, case=self.id, gold=self.label)


class Corpus(Hashed):
    """A file of cases. `author`, `created` and `source` hold for every case that does not say otherwise."""

    schema_version: Literal[1]
    name: str = Field(min_length=1)
    taxonomy: str
    description: str = ""
    author: str | None = None
    created: date | None = None
    source: str | None = None
    case: tuple[Case, ...] = Field(min_length=1)

    @cached_property
    def by_id(self) -> dict[str, Case]:
        """Case id -> case."""
        return {case.id: case for case in self.case}


def fold(prompt: str) -> str:
    """The prompt with Unicode, case and white space folded: two prompts that fold alike are duplicates."""
    return " ".join(unicodedata.normalize("NFKC", prompt).casefold().split())


def prompt_sha256(prompt: str) -> str:
    """SHA-256 (hex) of the folded prompt as UTF-8: by it a prompt is known where its text is not."""
    return hashlib.sha256(fold(prompt).encode(errors="surrogatepass")).hexdigest()


def corpus_faults(corpus: Corpus, taxonomy: Taxonomy) -> list[tuple[int, str, str]]:
    """What is wrong with the cases against the taxonomy, as (case index, key, message), in file order."""
    faults: list[tuple[int, str, str]] = []
    ids: dict[str, int] = {}
    prompts: dict[str, str] = {}
    known = ", ".join(taxonomy.labels)
    for i, case in enumerate(corpus.case):
        if case.id in ids:
            faults.append((i, "id", f"duplicate id {case.id!r} (first used by case {ids[case.id] + 1})"))
        ids.setdefault(case.id, i)
        folded = fold(case.prompt)
        if not folded:
            faults.append((i, "prompt", f"case {case.id}: the prompt is empty"))
        elif folded in prompts:
            faults.append((i, "prompt", f"case {case.id}: same prompt as case {prompts[folded]}"))
        prompts.setdefault(folded, case.id)
        if case.fit is not None and case.label is None:
            says = f"case {case.id}: fit = {case.fit!r} without a label; say which is the nearest"
            faults.append((i, "fit", says))
        faults += [
            (i, key, f"case {case.id}: unknown label {label!r}; taxonomy {taxonomy.name!r} has {known}")
            for key, label in [("label", case.label), *(("also", a) for a in case.also)]
            if label is not None and label not in taxonomy.labels
        ]
    return faults


def check_corpus(path: Path, taxonomy: Taxonomy) -> tuple[Corpus, list[str]]:
    """The corpus in `path` and every fault of its cases as "file:line: message" (empty when sound)."""
    corpus = load_toml(path, Corpus)
    faults = corpus_faults(corpus, taxonomy)
    lines = line_numbers(read_text(path)) if faults else {}

    def line(i: int, key: str) -> int:
        return lines.get(("case", i, key)) or lines.get(("case", i)) or lines[("case",)]

    return corpus, [f"{path}:{line(i, key)}: {message}" for i, key, message in faults]


def load_corpus(path: Path, taxonomy: Taxonomy) -> Corpus:
    """The corpus in `path`, sound against `taxonomy`; LabError with every fault and its line otherwise."""
    corpus, faults = check_corpus(path, taxonomy)
    if faults:
        raise several(path, [LabError(fault) for fault in faults])
    return corpus
