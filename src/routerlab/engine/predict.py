"""From a prompt to a prediction, inside the process that holds the model."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from routerlab.core.prediction import Latency, Prediction, Tokens
from routerlab.engine.calibrate import Calibrator
from routerlab.engine.contract import CUT, MAX_NEW_TOKENS, Framing, build_trie, parse_answer, window_cut
from routerlab.engine.head import Head
from routerlab.engine.layers import LayerReader
from routerlab.engine.llama import AbortedError, Context, Model

PREFIX = 0
"""The sequence that holds the shared prefix; label k is scored in sequence k + 1."""


class PromptTooLongError(ValueError):
    """The prompt does not fit: nothing was decoded. The message has both numbers."""


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Row-wise log softmax."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _ms(start: float, end: float) -> float:
    return (end - start) * 1000.0


class Predictor:
    """A loaded model under one contract: the prefix lies in the cache, every prompt is asked after it.

    `features` are those of the last prompt, where layers are read: (layers, 2 x n_embd).
    """

    def __init__(
        self,
        model: Model,
        framing: Framing,
        labels: Sequence[str],
        n_ctx: int,
        threads: int,
        progress: Callable[[float], None],
        *,
        layers: Sequence[int] = (),
        head: Head | None = None,
        calibrator: Calibrator | None = None,
        window: int | None = None,
    ) -> None:
        """Make the context and decode the prefix; `progress` gets the fraction done.

        LoadError when memory is short, PromptTooLongError when the prefix alone does not fit.
        """
        self.model = model
        self.labels = tuple(labels)
        self.window = window
        self.features: NDArray[np.float32] | None = None
        self._head = head
        self._calibrator = calibrator
        self._mark = model.tokenize(CUT, special=False)
        self._reader = LayerReader(layers) if layers else None
        self.prefix = model.tokenize_pieces(framing.prefix, start=True)
        self.suffix = model.tokenize_pieces(framing.suffix, start=False)
        self.trie = (
            build_trie([model.tokenize(t, special=False) for t in framing.tails]) if framing.tails else None
        )
        # A recurrent state cannot be shared by the tokens of a batch: there each label decodes its own tail.
        tail_tokens = self._tail_tokens()
        self.n_ctx = min(n_ctx, model.n_ctx_train)
        spare = 0 if layers else tail_tokens if self.trie else MAX_NEW_TOKENS
        self.room = self.n_ctx - len(self.prefix) - len(self.suffix) - spare
        if self.room < 1:
            raise PromptTooLongError(
                f"system prompt and exemplars take {len(self.prefix) + len(self.suffix)} tokens, which "
                f"leaves no room in a context of {self.n_ctx}: raise the context or use fewer exemplars"
            )
        n_seq = 1 + (len(labels) if self.trie else 1)
        n_outputs = 1 + tail_tokens
        self.context = Context(model, self.n_ctx, n_seq, n_outputs, threads, self._reader)
        step = 64
        for start in range(0, len(self.prefix), step):
            tokens = self.prefix[start : start + step]
            positions = range(start, start + len(tokens))
            self.context.decode(tokens, positions, [(PREFIX,)] * len(tokens), frozenset())
            progress(min(1.0, (start + len(tokens)) / len(self.prefix)))

    def _tail_tokens(self) -> int:
        if self.trie is None:
            return 0
        if self.model.recurrent:
            return sum(len(read) - 1 for read in self.trie.reads)
        return len(self.trie.nodes)

    def predict(self, prompt: str, cancelled: Callable[[], bool]) -> Prediction:
        """Ask for one prompt. Times are of this process: tokenize, prefill, generate.

        Raises PromptTooLongError before anything is decoded; a cancelled question has status "cancelled".
        """
        t0 = time.perf_counter()
        whole = self.model.tokenize(prompt, special=False)
        user = window_cut(whole, self.window, self._mark)
        if len(user) > self.room:
            raise PromptTooLongError(
                f"the prompt has {len(user)} tokens, but only {self.room} of the context's {self.n_ctx} "
                "are free: shorten it, or raise the context"
            )
        tokens = [*user, *self.suffix]
        t1 = time.perf_counter()
        self.context.abort_when(cancelled)
        try:
            if self._reader is not None:
                prediction = self._probe(self._reader, tokens, len(user), t0, t1)
            elif self.trie is not None:
                prediction = self._score(tokens, t0, t1)
            else:
                prediction = self._generate(tokens, cancelled, t0, t1)
        except AbortedError:
            return Prediction(status="cancelled", latency_ms=Latency(tokenize=_ms(t0, t1)))
        if len(user) == len(whole):
            return prediction
        dropped = len(whole) - len(user) + len(self._mark)
        return prediction.model_copy(
            update={"tokens": prediction.tokens.model_copy(update={"dropped": dropped})}
        )

    def _probe(self, reader: LayerReader, tokens: list[int], n_user: int, t0: float, t1: float) -> Prediction:
        """One forward pass over the prompt, up to the last layer that is read; no logits are computed."""
        self.context.fork(PREFIX, (1,))
        start = len(self.prefix)
        reader.begin()
        self.context.decode(tokens, range(start, start + len(tokens)), [(1,)] * len(tokens), frozenset())
        self.features = reader.end(n_user, len(tokens))
        shares = None
        if self._head is not None:
            shares = self._head.probabilities(self.features[0])
        return Prediction(
            status="ok",
            label=None if shares is None else self.labels[int(shares.argmax())],
            probabilities=None
            if shares is None
            else {k: float(p) for k, p in zip(self.labels, shares, strict=True)},
            latency_ms=Latency(tokenize=_ms(t0, t1), prefill=_ms(t1, time.perf_counter())),
            tokens=Tokens(cached=start, evaluated=len(tokens)),
        )

    def _score(self, tokens: list[int], t0: float, t1: float) -> Prediction:
        """One forward pass over the prompt and the trie of label tails (two on recurrent models)."""
        scores, evaluated = self._label_scores(tokens)
        mass = float(np.exp(scores).sum())
        probabilities = (self._calibrator or Calibrator()).probabilities(scores)
        t2 = time.perf_counter()
        return Prediction(
            status="ok",
            label=self.labels[int(probabilities.argmax())],
            probabilities={k: float(p) for k, p in zip(self.labels, probabilities, strict=True)},
            mass=min(mass, 1.0),
            latency_ms=Latency(tokenize=_ms(t0, t1), prefill=_ms(t1, t2)),
            tokens=Tokens(cached=len(self.prefix), evaluated=evaluated),
        )

    def _label_scores(self, tokens: list[int]) -> tuple[NDArray[np.float64], int]:
        """(log-likelihood of each label, tokens decoded)."""
        assert self.trie is not None
        everyone = tuple(range(1, 1 + len(self.labels)))
        start = len(self.prefix)
        answer = start + len(tokens)
        positions = list(range(start, answer))
        if not self.model.recurrent:
            self.context.fork(PREFIX, everyone)
            nodes = self.trie.nodes
            batch = [*tokens, *(n.token for n in nodes)]
            positions += [answer + n.depth - 1 for n in nodes]
            sequences = [everyone] * len(tokens) + [tuple(k + 1 for k in n.labels) for n in nodes]
            outputs = frozenset(range(len(tokens) - 1, len(batch)))
            rows = log_softmax(self.context.decode(batch, positions, sequences, outputs))
            scores = [sum(float(rows[node + 1, token]) for node, token in read) for read in self.trie.reads]
            return np.array(scores), len(batch)
        # All of them: on a hybrid model the last question's tokens still fill the cache of the others.
        self.context.fork(PREFIX, everyone)
        first = log_softmax(
            self.context.decode(tokens, positions, [(1,)] * len(tokens), frozenset({len(tokens) - 1}))
        )[0]
        self.context.fork(1, everyone[1:])
        scores = [float(first[read[0][1]]) for read in self.trie.reads]
        tails = [(k, i, read[i][1]) for k, read in enumerate(self.trie.reads) for i in range(len(read) - 1)]
        if tails:
            rows = log_softmax(
                self.context.decode(
                    [token for _, _, token in tails],
                    [answer + i for _, i, _ in tails],
                    [(k + 1,) for k, _, _ in tails],
                    frozenset(range(len(tails))),
                )
            )
            for row, (k, i, _) in enumerate(tails):
                scores[k] += float(rows[row, self.trie.reads[k][i + 1][1]])
        return np.array(scores), len(tokens) + len(tails)

    def _generate(self, tokens: list[int], cancelled: Callable[[], bool], t0: float, t1: float) -> Prediction:
        """Greedy decoding to an end token or 128 new tokens, as the study did: no early stop at the brace."""
        self.context.fork(PREFIX, (1,))
        position = len(self.prefix)
        logits = self.context.decode(
            tokens,
            range(position, position + len(tokens)),
            [(1,)] * len(tokens),
            frozenset({len(tokens) - 1}),
        )
        position += len(tokens)
        t2 = time.perf_counter()
        written: list[int] = []
        while len(written) < MAX_NEW_TOKENS:
            token = int(logits[0].argmax())
            if self.model.ends(token):
                break
            if cancelled():
                raise AbortedError
            written.append(token)
            if len(written) < MAX_NEW_TOKENS:
                logits = self.context.decode([token], [position], [(1,)], frozenset({0}))
                position += 1
        t3 = time.perf_counter()
        text = b"".join(self.model.piece(t) for t in written).decode("utf-8", "replace")
        parsed = parse_answer(text, self.labels)
        return Prediction(
            status="unparsed" if parsed.label is None else "ok",
            label=parsed.label,
            confidence=parsed.confidence,
            answer=text,
            error=parsed.error,
            latency_ms=Latency(tokenize=_ms(t0, t1), prefill=_ms(t1, t2), generate=_ms(t2, t3)),
            tokens=Tokens(cached=len(self.prefix), evaluated=len(tokens), generated=len(written)),
        )
