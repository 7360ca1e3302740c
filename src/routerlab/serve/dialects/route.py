"""The lab's own dialect: a prompt in, a decision out."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from routerlab.api import Decision
from routerlab.core.files.toml import in_words
from routerlab.serve.limits import RefusedError

STATUSES = {"refused": 422, "crashed": 503, "cancelled": 503, "timeout": 504}
"""What a decision without a label is answered with, where it is not 200."""


class RouteBody(BaseModel):
    """The body of `POST /v1/route`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: str = Field(min_length=1)


def parse(body: bytes, model: type[Any]) -> Any:
    """The body as this model; RefusedError (400, 422) that names its keys and nothing of what is in them."""
    try:
        from_json(body, allow_inf_nan=False)  # which the model would take
    except ValueError:
        raise RefusedError(400, "not_json", "the body is not JSON") from None
    try:
        return model.model_validate_json(body)
    except ValidationError as e:
        fault = e.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        told = in_words(fault) if fault["type"] != "value_error" else str(fault["ctx"]["error"])
        raise RefusedError(422, "invalid", f"{where or 'body'}: {told}") from None


def labelled(decision: Decision) -> Decision:
    """The decision, if it was made; RefusedError that says why there is none. One without a label that can be
    read ("unparsed") counts as made."""
    status = STATUSES.get(decision.status)
    if status is not None:
        retry_s = 1.0 if status >= 503 else None
        raise RefusedError(status, decision.status, decision.error or decision.status, retry_s)
    return decision


def told(decision: Decision, target: str | None) -> dict[str, Any]:
    """What `POST /v1/route` answers. `label` is what the router said, `routed` what to act on: null where it
    abstained. `target` is the model of the routing table, null without one."""
    kept = {"arm", "status", "label", "probabilities", "familiarity", "member", "latency_ms", "tokens"}
    data = decision.model_dump(mode="json", include=kept)
    more = {"abstained": bool(decision.abstained), "routed": decision.routed, "target": target}
    return data | {"probability": decision.probability} | more
