"""Arms that keep everyone honest: what a router must beat, and what it costs to have none.

`majority` always says the label that is commonest in a labelled corpus, `keywords` looks for words,
`agreement` asks two models and a third where they disagree, and the control passes every prompt on without a
label.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from routerlab.core.corpus import fold, load_corpus
from routerlab.core.errors import Faults, LabError
from routerlab.core.files.toml import canonical_sha256, line_of, load_toml, read_text
from routerlab.core.prediction import Prediction, Record
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arms.arm import ArmSpec, Immediate, Spec
from routerlab.engine.arms.members import MembersArm
from routerlab.engine.contract.info import ArmInfo, Info
from routerlab.resources import KEYWORDS, POOL

Rule = Literal["majority", "keywords", "agreement", "none"]
Route = Callable[[str], Prediction]
"""From a prompt to an answer, without its latency."""


class BaselineSpec(Spec):
    """`file` is a corpus for majority, a table of words for keywords; `members` are whom agreement asks."""

    contract: Rule
    file: Path | None = None
    members: tuple[ArmSpec, ...] = ()

    @model_validator(mode="after")
    def _has_what_its_rule_needs(self) -> "BaselineSpec":
        if self.contract == "agreement" and len(self.members) not in (2, 3):
            raise ValueError("agreement needs two arms, and may have a third for where they disagree")
        return self


class BaselineInfo(Info):
    """What a baseline knows its labels from (`source_sha256`: canonical content), and the models it asks."""

    source_file: str | None = None
    source_sha256: str | None = None
    members: tuple[ArmInfo, ...] = ()

    @property
    def device(self) -> str:
        """The members', one after the other."""
        return ", ".join(member.device for member in self.members)

    @property
    def computes_on(self) -> frozenset[str]:
        """The members' devices; a table of words slows nobody down."""
        return frozenset().union(*(member.computes_on for member in self.members))


class Keywords(Record):
    """A table of words: the first rule of which a word stands in the prompt gives the label."""

    class Rule(Record):
        """Words that mean a label."""

        label: str
        words: tuple[str, ...] = Field(min_length=1)

    schema_version: Literal[1]
    name: str
    taxonomy: str
    otherwise: str
    rule: tuple[Rule, ...]


def load_keywords(path: Path, taxonomy: Taxonomy) -> Keywords:
    """The table in `path`; LabError where it is none, or has labels that the taxonomy has not."""
    table = load_toml(path, Keywords)
    said = ((("rule", i, "label"), rule.label) for i, rule in enumerate(table.rule))
    known, faults = ", ".join(taxonomy.labels), Faults(path)
    for loc, label in (*said, (("otherwise",), table.otherwise)):
        if label not in taxonomy.labels:
            line = line_of(read_text(path), loc) or 1
            faults.add(line, f"unknown label {label!r}; taxonomy {taxonomy.name!r} has {known}")
    faults.end()
    return table


def majority(labels: Sequence[str], taxonomy: Taxonomy) -> Route:
    """Always the commonest of the labels (of equals the taxonomy's first), with their shares."""
    counts = Counter(labels)
    shares = {label: counts[label] / counts.total() for label in taxonomy.labels}
    answer = Prediction(status="ok", label=max(shares, key=shares.__getitem__), probabilities=shares)
    return lambda _: answer


def keywords(table: Keywords) -> Route:
    """The label of the first rule that fits, without a probability."""
    rules = [(r.label, re.compile("|".join(map(_whole, r.words)))) for r in table.rule]

    def route(prompt: str) -> Prediction:
        text = fold(prompt)
        found = (label for label, words in rules if words.search(text))
        return Prediction(status="ok", label=next(found, table.otherwise))

    return route


def _whole(word: str) -> str:
    return rf"(?<!\w){re.escape(fold(word))}(?!\w)"


class BaselineArm(Immediate):
    """Majority, keywords or the control (see `Arm`): answers at once, in this process."""

    def __init__(self, spec: BaselineSpec, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.spec = spec
        self._taxonomy = taxonomy
        self._route: Route = lambda _: Prediction(status="unrouted")  # the control's

    def _learn(self) -> BaselineInfo:
        """Set the route; LabError when the file it comes from is no good."""
        contract, path, sha256 = self.spec.contract, self.spec.file, None
        if contract == "majority":
            path = path or POOL
            corpus = load_corpus(path, self._taxonomy)
            labels = [case.label for case in corpus.case if case.label is not None]
            if not labels:
                raise LabError(f"{path}: has no labels to count")
            self._route = majority(labels, self._taxonomy)
            sha256 = corpus.sha256
        elif contract == "keywords":
            path = path or KEYWORDS
            table = load_keywords(path, self._taxonomy)
            self._route = keywords(table)
            sha256 = canonical_sha256(table)
        return BaselineInfo(contract=contract, source_file=str(path) if path else None, source_sha256=sha256)

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """See `Arm.ask`."""
        if unready := self._unready():
            return unready
        self._enter("busy")
        start = time.perf_counter()
        await asyncio.sleep(0)  # one turn of the event loop, which every arm needs
        prediction = self._route(prompt)
        latency = prediction.latency_ms.model_copy(update={"total": (time.perf_counter() - start) * 1000.0})
        if self.state.phase == "busy":  # not stopped meanwhile
            self._enter("ready")
        return prediction.model_copy(update={"latency_ms": latency})


class AgreementArm(MembersArm):
    """Two arms are asked. Where they disagree, or one gives no label, a third answers if there is one, else
    whichever of the two is the surer: by its probability, or what it claims where it only writes."""

    spec: BaselineSpec

    def _settled(self, answers: Sequence[Prediction]) -> bool:
        return len(answers) == 2 and answers[0].label is not None and answers[0].label == answers[1].label

    def _passes_on(self, answer: Prediction) -> bool:
        return answer.status in ("ok", "unparsed", "refused")

    def _chosen(self, answers: Sequence[Prediction]) -> int:
        labelled = [i for i, answer in enumerate(answers) if answer.label is not None]
        if len(answers) == 3 or not labelled or not self._passes_on(answers[-1]):
            return len(answers) - 1
        return max(labelled, key=lambda i: _sureness(answers[i]))

    def _combined_info(self, infos: Sequence[ArmInfo]) -> BaselineInfo:
        return BaselineInfo(
            contract="agreement", members=tuple(infos), load_ms=sum(info.load_ms for info in infos)
        )


def _sureness(answer: Prediction) -> float:
    if answer.probabilities and answer.label:
        return answer.probabilities.get(answer.label, 0.0)
    return answer.confidence or 0.0
