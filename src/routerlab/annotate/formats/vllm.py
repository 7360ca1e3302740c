"""What a vLLM server says of its requests in its own log, whose lines differ from version to version.

Sources: stored copies of vllm/entrypoints/logger.py and of lines in bug reports, 2024 to 2026. In 0.11.0 the
line of a request has its prompt, from 0.11.2 on one of level DEBUG (vLLM's pull request 26713, issue 29885).
Whatever is searched for is found in one pass: a log may have what strangers wrote.
"""

import re
import warnings
from ast import literal_eval
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from routerlab.annotate.formats.chats import of_turns
from routerlab.annotate.formats.fields import Row, Shape
from routerlab.core.names import Turn
from routerlab.core.text import plural

_ID = r"(?P<id>[\w.-]*[\w-])"
_TEXT = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_EVENTS = {
    "received": re.compile(rf"\bReceived request {_ID}: (?=\w+: )"),
    "details": re.compile(rf"\bRequest {_ID} details: "),
    "added": re.compile(rf"\bAdded request {_ID}\b"),
    "answered": re.compile(rf"\bGenerated response {_ID}(?: \(streaming (?P<how>\w+)\))?(?: details)?: "),
    "finished": re.compile(rf"\bFinished request {_ID}\b"),
    "failed": re.compile(rf"\b(?:Aborted request|Request) {_ID}(?P<why> aborted| failed[^.]*|\.|$)"),
}
_SURE = re.compile(
    r"Received request [\w.-]+: (?:prompt|params)\b|\b(?:Added|Finished) request [\w.-]+\.?$", re.M
)
_TIME = re.compile(r"(?:\d{4}-)?(\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:[.,]\d+)?)")
_COUNTED = re.compile(r"<streaming_complete: (\d+) tokens>")
"""What stands in place of the whole of a stream that the server did not keep."""
_ADAPTER = re.compile(rf"lora_request: LoRARequest\((?:[^(),]*, )*lora_name=({_TEXT})")

_ROLE = "user|User|system|assistant|Assistant|model|developer|tool"
_OPENED = re.compile(
    rf"(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|<\|turn>|<\|start\|>|<[|\uff5c])({_ROLE})"
    r"(?:[|\uff5c]>|<\|end_header_id\|>|<\|message\|>)?|\[INST\]"
)
_CLOSED = re.compile(
    r"<[|\uff5c](?:im_|eot_id|end|start|return|call|turn|user|User|system|assistant|Assistant|tool)"
    r"|</s>|<end_of_turn>|<turn\|>|\[/INST\]|\Z"
)
"""A turn in ChatML, or as templates of Llama, Gemma, gpt-oss, Phi, GLM, DeepSeek and Mistral write it."""


def is_log(text: str) -> bool:
    """Whether the text has lines that a vLLM server writes about requests."""
    return _SURE.search(text) is not None


def read_log(lines: Sequence[str]) -> tuple[str, list[tuple[int, dict[str, Any]]]]:
    """What was taken of the log, in words with counts, and (line where it is first told of, request) of each.

    A request has `vllm` (its id), and where the log says so `prompt` (as the model reads it), `params`,
    `adapter`, `answer`, `finish_reason`, `tokens_in`, `tokens_out`, `failed` (why), and the seconds of the
    year at which it `began` and `ended`. Lines that tell of a request, but not as known, are counted.
    """
    requests: dict[str, Row] = {}
    first: dict[str, int] = {}
    taken = strange = 0
    for number, line in enumerate(lines, 1):
        event, found = next(((e, m) for e, r in _EVENTS.items() if (m := r.search(line))), (None, None))
        if event is None or found is None:
            strange += "Received request " in line or "Generated response " in line
            continue
        request = _known(requests, found["id"])
        if request not in requests and event == "failed" and found["why"] in (".", ""):
            continue  # "Request X." may be about anything
        row = requests.setdefault(request, {"vllm": request})
        first.setdefault(request, number)
        taken += 1
        told = _told(event, found, line)
        moment = _moment(line[: found.start()])
        if moment is not None and event in ("received", "details", "added"):
            row.setdefault("began", moment)
        elif moment is not None:
            row["ended"] = moment
        if event == "answered" and found["how"] == "delta":
            told |= {
                key: row[key] + told[key] for key in ("answer", "tokens_out") if key in row and key in told
            }
        row |= told
    left = (
        f", {plural(len(lines) - taken - strange, 'other line')} left out"
        if len(lines) > taken + strange
        else ""
    )
    odd = f", {plural(strange, 'line')} of requests not understood" if strange else ""
    kind = f"log ({plural(len(requests), 'request')} in {plural(taken, 'line')}{left}{odd})"
    return kind, [(first[request], row) for request, row in requests.items()]


def _known(requests: dict[str, Row], request: str) -> str:
    """The id under which it was first told of: inside the server ids have something more at their end."""
    shorter = request.rpartition("-")[0]
    return next((each for each in (request, shorter, f"{request}-0") if each in requests), request)


def _told(event: str, found: re.Match[str], line: str) -> Row:
    rest = line[found.end() :]
    if event == "failed":
        return {"failed": (found["why"] or "aborted").strip(" .") or "aborted"}
    if event == "answered":
        told = {
            **_texts(rest, "output", "answer"),
            **_tokens(rest, "output_token_ids", "tokens_out"),
            **_why(rest),
        }
        if counted := _COUNTED.fullmatch(told.get("answer", "")):
            told["tokens_out"] = int(counted[1])
        return {key: value for key, value in told.items() if key != "answer" or (value and not counted)}
    if event not in ("received", "details"):
        return {}
    prompt = _texts(rest, "prompt", "prompt")
    rest = rest if not prompt else re.sub(rf"^prompt: {_TEXT}", "", rest)  # it may hold anything
    params = re.search(r"(?:sampling_)?params(?:_list)?: (.*?)(?:, (?:prompt_|lora_)\w+: |$)", rest)
    adapter = _ADAPTER.search(rest)
    return {
        **prompt,
        **_tokens(rest, "prompt_token_ids", "tokens_in"),
        **({"params": params[1]} if params else {}),
        **({"adapter": _unquoted(adapter[1])} if adapter else {}),
    }


def _texts(rest: str, key: str, name: str) -> Row:
    found = re.match(rf"{key}: ({_TEXT})", rest)
    text = _unquoted(found[1]) if found else None
    return {} if text is None else {name: text}


def _unquoted(literal: str) -> str | None:
    """What Python's own notation of a text stands for; None for what Python does not write."""
    with suppress(SyntaxError, ValueError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that are none
        return str(literal_eval(literal))
    return None


def _tokens(rest: str, key: str, name: str) -> Row:
    """How many there are in a list of tokens, if it is not empty."""
    found = re.search(rf"\b{key}: (?:\[|array\('\w', \[)([\d, ]+)\]", rest)
    return {name: found[1].count(",") + 1} if found else {}


def _why(rest: str) -> Row:
    found = re.search(r", finish_reason: (\w+)$", rest.rstrip())
    return {"finish_reason": found[1]} if found and found[1] != "None" else {}


def _moment(before: str) -> float | None:
    """The second of the year that the line's time is; no line has the year for sure."""
    found = _TIME.search(before)
    if not found:
        return None
    with suppress(ValueError):
        moment = datetime.fromisoformat(f"2000-{found[1]}T{found[2].replace(',', '.')}")
        return (moment - datetime(2000, 1, 1)).total_seconds()
    return None


def turns(prompt: str) -> list[dict[str, str]]:
    """The turns of a prompt as a template wrote it; the whole as the user's where no template is known."""
    found: list[dict[str, str]] = []
    at = 0
    while (opened := _OPENED.search(prompt, at)) and (closed := _CLOSED.search(prompt, opened.end())):
        at = closed.start()
        content = prompt[opened.end() : at].strip()
        if opened[1] is None and content.startswith("<<SYS>>"):
            content = content.partition("<</SYS>>")[2].strip()
        found.append({"role": (opened[1] or "user").lower(), "content": content})
    return found or [{"role": "user", "content": prompt}]


def _from_vllm(row: Row, turn: Turn) -> list[Row] | str:
    if not row.get("prompt"):
        return "its text is not in the log (VLLM_LOGGING_LEVEL=DEBUG writes it)"
    said = turns(row["prompt"])
    answer = [{"role": "assistant", "content": row["answer"]}] if row.get("answer") else []
    return of_turns([*said, *answer], turn, {"source_id": row["vllm"]})


SHAPE = Shape(
    "vLLM",
    lambda row: "vllm" in row,
    _from_vllm,
    "prompt = a user's turn, label = the answer where it is one of the labels",
    strict=False,
)
