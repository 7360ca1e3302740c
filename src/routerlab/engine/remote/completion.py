"""What is read of an OpenAI-compatible server's answers. The client library takes them as they come, whatever
is in them, so they are checked here."""

from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from routerlab.core.prediction import Tokens


class Message(BaseModel):
    """What the model wrote; servers write null where it wrote nothing."""

    content: str | None = None


class Choice(BaseModel):
    """One answer, and why it ended ("stop", "length")."""

    message: Message
    finish_reason: str | None = None


class Details(BaseModel):
    """Of the prompt's tokens, those that the server had read before."""

    cached_tokens: NonNegativeInt | None = None


class Usage(BaseModel):
    """Tokens as the server counted them, and bills them."""

    prompt_tokens: NonNegativeInt = 0
    completion_tokens: NonNegativeInt = 0
    prompt_tokens_details: Details | None = None

    @property
    def tokens(self) -> Tokens:
        """The same in the lab's words."""
        details = self.prompt_tokens_details
        cached = min(self.prompt_tokens, (details.cached_tokens if details else None) or 0)
        return Tokens(cached=cached, evaluated=self.prompt_tokens - cached, generated=self.completion_tokens)


class Completion(BaseModel):
    """A chat completion, and what the server says of itself."""

    choices: list[Choice] = Field(min_length=1)
    model: str | None = None
    system_fingerprint: str | None = None
    usage: Usage | None = None


class Model(BaseModel):
    """A model of the server's."""

    id: str


class Models(BaseModel):
    """The server's list."""

    data: list[Model]


def read_completion(body: bytes) -> Completion:
    """The completion in an answer's body; ValueError with one line that says why there is none.

    Nothing of the body is in that line.
    """
    try:
        return Completion.model_validate_json(body)
    except ValidationError as e:
        fault = e.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise ValueError(
            f"the answer is no chat completion: {where + ': ' if where else ''}{fault['msg']}"
        ) from None


def read_models(body: bytes) -> list[str]:
    """The names in a list of models; none where it is no such list."""
    try:
        return [model.id for model in Models.model_validate_json(body).data]
    except ValidationError:
        return []
