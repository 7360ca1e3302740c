"""From a prompt to a prediction, inside the process that holds the model."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routerlab.core.names import Parse
from routerlab.core.prediction import Latency, Prediction, Tokens
from routerlab.engine.contract.contract import (
    CUT,
    MAX_NEW_TOKENS,
    Framing,
    build_trie,
    window_cut,
)
from routerlab.engine.contract.head import Head
from routerlab.engine.contract.parse import read_answer
from routerlab.engine.contract.router import Abstain
from routerlab.engine.contract.scaling import Calibrator
from routerlab.engine.contract.thought import begins
from routerlab.engine.worker.generate import generate
from routerlab.engine.worker.layers import LayerReader
from routerlab.engine.worker.likelihood import PREFIX, Scores, label_scores, recurrent_label_scores
from routerlab.engine.worker.llama import BATCH, MAX_SEQUENCES, AbortedError, Context, Model
from routerlab.engine.worker.prefixes import Prefixes

PREFIX_STEP = 64
"""Tokens of the prefix decoded at once."""

END = 1 << 15
"""Characters that are read at least of each end of a prompt that is longer than both."""


class PromptTooLongError(ValueError):
    """The prompt does not fit: nothing was decoded. The message has both numbers."""


@dataclass(frozen=True)
class Question:
    """A prompt as it is asked: its tokens, cut to the window, and the answer's beginning (of an encoder, all
    that it reads). `n_user` are the prompt's own, `dropped` those that the window left out; times in
    milliseconds."""

    tokens: list[int]
    n_user: int
    dropped: int | None
    tokenize: float


class Predictor:
    """A loaded model under one contract: the prefix lies in the cache, every prompt is asked after it.

    `features` are those of the last prompt, where layers are read: (layers, PARTS x n_embd).
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
        abstain: Abstain | None = None,
        window: int | None = None,
        prefixes: Prefixes | None = None,
        slots: int = 1,
        parse: Parse = "strict",
    ) -> None:
        """Make the context and decode the prefix, or take it from `prefixes`; `progress` gets the fraction.

        LoadError when memory is short, PromptTooLongError when the prefix alone does not fit. `slots` is how
        many prompts `predict_many` puts into one decode, `parse` how generated answers are read.
        """
        self.model = model
        self.labels = tuple(labels)
        self.window = window
        self.features: NDArray[np.float32] | None = None
        self._head = head
        self._parse = parse
        self._calibrator = calibrator or Calibrator()
        self._abstain = abstain or Abstain()
        self._mark = model.tokenize(CUT, special=False)
        before = model.tokenize_pieces(framing.prefix, start=True)
        self.suffix = model.tokenize_pieces(framing.suffix, start=False)
        self._begun = begins(framing.suffix[-1].text) if framing.suffix else False
        self._written, self._starts = framing.written, False
        if framing.template == "own":
            before, self.suffix = model.around()
            before += [t for p in framing.prefix for t in model.tokenize(p.text, special=False, start=True)]
            self._starts = not framing.prefix
        # An encoder keeps nothing, so there each prompt brings along what comes before it.
        self.lead, self.prefix = (before, []) if model.encoder else ([], before)
        self._reader = LayerReader(layers, model.encoder, len(self.lead)) if layers else None
        self.trie = (
            build_trie([model.tokenize(t, special=False) for t in framing.tails]) if framing.tails else None
        )
        # A recurrent state cannot be shared by the tokens of a batch: there each label decodes its own tail.
        tail_tokens = self._tail_tokens()
        self.n_ctx = min(n_ctx, model.n_ctx_train, BATCH if model.encoder else n_ctx)
        self._spare = 0 if layers else tail_tokens if self.trie else MAX_NEW_TOKENS
        self.room = self.n_ctx - len(before) - len(self.suffix) - self._spare
        if self.room < 1:
            raise PromptTooLongError(
                f"system prompt and exemplars take {len(before) + len(self.suffix)} tokens, which "
                f"leaves no room in a context of {self.n_ctx}: raise the context or use fewer exemplars"
            )
        # The library takes a recurrent batch apart in an order of its own, so there prompts go one by one.
        each = len(labels) if self.trie else 1
        self.slots = 1 if model.recurrent else max(1, min(slots, (MAX_SEQUENCES - 1) // each))
        n_seq, n_outputs = 1 + self.slots * each, self.slots * (1 + tail_tokens)
        n_outputs = BATCH if model.encoder else n_outputs
        self._sequences = range(1, n_seq)
        self.context = Context(model, self.n_ctx, n_seq, n_outputs, threads, self._reader)
        self.laps = self.context.laps
        state = prefixes.load(self.prefix) if prefixes else None
        self.prefix_kept = state is not None and self.context.restore(PREFIX, state)
        if not self.prefix_kept:
            self._decode_prefix(progress)
            if prefixes:
                prefixes.save(self.prefix, self.context.state(PREFIX))
        progress(1.0)

    def _decode_prefix(self, progress: Callable[[float], None]) -> None:
        """In steps, so that it can be watched; a probe's only to the last layer that is read."""
        if self._reader:
            self._reader.begin()
        for start in range(0, len(self.prefix), PREFIX_STEP):
            tokens = self.prefix[start : start + PREFIX_STEP]
            positions = range(start, start + len(tokens))
            self.context.decode(tokens, positions, [(PREFIX,)] * len(tokens), frozenset())
            progress(start / len(self.prefix))
        if self._reader:
            self._reader.stop()

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
        return self._answer([self._read(prompt)], cancelled, 1)[0]

    def predict_many(
        self, prompts: Sequence[str], cancelled: Callable[[], bool], timed: bool = False
    ) -> list[Prediction]:
        """Ask for some prompts, several in one decode: each gets its share of the time, or if `timed` all the
        time of the decode that it was in, for so long its user waits.

        A prompt that does not fit is "refused", and the others are answered.
        """
        found: list[Prediction] = [Prediction(status="cancelled")] * len(prompts)
        questions: list[tuple[int, Question]] = []
        for i, prompt in enumerate(prompts):
            try:
                questions.append((i, self._read(prompt)))
            except PromptTooLongError as e:
                found[i] = Prediction(status="refused", error=str(e))
        for group in self._groups(questions):
            answers = self._answer([q for _, q in group], cancelled, 1 if timed else len(group))
            for (i, _), answer in zip(group, answers, strict=True):
                found[i] = answer
        return found

    def _groups(self, questions: Sequence[tuple[int, Question]]) -> Iterator[list[tuple[int, Question]]]:
        """What goes into one decode: as many as there are slots, and no more tokens than one batch has."""
        if self._reader is None and self.trie is None:  # generating fills its slots itself
            yield list(questions)
            return
        group: list[tuple[int, Question]] = []
        size = 0
        for i, question in questions:
            cost = len(question.tokens) + self._spare
            if group and (
                len(group) == self.slots or size + cost > min(BATCH, self.n_ctx - len(self.prefix))
            ):
                yield group
                group, size = [], 0
            group.append((i, question))
            size += cost
        if group:
            yield group

    def bare(self, prompt: str) -> Prediction:
        """Decode what `predict` decodes: the lap "decode" is the least it can take. Nobody can cancel it.

        For a probe it is a plain forward pass: all layers, and one row of logits. Raises PromptTooLongError.
        """
        tokens = self._read(prompt).tokens
        n = len(tokens)
        self.context.abort_when(None)
        self.context.empty(self._sequences)
        if self.trie is not None:
            self._label_scores([tokens])
            n += self._tail_tokens()
        else:
            start = len(self.prefix)
            self.context.fork(PREFIX, (1,))
            outputs = frozenset() if self.model.encoder else frozenset({n - 1})
            self.context.decode(tokens, range(start, start + n), [(1,)] * n, outputs)
        return Prediction(status="ok", tokens=Tokens(cached=len(self.prefix), evaluated=n))

    def _read(self, prompt: str) -> Question:
        """The prompt as it is asked; PromptTooLongError when that does not fit."""
        start = time.perf_counter()
        self.laps.start()
        whole, n = self._tokenize(prompt)
        self.laps.mark("tokenize")
        user = window_cut(whole, self.window, self._mark)
        self.laps.mark("cut")
        if len(user) > self.room:
            advice = "tune a router with a window" if self.model.encoder else "raise the context"
            raise PromptTooLongError(
                f"the prompt has {n} tokens, but only {self.room} of the context's {self.n_ctx} "
                f"are free: shorten it, or {advice}"
            )
        dropped = len(whole) - len(user) + len(self._mark) if len(user) < len(whole) else None
        spent = (time.perf_counter() - start) * 1000.0
        return Question([*self.lead, *user, *self.suffix], len(user), dropped, spent)

    def _tokenize(self, prompt: str) -> tuple[list[int], str]:
        """The prompt's tokens, and how many they are in words.

        Where both ends of a huge prompt have more than can be used, its middle is not read: for a megabyte
        some tokenizers take minutes.
        """
        prompt = self._written(prompt)
        wanted = self.room if self.window is None else max(self.window, 1)
        end = max(END, 8 * wanted)
        if len(prompt) > 2 * end:
            head = self.model.tokenize(prompt[:end], special=False, start=self._starts)
            tail = self.model.tokenize(prompt[-end:], special=False)
            if min(len(head), len(tail)) > wanted:
                return [*head, *tail], f"more than {len(head) + len(tail)}"
        tokens = self.model.tokenize(prompt, special=False, start=self._starts)
        return tokens, str(len(tokens))

    def _answer(
        self, questions: Sequence[Question], cancelled: Callable[[], bool], among: int
    ) -> list[Prediction]:
        """The answers to questions that fit into one decode, whose time is divided `among` so many."""
        self.context.abort_when(cancelled)
        self.context.empty(self._sequences)  # what was asked before may have been more than this
        try:
            if self._reader is not None:
                answers = self._probe(self._reader, questions, among)
            elif self.trie is not None:
                answers = self._score(questions, among)
            else:
                answers = self._generate(questions, cancelled, among)
        except AbortedError:
            return [
                Prediction(status="cancelled", latency_ms=Latency(tokenize=q.tokenize)) for q in questions
            ]
        self.laps.mark("answer")
        return answers

    def _probe(self, reader: LayerReader, questions: Sequence[Question], among: int) -> list[Prediction]:
        """One forward pass over the prompts, up to the last layer that is read; no logits are computed."""
        begun = time.perf_counter()
        self.context.fork(PREFIX, range(1, 1 + len(questions)))
        start = len(self.prefix)
        reader.begin()
        self.context.decode(
            [t for q in questions for t in q.tokens],
            [start + i for q in questions for i in range(len(q.tokens))],
            [(1 + k,) for k, q in enumerate(questions) for _ in q.tokens],
            frozenset(),
        )
        read = reader.end([(q.n_user, len(q.tokens)) for q in questions])
        self.features = read[-1]
        self.laps.mark("read")
        head = self._head
        known = head.familiarity if head else None
        shares = [head.probabilities(f[0]) if head else None for f in read]
        familiar = [known.of(f[0]) if known else None for f in read]
        spent = (time.perf_counter() - begun) * 1000.0 / among
        return [
            self._judged(q, spent, share, familiarity=near)
            for q, share, near in zip(questions, shares, familiar, strict=True)
        ]

    def _judged(
        self,
        question: Question,
        spent: float,
        shares: NDArray[np.float64] | None,
        tails: int = 0,
        mass: float | None = None,
        familiarity: float | None = None,
    ) -> Prediction:
        """The label that is most likely, and every label's probability; of damaged weights there is none."""
        latency = Latency(tokenize=question.tokenize, prefill=spent)
        told: dict[str, Any] = {"mass": mass, "latency_ms": latency, "tokens": self._tokens(question, tails)}
        if shares is None:
            return Prediction(status="ok", **told)
        if not np.isfinite(shares).all():
            error = "the scores are no numbers: the model file may be damaged"
            return Prediction(status="unparsed", error=error, **told)
        probabilities = {k: float(p) for k, p in zip(self.labels, shares, strict=True)}
        label = self.labels[int(shares.argmax())]
        told |= {"familiarity": familiarity, "probabilities": probabilities}
        abstained = self._abstain.rejects(probabilities[label], familiarity) or None
        return Prediction(status="ok", label=label, abstained=abstained, **told)

    def _tokens(self, question: Question, tails: int = 0, generated: int = 0) -> Tokens:
        return Tokens(
            cached=len(self.prefix),
            evaluated=len(question.tokens) + tails,
            generated=generated,
            dropped=question.dropped,
        )

    def _score(self, questions: Sequence[Question], among: int) -> list[Prediction]:
        """One forward pass over the prompts and the trie of label tails (two on recurrent models)."""
        begun = time.perf_counter()
        scores = self._label_scores([q.tokens for q in questions])
        shares = [self._calibrator.probabilities(own) for own in scores]
        spent = (time.perf_counter() - begun) * 1000.0 / among
        masses = [min(float(np.exp(own).sum()), 1.0) for own in scores]
        return [
            self._judged(q, spent, share, self._tail_tokens(), mass)
            for q, share, mass in zip(questions, shares, masses, strict=True)
        ]

    def _label_scores(self, asked: Sequence[list[int]]) -> Scores:
        assert self.trie is not None
        if self.model.recurrent:
            return recurrent_label_scores(self.context, len(self.prefix), self.trie, asked[0])
        return label_scores(self.context, len(self.prefix), self.trie, asked)

    def _generate(
        self, questions: Sequence[Question], cancelled: Callable[[], bool], among: int
    ) -> list[Prediction]:
        """Whole answers, read under the `json` contract without what was thought aloud before."""
        begun = time.perf_counter()
        room = self.n_ctx - len(self.prefix)
        asked = [q.tokens for q in questions]
        written = generate(self.context, self.model, len(self.prefix), asked, self.slots, room, cancelled)
        share = (time.perf_counter() - begun) * 1000.0 / among
        answers = []
        for question, own in zip(questions, written, strict=True):
            text = b"".join(self.model.piece(t) for t in own.tokens).decode("utf-8", "replace")
            read = read_answer(text, self.labels, self._parse, self._begun)
            parsed = read.parsed
            times = {"prefill": own.prefill_s * 1000.0, "generate": own.generate_s * 1000.0}
            answers.append(
                Prediction(
                    status="unparsed" if parsed.label is None else "ok",
                    label=parsed.label,
                    confidence=parsed.confidence,
                    answer=text,
                    error=parsed.error,
                    strict=read.strict,
                    latency_ms=Latency(
                        tokenize=question.tokenize, **(times if among == 1 else {"generate": share})
                    ),
                    tokens=self._tokens(question, generated=len(own.tokens)),
                )
            )
        return answers
