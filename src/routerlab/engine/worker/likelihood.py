"""The log-likelihood of every label after a prompt, in one forward pass."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routerlab.engine.contract.contract import Trie
from routerlab.engine.worker.llama import Context

PREFIX = 0
"""The sequence that holds the shared prefix; what is asked goes into those after it."""

Scores = NDArray[np.float64]


def log_sum_exp(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each row: logits minus this are log probabilities. Of a whole vocabulary only a few are wanted."""
    top = logits.max(axis=-1)
    powers = np.subtract(logits, top[:, None])
    np.exp(powers, out=powers)
    return np.asarray(top + np.log(powers.sum(axis=-1)))


def label_scores(context: Context, start: int, trie: Trie, asked: Sequence[Sequence[int]]) -> Scores:
    """(prompts, labels) for the tokens of some prompts, each after the prefix of `start` tokens.

    One decode holds all: a prompt's tokens belong to the sequences of all its labels, and each token of the
    trie to those of the labels that run through it.
    """
    n = len(trie.reads)
    tokens: list[int] = []
    positions: list[int] = []
    sequences: list[tuple[int, ...]] = []
    outputs: list[int] = []
    for i, prompt in enumerate(asked):
        first = 1 + i * n
        answer = start + len(prompt)
        tokens += [*prompt, *(node.token for node in trie.nodes)]
        positions += [*range(start, answer), *(answer + node.depth - 1 for node in trie.nodes)]
        sequences += [tuple(range(first, first + n))] * len(prompt)
        sequences += [tuple(first + k for k in node.labels) for node in trie.nodes]
        outputs += range(len(tokens) - len(trie.nodes) - 1, len(tokens))
    context.fork(PREFIX, range(1, 1 + len(asked) * n))
    rows = context.decode(tokens, positions, sequences, frozenset(outputs))
    shape = len(asked), 1 + len(trie.nodes)
    rows, total = rows.reshape(*shape, -1), log_sum_exp(rows).reshape(shape)
    return np.array(
        [
            [sum(float(own[i + 1, token] - z[i + 1]) for i, token in read) for read in trie.reads]
            for own, z in zip(rows, total, strict=True)
        ]
    )


def recurrent_label_scores(context: Context, start: int, trie: Trie, prompt: Sequence[int]) -> Scores:
    """(1, labels) in two decodes: a recurrent state cannot be shared by the tokens of a batch, so the prompt
    goes into one sequence, which is copied for each label's tail."""
    everyone = range(1, 1 + len(trie.reads))
    answer = start + len(prompt)
    # All of them: on a hybrid model the last question's tokens still fill the cache of the others.
    context.fork(PREFIX, everyone)
    last = frozenset({len(prompt) - 1})
    first = context.decode(prompt, range(start, answer), [(1,)] * len(prompt), last)
    context.fork(1, everyone[1:])
    z = log_sum_exp(first)
    scores = [float(first[0, read[0][1]] - z[0]) for read in trie.reads]
    tails = [(k, i, read[i][1]) for k, read in enumerate(trie.reads) for i in range(len(read) - 1)]
    if tails:
        rows = context.decode(
            [token for _, _, token in tails],
            [answer + i for _, i, _ in tails],
            [(k + 1,) for k, _, _ in tails],
            frozenset(range(len(tails))),
        )
        z = log_sum_exp(rows)
        for row, (k, i, _) in enumerate(tails):
            scores[k] += float(rows[row, trie.reads[k][i + 1][1]] - z[row])
    return np.array([scores])
