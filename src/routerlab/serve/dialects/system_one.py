"""The System One dialect (`POST /v1/systemone`), as LiteLLM 1.110 speaks it: a state, and named questions."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from routerlab.serve.dialects.question import Answer, Question, as_text, tokens

Truth = Literal["true", "false"]
TRUTHS: tuple[Truth, ...] = ("true", "false")


class Noul(BaseModel):
    """A question of yes or no."""

    type: Literal["noul"]
    instructions: JsonValue = None
    criteria: dict[Truth, JsonValue] | None = None

    @property
    def asked(self) -> Question:
        """As a question with two options."""
        about = self.criteria or {}
        options = tuple((t, None if about.get(t) is None else as_text(about[t])) for t in TRUTHS)
        return Question(options, _instruction(self.instructions))

    def told(self, answer: Answer) -> dict[str, Any]:
        """The answer in this dialect."""
        return {"type": "noul", "noul": answer.probabilities[0]}


class Choice(BaseModel):
    """Which of some named options fits."""

    type: Literal["choice"]
    instructions: JsonValue = None
    criteria: dict[str, JsonValue] = Field(min_length=1, max_length=255)

    @property
    def asked(self) -> Question:
        """As a question."""
        options = tuple((k, None if v is None else as_text(v)) for k, v in self.criteria.items())
        return Question(options, _instruction(self.instructions))

    def told(self, answer: Answer) -> dict[str, Any]:
        """The answer in this dialect; `familiarity` and `abstained` are ours."""
        names, decision = list(self.criteria), answer.decision
        told = {
            "type": "choice",
            "choice": names[answer.best],
            "confidence": answer.probabilities[answer.best],
            "probabilities": dict(zip(names, answer.probabilities, strict=True)),
        }
        if decision is not None and decision.familiarity is not None:
            told |= {"familiarity": decision.familiarity, "abstained": bool(decision.abstained)}
        return told


class Score(BaseModel):
    """Which level of a scale fits."""

    type: Literal["score"]
    instructions: JsonValue = None
    criteria: list[JsonValue] = Field(min_length=1, max_length=10)

    @property
    def asked(self) -> Question:
        """As a question whose options are the levels."""
        levels = tuple((f"level-{n}", as_text(level)) for n, level in enumerate(self.criteria))
        return Question(levels, _instruction(self.instructions))

    def told(self, answer: Answer) -> dict[str, Any]:
        """The answer in this dialect."""
        return {
            "type": "score",
            "score": answer.score,
            "confidence": max(answer.probabilities),
            "legend": {str(n): level for n, level in enumerate(self.criteria)},
            "probabilities": {str(n): p for n, p in enumerate(answer.probabilities)},
        }


class Body(BaseModel):
    """A request. Texts only: what has images, sound or video is refused."""

    model_config = ConfigDict(extra="ignore")

    model: str
    state: JsonValue
    questions: dict[str, Annotated[Noul | Choice | Score, Field(discriminator="type")]] = Field(min_length=1)
    images: list[JsonValue] | None = None
    assets: dict[str, JsonValue] | None = None
    audio: list[JsonValue] | None = None
    videos: list[JsonValue] | None = None

    @model_validator(mode="after")
    def _is_text(self) -> "Body":
        if self.images or self.assets or self.audio or self.videos:
            raise ValueError("only text is read here, no images, sound or video")
        return self

    @property
    def text(self) -> str:
        """What is decided on."""
        return as_text(self.state)

    @property
    def asked(self) -> list[Question]:
        """The questions in their order."""
        return [question.asked for question in self.questions.values()]

    def told(self, arm: str, answers: Sequence[Answer]) -> dict[str, Any]:
        """The answers in this dialect."""
        read, written = tokens(answers)
        pairs = zip(self.questions.items(), answers, strict=True)
        return {
            "model": arm,
            "answers": {name: question.told(answer) for (name, question), answer in pairs},
            "usage": {"input_tokens": read, "output_tokens": written},
        }


def _instruction(value: JsonValue) -> str:
    return "" if value is None else as_text(value)
