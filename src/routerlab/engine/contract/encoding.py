"""How answers are written: what a model is told, what exemplars answer, and which text is scored.

The encodings of the `score` contract differ in what must be decoded for each label: "json-name" writes its
name inside prefilled JSON, "name" the name alone, "code" a letter, which is one token and so has no tail.
"""

from dataclasses import dataclass
from string import ascii_uppercase

from routerlab.core.errors import LabError
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.contract.names import ContractName, Encoding

PREFILL = '{"label": "'
"""The beginning of an answer that is JSON."""

DESCRIBED: dict[Encoding, str] = {
    "json-name": "name in prefilled JSON",
    "name": "bare name",
    "code": "single-token code",
}
"""The encodings in words, as records have them."""


@dataclass(frozen=True)
class Writing:
    """`cues` list the labels, `form` says how to answer; an answer is `prefill`, a label's text, and `close`.

    `texts` are what stands for each label, in the taxonomy's order; `tails` what is scored of it.
    """

    cues: str
    form: str
    prefill: str
    texts: tuple[str, ...]
    tails: tuple[str, ...]
    close: str

    def answer(self, label: int) -> str:
        """The whole answer that names the label of this index."""
        return f"{self.prefill}{self.texts[label]}{self.close}"


def writing(taxonomy: Taxonomy, contract: ContractName, encoding: Encoding) -> Writing:
    """How answers are written under a contract; LabError when the labels cannot be written that way."""
    names = taxonomy.labels
    clash = any(a != b and b.startswith(a) for a in names for b in names)
    cues = "\n".join(f"- {label.name}: {label.cue}" for label in taxonomy.label)
    if contract == "score" and encoding == "code":
        if len(names) > len(ascii_uppercase):
            raise LabError(f"taxonomy {taxonomy.name!r}: {len(names)} labels are too many for letters")
        letters = tuple(ascii_uppercase[: len(names)])
        cues = "\n".join(
            f"- {letter} = {label.name}: {label.cue}"
            for letter, label in zip(letters, taxonomy.label, strict=True)
        )
        form = "Answer with the letter of the label only, nothing before or after it."
        return Writing(cues, form, "", letters, letters, "")
    if contract == "score" and encoding == "name":
        if clash:
            raise LabError(f"taxonomy {taxonomy.name!r}: one label begins another, so bare names are unclear")
        form = "Answer with the label only, nothing before or after it."
        return Writing(cues, form, "", names, names, "")
    keys = '{"label": "<one of the labels>", "confidence": <0.0 to 1.0>}'
    if contract != "json":
        keys = '{"label": "<one of the labels>"}'
    form = f"Answer with JSON only, nothing before or after it: {keys}"
    # The closing quote is scored only where one label begins another: without it there is less to decode.
    tails = tuple(f'{name}"' if clash else name for name in names) if contract == "score" else ()
    return Writing(cues, form, "" if contract == "json" else PREFILL, names, tails, '"}')
