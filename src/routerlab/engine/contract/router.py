"""Router files: a model tuned for a taxonomy, as something that can be shared and checked.

`NAME.toml` says for which weights, labels and prompt it holds; the numbers of a probe's head lie beside it.
"""

import shlex
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.core.moment import Moment
from routerlab.core.prediction import Record
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.names import Encoding, Instruction
from routerlab.models.fingerprint import file_sha256
from routerlab.models.quantize import load_origin

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[^/\\]+$")]
"""A file beside the router file: never a path that leads elsewhere."""


NAME = r"[^\s/\\:]+"
"""What a router may be called: it becomes part of file and arm names."""


class FilePin(Record):
    """A file beside the router file, by the hash of its bytes (of its content, where it is a router)."""

    file: FileName
    sha256: Sha256


class MadeFrom(FilePin):
    """The file that the weights were made from by `models quantize`, and its id if the catalogue has it."""

    id: FileName | None = None
    quantization: str


class ModelPin(FilePin):
    """The weights a router was tuned for; `made_from` says how they are had if they were made by the lab."""

    id: FileName | None = None
    quantization: str
    made_from: MadeFrom | None = None

    def accepts(self, path: Path) -> bool:
        """Whether the model file is the pinned one, or was made as that was: from the same bytes, to the same
        type. Other instruction sets round differently, so its own bytes may then differ.

        LabError when the file, or what is written of its origin beside it, cannot be read.
        """
        sha256 = file_sha256(path)
        if sha256 == self.sha256:
            return True
        origin = load_origin(path) if self.made_from else None
        if origin is None or self.made_from is None or origin.sha256 != sha256 or origin.imatrix:
            return False
        made = (origin.source_sha256, origin.quantization)
        return made == (self.made_from.sha256, self.quantization)


class HeadPin(FilePin):
    """The file with a probe's head, and the layer whose output it reads (counted from 0); `familiarity` is
    how it tells how familiar a prompt is (see head.py), None where it does not."""

    layer: int = Field(ge=0)
    familiarity: Literal["last third"] | None = None


class Abstain(Record):
    """Answers that are not to be acted on: those less probable, or to less familiar prompts, than this. Where
    no probability or familiarity is known, the other decides."""

    probability: float = Field(default=0.0, ge=0, le=1)
    familiarity: float = Field(default=0.0, ge=0, le=1)

    def rejects(self, probability: float, familiarity: float | None) -> bool:
        """Whether to abstain from such an answer."""
        unfamiliar = familiarity is not None and familiarity < self.familiarity
        return unfamiliar or probability < self.probability

    def with_(self, other: "Abstain | None") -> "Abstain":
        """What keeps both."""
        return Abstain(
            probability=max(self.probability, other.probability if other else 0.0),
            familiarity=max(self.familiarity, other.familiarity if other else 0.0),
        )


class Promise(Abstain):
    """Of the answers that are not abstained from, at most the share `max_error` is wrong, for prompts drawn
    like those of the corpus that the router was tuned on. Were tuning repeated with other such cases, that
    would hold in the share `confidence` of the times (see tune/promise.py).

    It rests on `cases` answers by heads that had not seen them, of which the share `answered` is not
    abstained from, and the share `error` of those is wrong.
    """

    max_error: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0, lt=1)
    cases: int
    answered: float
    error: float


class Calibration(Record):
    """How label scores become probabilities: softmax(log p / temperature + bias).

    With `recent` > 0 the bias is learnt without labels instead: the mean log p over so many recent prompts is
    subtracted (contextual calibration with real prompts, after Zhao et al. 2021 and Han et al. 2023).
    """

    temperature: float = Field(default=1.0, gt=0)
    bias: dict[str, float] = Field(default_factory=dict)
    recent: int = Field(default=0, ge=0)


class Row(Record):
    """One row of the table that tuning prints. `cross_validated` rows were measured on cases that nothing was
    fitted to or chosen with. Latencies are in milliseconds, None where they were not timed."""

    method: str
    n: int
    accuracy: float
    low: float
    high: float
    hard: float | None = None
    log_loss: float | None = None
    ece: float | None = None
    p50: float | None = None
    p95: float | None = None
    cross_validated: bool


class Tried(Record):
    """A way to ask that was tried: log-loss of the cases that everything was chosen with, by how much it is
    above the best one's (with the standard error of that), tokens before each prompt, mean time in ms."""

    way: str
    window: int
    prefix: int
    log_loss: float
    above_best: float
    error: float
    ms: float
    taken: bool


class CorpusPin(Record):
    """One of the corpora that a router was fitted to, by its content; `cases` were fitted to."""

    name: str
    sha256: Sha256
    cases: int


class Evidence(Record):
    """How a router came about, and how good it is. Where it was fitted to several `corpora`, `corpus` is all
    of them as one."""

    corpus: str
    corpus_sha256: Sha256
    cases: int
    corpora: tuple[CorpusPin, ...] = ()
    seed: int
    command: str
    machine: str
    lab_version: str
    llama_cpp: str
    scikit_learn: str
    answers: FilePin | None = None
    """The out-of-fold answers (see tune/out_of_fold.py)."""
    seen: tuple[str, ...]
    """What was fitted to or chosen with which cases, one sentence each."""
    row: tuple[Row, ...]
    tried: tuple[Tried, ...] = ()

    def fitted_to(self, sha256: str) -> bool:
        """Whether the corpus of this content is what the router was fitted to, or part of it."""
        return sha256 in (self.corpus_sha256, *(pin.sha256 for pin in self.corpora))


class Router(Record):
    """A tuned model: contract, exemplars, window, and a head (`probe`, with an adapter of the model or
    without one) or a calibration (`score`)."""

    schema_version: Literal[2] = 2
    name: str = Field(pattern=f"^{NAME}$")
    contract: Literal["probe", "score"]
    encoding: Encoding = "json-name"
    instruction: Instruction = "full"
    created: Moment
    taxonomy: str
    taxonomy_sha256: Sha256
    prompt_sha256: Sha256
    window: int | None = Field(default=None, ge=16)
    model: ModelPin
    adapter: FilePin | None = None
    """A LoRA adapter (GGUF) that the model computes with; the head was fitted to what it then computes."""
    head: HeadPin | None = None
    calibration: Calibration | None = None
    promise: Promise | None = None
    evidence: Evidence
    exemplar: tuple[Exemplar, ...] = ()

    @model_validator(mode="after")
    def _has_what_its_contract_needs(self) -> "Router":
        if (self.contract == "probe") != (self.head is not None):
            raise ValueError("a probe has a [head], a score router has none")
        if self.adapter and not self.head:
            raise ValueError("an [adapter] is of no use without a [head]")
        return self


class Cascade(Record):
    """Routers asked in turn: the first whose confidence reaches its threshold answers, else the last.

    There is one of `thresholds` for each member but the last; a prompt less familiar to a member than
    `unfamiliar` goes on however sure it is, and so does one that a member abstains from. With `rule`
    "disagreement" there are none: the first two of three are both asked, and the third only when they
    disagree.
    """

    schema_version: Literal[2] = 2
    name: str = Field(pattern=f"^{NAME}$")
    contract: Literal["cascade"]
    created: Moment
    taxonomy: str
    taxonomy_sha256: Sha256
    rule: Literal["confidence", "disagreement"]
    thresholds: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    unfamiliar: float | None = Field(default=None, ge=0, le=1)
    member: tuple[FilePin, ...]
    evidence: Evidence

    @model_validator(mode="after")
    def _has_enough_members(self) -> "Cascade":
        members = len(self.member)
        if self.rule == "disagreement" and members != 3:
            raise ValueError(f"rule 'disagreement' needs 3 members, not {members}")
        if members < 2:
            raise ValueError(f"rule 'confidence' needs 2 members or more, not {members}")
        wanted = members - 1 if self.rule == "confidence" else 0
        if len(self.thresholds) != wanted:
            raise ValueError(
                f"{members} members by {self.rule} have {wanted} thresholds, not {len(self.thresholds)}"
            )
        return self


class _Peek(Record, extra="ignore"):
    schema_version: int = 1
    contract: Literal["probe", "score", "cascade"]


class _OldCascade(Record, extra="ignore"):
    rule: Literal["confidence", "disagreement"]
    member: tuple[FilePin, ...]


class _OldEvidence(Record, extra="ignore"):
    command: str


class _OldRouter(Record, extra="ignore"):
    evidence: _OldEvidence


def load_router(path: Path) -> Router | Cascade:
    """The router in `path`; LabError with file and line when it is not one, with the command that makes a new
    one when it is of an earlier version."""
    peek = load_toml(path, _Peek)
    if peek.schema_version == 1:
        raise LabError(f"{path}: is of an earlier version; make it anew: {_again(path, peek)}")
    return load_toml(path, Cascade) if peek.contract == "cascade" else load_toml(path, Router)


def _again(path: Path, peek: _Peek) -> str:
    if peek.contract != "cascade":
        return load_toml(path, _OldRouter).evidence.command
    old = load_toml(path, _OldCascade)
    members = [str(path.parent / member.file) for member in old.member]
    return shlex.join(["routerlab", "tune", "cascade", *members, "--rule", old.rule, "--out", str(path)])
