"""The ways to ask a model for a label, as data: what it reads, and what counts as an answer.

`json` is the study's contract: zero-shot, the model writes JSON, greedy, at most 128 tokens.
`score` reads the log-likelihood of each label after a prefilled answer, with exemplars in the prefix.
`probe` decodes the same text without any label, and a linear head reads a layer's output (see head.py).

Everything here is text and tokens; nothing touches a model. A contract's text is a list of pieces:
template text, whose special tokens count, and content (system prompt, exemplars, the user's text),
which stays text whatever it says.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.core.prediction import Record
from routerlab.core.taxonomy import Taxonomy
from routerlab.core.text import printable
from routerlab.engine.contract.encoding import writing
from routerlab.engine.contract.names import ContractName, Encoding, Instruction

MAX_NEW_TOKENS = 128
"""The study's limit on a generated answer."""

Message = dict[str, Any]
"""`role` and `content`: a text, or a list of parts, which are {"type": "text", "text": ...}."""
Render = Callable[[list[Message]], str]
"""Chat messages -> text with the generation prompt; raises anything when the template refuses them."""
Template = Literal["chat", "folded", "plain", "own"]
"""How the instruction reaches a model; `own`: it gets none, only what its makers put before each text."""
Shots = Sequence[tuple[str, str]]
"""Worked examples: (prompt, answer as it is written)."""


class Exemplar(Record):
    """A worked example in a contract's prefix."""

    prompt: str
    label: str


@dataclass(frozen=True)
class Piece:
    """A stretch of prompt text; `special` says whether special tokens in it are meant."""

    text: str
    special: bool


@dataclass(frozen=True)
class Framing:
    """The text around the user's prompt: `prefix` + prompt + `suffix`, then an answer.

    `tails` are the scored continuations in the taxonomy's label order (empty for `json`). `gap` belongs
    between prefix and prompt, where tokenizers take a space and the word after it for one token. `quoted`:
    the template writes contents as JSON strings. `plain_text` says why plain text stands in for a template.
    """

    prefix: tuple[Piece, ...]
    suffix: tuple[Piece, ...]
    tails: tuple[str, ...]
    template: Template
    gap: str = ""
    quoted: bool = False
    plain_text: str | None = None

    def written(self, prompt: str) -> str:
        """The user's prompt as it stands between prefix and suffix."""
        return self.gap + (_in_json(prompt) if self.quoted else prompt)

    @property
    def sha256(self) -> str:
        """Hash of everything a model reads besides the prompt, and of the scored tails."""
        pieces = [[[p.text, p.special] for p in part] for part in (self.prefix, self.suffix)]
        read: dict[str, Any] = {"pieces": pieces, "tails": list(self.tails)}
        gap = {"gap": self.gap} if self.gap else {}
        return canonical_sha256(read | gap | ({"quoted": True} if self.quoted else {}))


def system_prompt(
    taxonomy: Taxonomy,
    contract: ContractName,
    encoding: Encoding = "json-name",
    instruction: Instruction = "full",
) -> str:
    """The instruction a model reads: the labels with their cues, the tie rule, the form of the answer.

    A probe's may be shorter, for nothing is generated after it: the labels with their cues, or their names.
    """
    how = writing(taxonomy, contract, encoding)
    if instruction != "full":
        told = "\n" + how.cues if instruction == "cues" else " " + ", ".join(taxonomy.labels)
        return f"Choose the label that fits the user's request:{told}"
    tie = f"\nTie rule: {taxonomy.tie_rule}\n" if taxonomy.tie_rule else ""
    return (
        "You are the front door of an AI service. Read the user's request and choose the one label that "
        "fits it. Do not carry out the request.\n\n"
        f"Labels:\n{how.cues}\n{tie}\n{how.form}"
    )


def frame(
    taxonomy: Taxonomy,
    contract: ContractName,
    exemplars: Sequence[Exemplar],
    render: Render | None,
    encoding: Encoding = "json-name",
    instruction: Instruction = "full",
) -> Framing:
    """The framing for a model with the chat template `render`, or without one (None).

    A template that refuses a system message or drops content gets the instruction inside the first user
    turn, and one that reads lists of parts gets those; one that still does not carry every message through is
    replaced by a plain few-shot text.
    """
    system = system_prompt(taxonomy, contract, encoding, instruction)
    how = writing(taxonomy, contract, encoding)
    asked = () if contract == "json" else exemplars_for(taxonomy, exemplars)
    shots = [(shot.prompt, how.answer(taxonomy.labels.index(shot.label))) for shot in asked]
    prefill = (Piece(how.prefill, special=False),) if how.prefill else ()
    found = _carried(render, system, shots)
    if not isinstance(found, str):
        template, before, after, quoted = found
        return Framing(before, (*after, *prefill), how.tails, template, quoted=quoted)
    before, after = _plain(system, shots)
    return Framing(before, (*after, *prefill), how.tails, "plain", plain_text=found)


def chat_frame(system: str | None, render: Render | None) -> Framing:
    """The framing of a prompt that a model answers for its user, after the instruction `system` if there is
    one; without a template that carries it, plain text stands in."""
    found = _carried(render, system, ())
    if not isinstance(found, str):
        template, before, after, quoted = found
        return Framing(before, after, (), template, quoted=quoted)
    told = (Piece(system + "\n\n", special=False),) if system else ()
    asks, answers = Piece("User: ", special=False), Piece("\nAssistant:", special=False)
    return Framing((*told, asks), (answers,), (), "plain", plain_text=found)


OWN_PREFIXES = {
    "nomic-bert": "classification: ",
    "gemma-embedding": "task: classification | query: ",
    "qwen3": "Instruct: Classify the user's request by how it is best answered\nQuery:",
}
"""What embedding models are trained to read before a text that is to be classified, by architecture."""


def own_frame(architecture: str, name: str | None) -> Framing:
    """The framing for an embedding model, which knows no instruction: its own prefix, if it has one.

    `name` is what the file calls the model: the E5 models have the architecture of others, and "query: ".
    """
    e5 = re.search(r"(?<![a-z0-9])e5(?![a-z0-9])", (name or "").lower())
    text = "query: " if e5 else OWN_PREFIXES.get(architecture, "")
    before = text.rstrip(" ")
    return Framing((Piece(before, special=False),) if text else (), (), (), "own", text[len(before) :])


DROPS = "its chat template drops, repeats or reorders messages"


def _carried(
    render: Render | None, system: str | None, shots: Shots
) -> tuple[Template, tuple[Piece, ...], tuple[Piece, ...], bool] | str:
    """How the template carries the messages, in the first of the ways that it does; or why in none."""
    if render is None:
        return "it has no chat template"
    refused = []
    ways: tuple[Template, ...] = ("chat",) if system is None else ("chat", "folded")
    for in_parts in (False, True):
        for template in ways:
            found = _through_template(render, system, shots, template == "folded", in_parts)
            if not isinstance(found, str):
                return template, *found
            refused.append(found)
    return "; ".join(dict.fromkeys(refused))


def _through_template(
    render: Render, system: str | None, shots: Shots, folded: bool, in_parts: bool
) -> tuple[tuple[Piece, ...], tuple[Piece, ...], bool] | str:
    """Render with a marker for each content, then split there: contents never pass through the template.

    Prefix, suffix, and whether contents are written as JSON, which the marker's quote tells; or why not.
    """
    turns = [("system", system)] if system is not None and not folded else []
    turns += [turn for prompt, answer in shots for turn in (("user", prompt), ("assistant", answer))]
    roles = [*(role for role, _ in turns), "user"]  # the last is for the user's text
    marks = [f'@@piece-{i}"@@' for i in range(len(roles))]
    contents = [[{"type": "text", "text": mark}] if in_parts else mark for mark in marks]
    try:
        text = render([{"role": r, "content": c} for r, c in zip(roles, contents, strict=True)])
    except Exception as e:  # a template is a stranger's program: whatever it raises means "not like this"
        return f"its chat template fails: {printable(str(e) or type(e).__name__)[:100]}"
    marker, *others = dict.fromkeys(re.findall(r'@@piece-\d+(\\?"@@)', text)) or [""]
    parts = re.split(rf"@@piece-(\d+){re.escape(marker)}", text) if marker else []
    listed = in_parts and parts and re.search(r"""["']text["']: ?["']$""", parts[0])
    if others or listed or parts[1::2] != [str(i) for i in range(len(roles))]:
        return DROPS
    quoted = marker.startswith("\\")
    put = _in_json if quoted else str
    pieces: list[Piece] = []
    for i, markup in enumerate(parts[0:-1:2]):
        pieces.append(Piece(markup, special=True))
        if folded and i == 0:
            assert system is not None
            pieces.append(Piece(put(system + "\n\n"), special=False))
        if i < len(turns):
            pieces.append(Piece(put(turns[i][1]), special=False))
    return tuple(pieces), (Piece(parts[-1], special=True),), quoted


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _plain(system: str, shots: Shots) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Few-shot text for base models and for templates that cannot carry the messages."""
    pieces = [Piece(system + "\n\n", special=False)]
    pieces += [Piece(f"Request: {prompt}\nAnswer: {answer}\n\n", special=False) for prompt, answer in shots]
    return (*pieces, Piece("Request: ", special=False)), (Piece("\nAnswer: ", special=False),)


@dataclass(frozen=True)
class Node:
    """A token that must be decoded because some label goes on after it. `parent` is the index of the
    node before it, -1 for the answer position; `labels` are the label indices that run through it."""

    token: int
    parent: int
    depth: int
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Trie:
    """Label tails with shared tokens decoded once.

    `nodes` are in order of depth. `reads[k]` lists (node, token) for label k: the label's score is the
    sum of log softmax(logits after `node`)[token].
    """

    nodes: tuple[Node, ...]
    reads: tuple[tuple[tuple[int, int], ...], ...]


def build_trie(tails: Sequence[Sequence[int]]) -> Trie:
    """The trie of token sequences, none of which may be empty or begin another one (ValueError)."""
    seqs = [tuple(t) for t in tails]
    for a in range(len(seqs)):
        if any(b != a and seqs[b][: len(seqs[a])] == seqs[a] for b in range(len(seqs))):
            raise ValueError(f"label tail {a} is empty or begins another one")
    nodes: list[Node] = []
    index: dict[tuple[int, ...], int] = {(): -1}
    for depth in range(1, max(len(s) for s in seqs)):
        for seq in seqs:
            path = seq[:depth]
            if len(seq) > depth and path not in index:
                through = tuple(k for k, s in enumerate(seqs) if len(s) > depth and s[:depth] == path)
                index[path] = len(nodes)
                nodes.append(Node(path[-1], index[path[:-1]], depth, through))
    reads = tuple(tuple((index[s[:i]], s[i]) for i in range(len(s))) for s in seqs)
    return Trie(tuple(nodes), reads)


@dataclass(frozen=True)
class Parsed:
    """A generated answer read under the `json` contract: a label, or the reason there is none."""

    label: str | None
    confidence: float | None
    error: str | None


def parse_answer(text: str, labels: Sequence[str]) -> Parsed:
    """The first JSON object in the text, its label matched exactly; anything else is an error.

    Text around the object (a code fence, a run-on explanation) is tolerated; a label outside the
    taxonomy is not.
    """
    start = text.find("{")
    if start < 0:
        return Parsed(None, None, "no JSON object in the answer")
    try:
        value: Any = json.JSONDecoder().raw_decode(text[start:])[0]
    except (ValueError, RecursionError):  # a number of thousands of digits is a plain ValueError
        return Parsed(None, None, "the answer's JSON is broken or cut off")
    label, confidence = value.get("label"), value.get("confidence")
    claimed = None
    if isinstance(confidence, int | float) and not isinstance(confidence, bool) and 0 <= confidence <= 1:
        claimed = float(confidence)
    if label not in labels:
        shown = json.dumps(label, ensure_ascii=False)[:80]
        # An escaped lone surrogate is no text that could be sent or saved.
        return Parsed(None, claimed, f"not a label: {shown.encode('utf-8', 'replace').decode()}")
    return Parsed(label, claimed, None)


CUT = " [...] "
"""Stands where the middle of a long prompt was left out."""


def window_cut(tokens: Sequence[int], window: int | None, mark: Sequence[int]) -> list[int]:
    """At most `window` tokens of the prompt: its head and its tail, half each, with `mark` between them.

    People put what they want before or after what they paste, so the middle is what can be missed.
    """
    if window is None or len(tokens) <= window:
        return list(tokens)
    kept = max(2, window - len(mark))
    head = (kept + 1) // 2
    return [*tokens[:head], *mark, *tokens[len(tokens) - (kept - head) :]]


def exemplars_for(taxonomy: Taxonomy, exemplars: Sequence[Exemplar]) -> tuple[Exemplar, ...]:
    """The exemplars, all of whose labels must be in the taxonomy (LabError)."""
    for shot in exemplars:
        if shot.label not in taxonomy.labels:
            raise LabError(f"exemplar label {shot.label!r} is not in taxonomy {taxonomy.name!r}")
    return tuple(exemplars)
