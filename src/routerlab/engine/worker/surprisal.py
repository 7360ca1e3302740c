"""How little a model expected each token of a text, from the logits of one pass over it."""

from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from routerlab.engine.worker.likelihood import PREFIX, log_sum_exp
from routerlab.engine.worker.llama import Context

STEP = 64
"""Tokens whose logits are held at once: of 64 and a vocabulary of 150,000 that is 38 MB."""


def surprisals(context: Context, before: Sequence[int], tokens: Sequence[int]) -> NDArray[np.float64]:
    """(tokens,): minus the log probability of each, in nats, after `before` and the tokens ahead of it.

    The very first token of a context has the surprisal of a token that is as likely as any. Nothing may be in
    sequence PREFIX, which is empty afterwards.
    """
    read, found = [*before, *tokens], [] if before else [log(context.model.n_vocab)] * bool(tokens)
    first, last = max(len(before) - 1, 0), len(read) - 1
    context.decode(read[:first], range(first), [(PREFIX,)] * first, frozenset())
    for start in range(first, last, STEP):
        n = min(STEP, last - start)
        rows = context.decode(
            read[start : start + n], range(start, start + n), [(PREFIX,)] * n, frozenset(range(n))
        )
        said = rows[np.arange(n), read[start + 1 : start + 1 + n]]
        found += (log_sum_exp(rows) - said).tolist()
    context.empty((PREFIX,))
    return np.array(found, np.float64)
