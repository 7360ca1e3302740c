"""What servers out there do, a table: name -> what that of server.py answers, and what is made of it."""

import asyncio
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from routerlab.core.prediction import Status
from tests.engine.remote.server import SIMPLE, Act, Request, completion, error, http, says

RIGHT = "code/simple"
WRONG = '{"label": "CoT/simple", "confidence": 0.5}'


@dataclass(frozen=True)
class Habit:
    """`act` answers every question. `remote` are settings of the remote. A strict reading gives `label`, or
    none and `error`; a lenient one `lenient`, where it differs. `note` is said when the arm is ready."""

    act: Act
    label: str | None = RIGHT
    status: Status | None = None
    error: str = ""
    lenient: str | None = None
    note: str = ""
    remote: Mapping[str, Any] = field(default_factory=dict)


def message(finish: str = "stop", usage: Mapping[str, Any] | None = None, **fields: Any) -> Act:
    """A completion whose message has these fields."""
    whole = completion(None, finish)
    whole["choices"][0]["message"] |= fields
    whole["usage"] |= usage or {}
    return http(200, json.dumps(whole).encode())


def tool(arguments: object) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": "route", "arguments": arguments}}


def refuses(when: Callable[[dict[str, Any]], object], body: object, status: int = 400) -> Act:
    """Declines what a request has, and answers all others."""

    async def act(writer: asyncio.StreamWriter, request: Request) -> None:
        declined = http(status, json.dumps(body).encode())
        await (declined if when(request.json) else says())(writer, request)

    return act


def unsupported(key: str, told: str) -> dict[str, Any]:
    return {"error": {"message": told, "type": "invalid_request_error", "param": key}}


def extra(*keys: str) -> dict[str, Any]:
    return {"detail": [{"type": "extra_forbidden", "loc": ["body", k], "msg": "Extra inputs"} for k in keys]}


def stream(*texts: str, field: str = "content", done: bool = True) -> bytes:
    pieces = [{"model": "m", "choices": [{"delta": {field: text}, "finish_reason": None}]} for text in texts]
    pieces.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    lines = [f"data: {json.dumps(piece)}" for piece in pieces] + (["data: [DONE]"] if done else [])
    return ("\n\n".join(lines) + "\n\n").encode()


THOUGHT = f"The user wants {{something}}... {WRONG}? no."
BUDGET = "it reasoned through its 128 tokens and gave no answer: raise reasoning_tokens, or set reasoning"
PARTS = 'the answer is in parts: parse = "lenient" reads that'
TOOL = 'it called a tool instead of writing an answer: parse = "lenient" reads that'
BROKEN = "JSON is broken"
GREEDY = "not greedy: the server allows no temperature"
FOLDED = "the instruction is in the user's turn: the server takes no system message"

HABITS: dict[str, Habit] = {
    # reasoning in the text
    "think": Habit(says(f"<think>{THOUGHT}</think>{SIMPLE}")),
    "think-space": Habit(says(f"\n<think>\n{THOUGHT}\n</think>\n\n```json\n{SIMPLE}\n```")),
    "think-empty": Habit(says(f"<think>\n\n</think>\n\n{SIMPLE}")),
    "think-twice": Habit(says(f"<think>{THOUGHT}</think>Hm.<think>{THOUGHT}</think>{SIMPLE}")),
    "think-upper": Habit(says(f"<THINK>{THOUGHT}</THINK>{SIMPLE}")),
    "think-attribute": Habit(says(f'<think time="3">{THOUGHT}</think>{SIMPLE}')),
    "thinking": Habit(says(f"<thinking>{THOUGHT}</thinking>{SIMPLE}")),
    "thought": Habit(says(f"<thought>{THOUGHT}</thought>{SIMPLE}")),
    "reasoning-tag": Habit(says(f"<reasoning>{THOUGHT}</reasoning><answer>{SIMPLE}</answer>")),
    "seed": Habit(says(f"<seed:think>{THOUGHT}</seed:think>{SIMPLE}")),
    "magistral": Habit(says(f"[THINK]{THOUGHT}[/THINK]{SIMPLE}")),
    "kimi": Habit(says(f"◁think▷{THOUGHT}◁/think▷{SIMPLE}")),
    "command": Habit(says(f"<|START_THINKING|>{THOUGHT}<|END_THINKING|>{SIMPLE}")),
    "gemma": Habit(says(f"<|channel>thought\n{THOUGHT}<channel|>{SIMPLE}")),
    "template-begins-it": Habit(says(f"{THOUGHT}\n</think>\n{SIMPLE}")),
    "lone-end-behind": Habit(says(f"{SIMPLE}</think>")),
    "tag-in-the-answer": Habit(says('{"label": "code/simple", "why": "<think> and </think> {"}')),
    "harmony": Habit(
        says(
            f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final "
            "<|constrain|>json"
            f"<|message|>{SIMPLE}<|return|>"
        )
    ),
    "harmony-bare": Habit(says(f"analysisWe need a label. {THOUGHT}assistantfinal{SIMPLE}")),
    "think-unclosed": Habit(says(f"<think>{THOUGHT}", "length"), None, error=BUDGET, note=BUDGET),
    "think-given-up": Habit(
        says(f"<think>{THOUGHT}"), None, error="it reasoned and gave no answer", note="raise"
    ),
    "harmony-cut": Habit(
        says(f"<|channel|>analysis<|message|>{THOUGHT}", "length"), None, error=BUDGET, note=BUDGET
    ),
    # reasoning beside the text
    "reasoning_content": Habit(message(content=SIMPLE, reasoning_content=THOUGHT)),
    "reasoning": Habit(message(content=SIMPLE, reasoning=THOUGHT)),
    "beside-only": Habit(message("length", reasoning_content=THOUGHT), None, error=BUDGET, note=BUDGET),
    "reasoning-only": Habit(
        message("length", content="", reasoning=THOUGHT), None, error=BUDGET, note=BUDGET
    ),
    "answer-in-the-reasoning": Habit(
        message(reasoning_content=SIMPLE), None, error="gave no answer", lenient=RIGHT, note="reasoned"
    ),
    "reasons-though-off": Habit(
        message(content=SIMPLE, usage={"completion_tokens_details": {"reasoning_tokens": 9}}),
        note="it reasoned with 9 tokens although that is off",
        remote={"reasoning": "off"},
    ),
    # the shape of the answer
    "parts": Habit(message(content=[{"type": "text", "text": SIMPLE}]), None, error=PARTS, lenient=RIGHT),
    "parts-thinking": Habit(
        message(
            content=[
                {"type": "thinking", "thinking": [{"type": "text", "text": WRONG}]},
                {"type": "text", "text": SIMPLE},
            ]
        ),
        None,
        error=PARTS,
        lenient=RIGHT,
    ),
    "tool": Habit(message("tool_calls", tool_calls=[tool(SIMPLE)]), None, error=TOOL, lenient=RIGHT),
    "tool-object": Habit(
        message("tool_calls", tool_calls=[tool(json.loads(SIMPLE))]), None, error=TOOL, lenient=RIGHT
    ),
    "function": Habit(
        message("function_call", function_call=tool(SIMPLE)["function"]), None, error=TOOL, lenient=RIGHT
    ),
    "case": Habit(says('{"label": "Code/Simple"}'), None, error="not a label", lenient=RIGHT),
    "spaces": Habit(says('{"label": " code / simple "}'), None, error="not a label", lenient=RIGHT),
    "key-in-capitals": Habit(says('{"Label": "code/simple"}'), None, error="not a label", lenient=RIGHT),
    "single-quotes": Habit(says("{'label': 'code/simple', 'ok': true}"), None, error=BROKEN, lenient=RIGHT),
    "trailing-comma": Habit(says('{"label": "code/simple",}'), None, error=BROKEN, lenient=RIGHT),
    "bare-words": Habit(says("{label: code/simple}"), None, error=BROKEN, lenient=RIGHT),
    "cut-off": Habit(
        says('{"label": "code/simple", "conf', "length"),
        None,
        error="(it ended at the limit of 128 tokens)",
        lenient=RIGHT,
    ),
    "last-object": Habit(
        says(f'{{"request": "x"}} {WRONG} {SIMPLE}'), None, error="not a label: null", lenient=RIGHT
    ),
    "nested": Habit(says(f'{{"answer": {SIMPLE}}}'), None, error="not a label: null", lenient=RIGHT),
    "two-answers": Habit(says(f"{SIMPLE} {WRONG}")),
    "prose": Habit(says("I am not sure."), None, error="no JSON object"),
    "empty": Habit(says(""), None, error="the answer is empty"),
    "refusal": Habit(message(refusal="I cannot help."), None, error="the model refused: I cannot help."),
    "filter": Habit(message("content_filter"), None, error="the server's filter held the answer back"),
    # what servers refuse
    "max_completion_tokens": Habit(
        refuses(
            lambda b: "max_tokens" in b,
            unsupported(
                "max_tokens",
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
            ),
        ),
        note="the limit is sent as max_completion_tokens",
    ),
    "temperature": Habit(
        refuses(
            lambda b: "temperature" in b,
            unsupported(
                "temperature", "Unsupported value: 'temperature' does not support 0 with this model."
            ),
        ),
        note=GREEDY,
    ),
    "both": Habit(
        refuses(lambda b: "max_tokens" in b or "temperature" in b, extra("max_tokens", "temperature"), 422),
        note=f"max_completion_tokens; {GREEDY}",
    ),
    "no-system": Habit(
        refuses(lambda b: b["messages"][0]["role"] == "system", {"error": "System role not supported"}),
        note=FOLDED,
    ),
    "no-system-500": Habit(
        refuses(
            lambda b: len(b["messages"]) > 1,
            {"error": {"message": "Jinja: Conversation roles must alternate"}},
            500,
        ),
        note=FOLDED,
        remote={"retries": 0},
    ),
    "unknown-key": Habit(
        refuses(lambda b: "chat_template_kwargs" in b, extra("chat_template_kwargs"), 422),
        note="chat_template_kwargs is not sent: the server refuses it",
        remote={"reasoning": "off"},
    ),
    "own-key": Habit(
        refuses(lambda b: "top_k" in b, {"object": "error", "message": "top_k: unknown field"}),
        note="top_k is not sent",
        remote={"body": {"top_k": 1}},
    ),
    "effort": Habit(
        refuses(
            lambda b: b.get("reasoning_effort") == "none",
            unsupported(
                "reasoning_effort", "Unsupported value: 'none'. Supported values are: 'minimal', 'low'"
            ),
        ),
        note="reasoning_effort is minimal: the server refuses none",
        remote={"reasoning": "off", "server": "openai"},
    ),
    "must-think": Habit(
        refuses(
            lambda b: "reasoning" in b,
            {"error": {"message": "Reasoning is mandatory for this endpoint and cannot be disabled."}},
        ),
        note="reasoning is as the server has it",
        remote={"reasoning": "off", "server": "openrouter"},
    ),
    "cannot-think": Habit(
        refuses(lambda b: "reasoning_effort" in b, {"error": {"message": '"m" does not support thinking'}}),
        note="reasoning is as the server has it",
        remote={"reasoning": "low", "server": "ollama"},
    ),
    # what is no answer, and what only looks like none
    "error-200": Habit(
        http(200, b'{"error": {"message": "no credit"}}'), None, "crashed", "an error: no credit"
    ),
    "error-200-text": Habit(http(200, b'{"error": "model not loaded"}'), None, "crashed", "model not loaded"),
    "error-200-code": Habit(
        http(200, b'{"error": {"code": 402, "message": "pay"}}'),
        None,
        "refused",
        "HTTP 402 Payment Required: pay",
    ),
    "error-in-the-choice": Habit(
        http(200, json.dumps({"choices": [{"error": {"message": "upstream"}, "message": {}}]}).encode()),
        None,
        "crashed",
        "an error in place of an answer: upstream",
    ),
    "no-choices": Habit(http(200, b'{"choices": []}'), None, "crashed", "it has no choices"),
    "html": Habit(http(200, b"<!DOCTYPE html><p>Welcome"), None, "crashed", "a web page: see base_url"),
    "html-502": Habit(
        http(502, b"<html>bad"), None, "crashed", "HTTP 502 Bad Gateway", remote={"retries": 0}
    ),
    "sse": Habit(http(200, stream(SIMPLE[:9], SIMPLE[9:]), {"Content-Type": "text/event-stream"})),
    "sse-unended": Habit(http(200, b": comment\n\n" + stream(SIMPLE, done=False))),
    "sse-reasoning": Habit(
        http(200, stream(THOUGHT, field="reasoning_content")),
        None,
        error="it reasoned and",
        note="it reasoned",
    ),
    "sse-error": Habit(http(200, b'data: {"error": {"message": "gone"}}\n\n'), None, "crashed", "gone"),
    "gzip": Habit(http(200, gzip.compress(json.dumps(completion()).encode()), {"Content-Encoding": "gzip"})),
    "text-plain": Habit(http(200, json.dumps(completion()).encode(), {"Content-Type": "text/plain"})),
    "bom": Habit(http(200, b"\xef\xbb\xbf" + json.dumps(completion()).encode())),
    "blank-lines": Habit(http(200, b"\n\n  \n" + json.dumps(completion()).encode())),
    "redirect": Habit(
        http(308, b"", {"Location": "https://me:secret@other.example/v1"}),
        None,
        "refused",
        "it sends us to other.example, which is not followed",
    ),
    "validation": Habit(
        http(422, json.dumps(extra("stop")).encode()), None, "refused", "body.stop: Extra inputs"
    ),
    "error-list": Habit(
        http(400, b'[{"error": {"message": "bad", "status": "X"}}]'), None, "refused", "Bad Request: bad"
    ),
    "no-words": Habit(error(418, ""), None, "refused", "HTTP 418"),
}
