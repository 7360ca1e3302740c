"""Overlays: labels of prompts without their texts, and how the texts are found in a user's own files.

A prompt is known by the SHA-256 of its folded text, so it is found whatever file it is in, and a text that
was changed is not taken for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from routerlab.annotate.formats.chats import first_asked
from routerlab.annotate.formats.fields import dig
from routerlab.annotate.formats.rows import read_rows
from routerlab.core.corpus import Annotated, Case, CaseId, Corpus, Fit, prompt_sha256
from routerlab.core.errors import Faults, LabError, several
from routerlab.core.files.toml import Loc, once, unless
from routerlab.core.hashed import Hashed
from routerlab.core.moment import Moment
from routerlab.core.prediction import Record
from routerlab.core.taxonomy import Taxonomy

Part = Literal["dev", "test"]
PARTS: tuple[Part, ...] = get_args(Part)


class Entry(Record):
    """A case without its prompt: where the prompt is from, its hash (see prompt_sha256), and its label.

    `raters`, their `agreement`, and the rest say how the label came about, as `annotated` of a case does; all
    of the first four or none. What is in the `part` "test" is never fitted to.
    """

    id: CaseId
    source: str = Field(min_length=1)
    source_id: str = Field(min_length=1)
    prompt_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    label: str
    fit: Fit | None = None
    also: tuple[str, ...] = ()
    language: str = "en"
    raters: tuple[str, ...] = ()
    agreement: str | None = None
    at: Moment | None = None
    sessions: tuple[str, ...] = ()
    seen: Literal["suggestion", "reveal"] | None = None
    adjudicator: str | None = None
    reason: str | None = None
    part: Part | None = None

    @model_validator(mode="after")
    def _says_all_of_its_raters_or_nothing(self) -> "Entry":
        if len({bool(each) for each in (self.raters, self.agreement, self.at, self.sessions)}) > 1:
            raise ValueError("raters, agreement, at and sessions go together: write all of them or none")
        return self

    @property
    def annotated(self) -> Annotated | None:
        """How the label came about, as a case has it."""
        if self.agreement is None or self.at is None:
            return None
        return Annotated(
            annotators=self.raters,
            at=self.at,
            sessions=self.sessions,
            agreement=self.agreement,
            seen=self.seen,
            adjudicator=self.adjudicator,
            reason=self.reason,
        )

    def case(self, prompt: str) -> Case:
        """The case, with its prompt."""
        facts = self.model_dump(include={"id", "source", "source_id", "label", "fit", "also", "language"})
        return Case(**facts, prompt=prompt, annotated=self.annotated)


class Overlay(Hashed):
    """A corpus without texts."""

    schema_version: Literal[1]
    name: str = Field(min_length=1)
    taxonomy: str
    description: str = ""
    case: tuple[Entry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_each_once(self) -> "Overlay":
        unless(*(_once(key, [getattr(e, key) for e in self.case]) for key in ("id", "prompt_sha256")))
        return self

    @property
    def parts(self) -> tuple[Part | None, ...]:
        """The parts that its cases are in, None for those in none."""
        there = {entry.part for entry in self.case}
        return tuple(part for part in (*PARTS, None) if part in there)


def _once(key: str, names: Sequence[str]) -> Iterator[tuple[Loc, str]]:
    return once("case", key, names, f"{key} {{}} stands there before already")


@dataclass(frozen=True)
class Filled:
    """The corpora of an overlay's parts, with the cases whose prompts were found, in its order; a part of
    which none was is left out. `missing` are the others."""

    corpora: tuple[Corpus, ...]
    missing: tuple[Entry, ...]


def fill(overlay: Overlay, files: Sequence[Path], key: str | None = None) -> Filled:
    """The overlay with the prompts of these files, of any format that is read; `key` says where those have
    their prompt.

    One without that key has it under "prompt" or "instruction" (AlpacaEval), or as the first that a user says
    in a conversation, of any shape that `corpus import` reads (the questions of Arena-Hard and MT-Bench too).
    LabError for a file that cannot be read or has no prompt.
    """
    wanted = {entry.prompt_sha256 for entry in overlay.case}
    found: dict[str, str] = {}
    for path in files:
        found |= {h: p for p in _prompts(path, key) if (h := prompt_sha256(p)) in wanted and h not in found}
    corpora = []
    for part in overlay.parts:
        cases = [
            e.case(found[e.prompt_sha256])
            for e in overlay.case
            if e.part == part and e.prompt_sha256 in found
        ]
        if cases:
            name = f"{overlay.name}-{part}" if part else overlay.name
            corpora.append(
                Corpus(
                    schema_version=1,
                    name=name,
                    taxonomy=overlay.taxonomy,
                    description=overlay.description,
                    case=tuple(cases),
                )
            )
    return Filled(tuple(corpora), tuple(e for e in overlay.case if e.prompt_sha256 not in found))


def _prompts(path: Path, key: str | None) -> list[str]:
    faults = Faults(path)
    rows = [row for _, row in read_rows(path, faults).rows]
    faults.end()
    found = [prompt for row in rows if isinstance(prompt := _prompt(row, key), str)]
    if not found:
        keys = ", ".join(dict.fromkeys(k for row in rows for k in row)) or "none"
        where = f"under {key!r}" if key else "under 'prompt' or 'instruction', or in a conversation"
        raise LabError(f"{path}: no line has a prompt {where}, the keys are {keys}; say --map prompt=KEY")
    return found


def _prompt(row: Mapping[str, Any], key: str | None) -> object:
    """What stands where the line's prompt should; `key` may be a dotted path."""
    if key and (found := dig(row, key)) is not None:
        return found
    for name in ("prompt", "instruction"):
        if name in row:
            return row[name]
    return first_asked(row)


def overlay_of(name: str, corpora: Mapping[Path, Corpus], part: Part | None, taxonomy: Taxonomy) -> Overlay:
    """The corpora, by file, as one overlay. A file NAME-dev.toml or NAME-test.toml, as `corpus split` makes
    them, is that part; `part`, if given, is that of all. The first description is the overlay's.

    LabError when a case has no label or no source, or an id or a prompt comes twice.
    """
    entries: list[Entry] = []
    faults: list[LabError] = []
    taken: dict[str, Path] = {}
    for path, corpus in corpora.items():
        own = part or next((p for p in PARTS if path.stem.endswith(f"-{p}")), None)
        for case in corpus.case:
            sha256, source = prompt_sha256(case.prompt), case.source or corpus.source
            if case.label is None:
                faults.append(LabError(f"{path}: case {case.id}: has no label"))
            elif not source:
                faults.append(
                    LabError(f"{path}: case {case.id}: has no source; say where its prompt is from")
                )
            elif before := taken.get(case.id) or taken.get(sha256):
                faults.append(
                    LabError(f"{path}: case {case.id}: its id or its prompt is in {before} already")
                )
            else:
                entries.append(_entry(case, case.label, source, sha256, own))
            taken |= {case.id: path, sha256: path}
    if faults:
        raise several("the corpora", faults)
    return Overlay(
        schema_version=1,
        name=name,
        taxonomy=taxonomy.name,
        description=next((c.description for c in corpora.values() if c.description), ""),
        case=tuple(entries),
    )


def _entry(case: Case, label: str, source: str, sha256: str, part: Part | None) -> Entry:
    """The case without its prompt; one without a `source_id` is its source's by its own id."""
    said = case.annotated.model_dump() if case.annotated else {}
    return Entry(
        id=case.id,
        source=source,
        source_id=case.source_id or case.id,
        prompt_sha256=sha256,
        label=label,
        also=case.also,
        fit=case.fit,
        language=case.language,
        raters=said.pop("annotators", ()),
        part=part,
        **said,
    )
