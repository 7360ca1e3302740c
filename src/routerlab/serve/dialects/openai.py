"""OpenAI's decisions (`POST /v1/decisions`), as LiteLLM 1.110 speaks them: an input, a list of questions."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from routerlab.serve.dialects.question import Answer, Question, tokens


class _Forbids(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Text(_Forbids):
    """A part of a message."""

    type: Literal["input_text"]
    text: str


class Message(_Forbids):
    """What a user said."""

    role: Literal["user"] = "user"
    type: Literal["message"] = "message"
    content: str | list[Text]

    @property
    def text(self) -> str:
        """Its text."""
        return self.content if isinstance(self.content, str) else "\n".join(p.text for p in self.content)


class Predicate(_Forbids):
    """A question of yes or no."""

    type: Literal["predicate"]
    name: str | None = None
    instructions: str

    @property
    def asked(self) -> Question:
        """As a question with two options."""
        return Question((("true", None), ("false", None)), self.instructions)

    def told(self, answer: Answer) -> dict[str, Any]:
        """The answer in this dialect."""
        return {"probability": answer.probabilities[0]}


class Option(_Forbids):
    """One of the choices."""

    value: bool | str
    description: str | None = None

    @property
    def key(self) -> str:
        """Its name: booleans are written as in JSON."""
        return str(self.value).lower() if isinstance(self.value, bool) else self.value


class Choice(_Forbids):
    """Which of some options fits."""

    type: Literal["choice"]
    name: str | None = None
    instructions: str
    choices: list[Option] = Field(min_length=2, max_length=255)

    @model_validator(mode="after")
    def _are_distinct(self) -> "Choice":
        if len({option.key for option in self.choices}) < len(self.choices):
            raise ValueError("choices: each value once")
        return self

    @property
    def asked(self) -> Question:
        """As a question."""
        return Question(tuple((o.key, o.description) for o in self.choices), self.instructions)

    def told(self, answer: Answer) -> dict[str, Any]:
        """The answer in this dialect."""
        pairs = zip(self.choices, answer.probabilities, strict=True)
        return {
            "choice": self.choices[answer.best].value,
            "probabilities": [{"value": option.value, "probability": p} for option, p in pairs],
            "confidence": answer.probabilities[answer.best],
        }


class Level(_Forbids):
    """A level of a scale."""

    label: str
    description: str | None = None


class Score(_Forbids):
    """Which level of a scale fits."""

    type: Literal["score"]
    name: str | None = None
    instructions: str
    levels: list[Level] = Field(min_length=2, max_length=10)

    @property
    def asked(self) -> Question:
        """As a question whose options are the levels."""
        about = [": ".join(filter(None, (level.label, level.description))) for level in self.levels]
        return Question(tuple((f"level-{n}", text) for n, text in enumerate(about)), self.instructions)

    def told(self, answer: Answer) -> dict[str, Any]:
        """The answer in this dialect."""
        pairs = enumerate(zip(self.levels, answer.probabilities, strict=True))
        return {
            "score": answer.score,
            "probabilities": [{"value": n, "label": of.label, "probability": p} for n, (of, p) in pairs],
            "confidence": max(answer.probabilities),
        }


class Body(BaseModel):
    """A request. Texts only: what has images, sound or video is refused."""

    model_config = ConfigDict(extra="ignore")

    model: str
    input: str | list[Message]
    questions: list[Annotated[Predicate | Choice | Score, Field(discriminator="type")]] = Field(min_length=1)
    audio: list[JsonValue] | None = None
    videos: list[JsonValue] | None = None

    @model_validator(mode="after")
    def _is_text(self) -> "Body":
        if self.audio or self.videos:
            raise ValueError("only text is read here, no images, sound or video")
        return self

    @property
    def text(self) -> str:
        """What is decided on."""
        given = self.input
        return given if isinstance(given, str) else "\n\n".join(message.text for message in given)

    @property
    def asked(self) -> list[Question]:
        """The questions in their order."""
        return [question.asked for question in self.questions]

    def told(self, arm: str, answers: Sequence[Answer]) -> dict[str, Any]:
        """The answers in this dialect."""
        read, written = tokens(answers)
        return {
            "model": arm,
            "answers": [
                {"type": question.type, "name": question.name, **question.told(answer)}
                for question, answer in zip(self.questions, answers, strict=True)
            ],
            "usage": {
                "input_tokens": read,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": written,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": read + written,
            },
        }
