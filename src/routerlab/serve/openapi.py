"""What can be asked here, as OpenAPI 3.1: for generators of clients, and for fuzzers."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from routerlab.serve.dialects import openai, system_one
from routerlab.serve.dialects.route import RouteBody
from routerlab.version import __version__

READ: dict[str, tuple[str, type[BaseModel]]] = {
    "/v1/route": ("A prompt to a decision", RouteBody),
    "/v1/systemone": ("Named questions about a state", system_one.Body),
    "/v1/decisions": ("A list of questions about an input", openai.Body),
}
CHAT = {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {
        "model": {"type": "string", "pattern": "^auto(:.+)?$"},
        "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
    },
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "properties": {key: {"type": "string"} for key in ("message", "type", "code")},
        }
    },
}


def described() -> dict[str, Any]:
    """The document. Bodies are as the models that read them say, answers JSON, faults a `Fault`."""
    models = [(model, "validation") for _, model in READ.values()]
    refs, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    paths = {path: _posted(about, refs[(model, "validation")]) for path, (about, model) in READ.items()}
    paths["/v1/chat/completions"] = _posted("A chat, sent on to the model that is decided on", CHAT)
    for path in ("/v1/models", "/health", "/ready"):
        paths[path] = {"get": {"responses": _responses()}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "routerlab serve", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"] | {"Fault": ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _posted(about: str, schema: dict[str, Any]) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    return {"post": {"summary": about, "requestBody": body, "responses": _responses()}}


def _responses() -> dict[str, Any]:
    fault = {"schema": {"$ref": "#/components/schemas/Fault"}}
    return {
        "200": {"description": "Answered", "content": {"application/json": {}}},
        "default": {"description": "Not answered", "content": {"application/json": fault}},
    }
