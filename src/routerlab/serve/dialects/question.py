"""What the decision dialects have in common: a question with options, and how sure the router is of each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from routerlab.api import Decision
from routerlab.serve.dialects.route import labelled
from routerlab.serve.front import Work
from routerlab.serve.limits import RefusedError, off_loop
from routerlab.serve.own_options import options_taxonomy

MOST = 16
"""Questions of one request."""


@dataclass(frozen=True)
class Question:
    """`options` are (name, description) in their order; of a predicate they are true and false, of a score
    its levels, the lowest first."""

    options: tuple[tuple[str, str | None], ...]
    instruction: str = ""


@dataclass(frozen=True)
class Answer:
    """A probability for each option, in their order, which sum to 1; and the decision that they are from,
    None where there was nothing to decide."""

    probabilities: tuple[float, ...]
    decision: Decision | None

    @property
    def best(self) -> int:
        """Which option is the most probable."""
        return self.probabilities.index(max(self.probabilities))

    @property
    def score(self) -> float:
        """The mean of the levels' numbers, weighted with their probabilities."""
        return sum(n * p for n, p in enumerate(self.probabilities))


async def answer(work: Work, questions: Sequence[Question], text: str) -> list[Answer]:
    """The answers, in their order: of the router itself where the options are its labels, else of its model,
    untuned. RefusedError when one cannot be had."""
    if len(questions) > MOST:
        raise RefusedError(422, "too_many_questions", f"at most {MOST} questions in one request")
    if not text.strip():
        raise RefusedError(422, "invalid", "there is no text to decide on")
    return [await _answer(work, question, text) for question in questions]


async def _answer(work: Work, question: Question, text: str) -> Answer:
    names = [name for name, _ in question.options]
    if len(names) == 1:
        return Answer((1.0,), None)
    if set(names) == set(work.decider.materials.taxonomy.labels):
        decision = await work.decider.decide(text)
        await work.decider.settle(text, decision, None)
        keys = names
    else:
        taxonomy = await off_loop(0, lambda: options_taxonomy(question.options, question.instruction))
        decision = await work.scorers.score(taxonomy, text)
        keys = list(taxonomy.labels)
    labelled(decision)
    if decision.label is None:
        raise RefusedError(502, "unparsed", "the model's answer cannot be read")
    found = decision.probabilities or {decision.label: 1.0}
    return Answer(tuple(found.get(key, 0.0) for key in keys), decision)


def tokens(answers: Sequence[Answer]) -> tuple[int, int]:
    """Tokens that were read and written for all of them."""
    made = [a.decision.tokens for a in answers if a.decision is not None]
    return sum(t.cached + t.evaluated for t in made), sum(t.generated for t in made)


def as_text(value: Any) -> str:
    """A text as it is; anything else of JSON as it is written."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
