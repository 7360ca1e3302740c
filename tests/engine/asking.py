"""What the engine tests ask with: taxonomies, exemplars, and the plain way to score."""

import ctypes
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from llama_cpp import llama_cpp as c

from routerlab import resources
from routerlab.core.corpus import load_corpus
from routerlab.core.taxonomy import Label, Taxonomy, load_taxonomy
from routerlab.engine.contract.contract import Exemplar, Framing, frame
from routerlab.engine.contract.names import ContractName, Encoding
from routerlab.engine.worker.inference import Predictor
from routerlab.engine.worker.llama import Model
from routerlab.models.placement import Placement

FRONT_DOOR = load_taxonomy(resources.TAXONOMY)
SHOTS = tuple(
    Exemplar(prompt=case.prompt, label=case.label)
    for case in load_corpus(resources.EXEMPLARS, FRONT_DOOR).case
)


def taxonomy(names: Sequence[str], tie_rule: str = "") -> Taxonomy:
    """A taxonomy of these labels with short cues, so that prefixes stay short."""
    labels = tuple(Label(name=n, family=n.partition("/")[0], cue=f"about {n}") for n in names)
    return Taxonomy(schema_version=1, name="test", version="1", tie_rule=tie_rule, label=labels)


SIX = taxonomy(FRONT_DOOR.labels)
TWO = taxonomy(("yes", "no"))
TWENTY = taxonomy([f"a{i % 4}/t{i}" for i in range(19)] + ["none"])
NESTED = taxonomy(("code", "code/simple", "code/simple/short", "CoT"))


def shots_for(labels: Sequence[str], count: int = 2) -> tuple[Exemplar, ...]:
    """Short exemplars of the first labels."""
    return tuple(Exemplar(prompt=f"an example of {n}, please", label=n) for n in labels[:count])


def open_model(path: Path) -> Model:
    """The model on the CPU."""
    return Model(path, Placement(), lambda _: None)


class Asked:
    """A predictor and the framing it was made from. `ask` predicts without anybody cancelling."""

    def __init__(
        self,
        model: Model,
        of: Taxonomy,
        shots: Sequence[Exemplar] = (),
        contract: ContractName = "score",
        n_ctx: int = 2048,
        threads: int = 1,
        encoding: Encoding = "json-name",
    ) -> None:
        self.model = model
        self.taxonomy = of
        self.framing = frame(of, contract, shots, model.chat_renderer(), encoding)
        self.predictor = Predictor(model, self.framing, of.labels, n_ctx, threads, lambda _: None)
        self.ask = partial(self.predictor.predict, cancelled=lambda: False)
        self._threads = threads

    @property
    def parts(self) -> tuple[list[int], list[int], list[list[int]]]:
        """Tokens of the prefix, of the suffix, and of each label's tail."""
        return framing_tokens(self.model, self.framing)

    def scratch(self, prompt: str) -> dict[str, float]:
        """Log-likelihood of each label, from scratch: a fresh context for each, one plain sequence."""
        prefix, suffix, tails = self.parts
        head = [*prefix, *self.model.tokenize(prompt, special=False), *suffix]
        return {
            label: plain_score(self.model, head, tail, self._threads)
            for label, tail in zip(self.taxonomy.labels, tails, strict=True)
        }


def framing_tokens(model: Model, framing: Framing) -> tuple[list[int], list[int], list[list[int]]]:
    """Tokens of the prefix, of the suffix, and of each tail."""
    tails = [model.tokenize(t, special=False) for t in framing.tails]
    return (
        model.tokenize_pieces(framing.prefix, start=True),
        model.tokenize_pieces(framing.suffix, start=False),
        tails,
    )


def plain_score(model: Model, head: Sequence[int], tail: Sequence[int], threads: int) -> float:
    """log P(tail | head): one decode of the whole sequence in a fresh context with nothing special in it."""
    tokens = [*head, *tail]
    params = c.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = len(tokens)
    params.n_threads = params.n_threads_batch = threads
    params.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = c.llama_init_from_model(model.handle, params)
    batch = c.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for i, token in enumerate(tokens):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0] = token, i, 1, 0
        batch.logits[i] = len(head) - 1 <= i < len(tokens) - 1
    assert c.llama_decode(context, batch) == 0
    score = 0.0
    for i, token in enumerate(tail):
        pointer = ctypes.cast(
            c.llama_get_logits_ith(context, len(head) - 1 + i), ctypes.POINTER(ctypes.c_float)
        )
        row = np.ctypeslib.as_array(pointer, shape=(model.n_vocab,)).astype(np.float64)
        score += float(row[token] - row.max() - np.log(np.exp(row - row.max()).sum()))
    c.llama_batch_free(batch)
    c.llama_free(context)
    return score
