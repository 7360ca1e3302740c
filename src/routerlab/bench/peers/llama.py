"""Peers that ask the same file through llama-cpp-python, as its users write it."""

import atexit
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx2

from routerlab.bench.peers.protocol import Call, PeerReply, PeerSetup
from routerlab.engine.contract.contract import MAX_NEW_TOKENS, parse_answer, system_prompt

BATCH = 512
"""As our workers have; their module is not imported, for a client of the server needs no llama.cpp."""

Complete = Callable[[list[dict[str, str]]], Any]
"""Messages -> the library's reply."""


def label_grammar(labels: tuple[str, ...]) -> str:
    """A GBNF grammar of the labels as literals."""
    return "root ::= " + " | ".join(json.dumps(label) for label in labels)


def label_schema(labels: tuple[str, ...]) -> dict[str, Any]:
    """A JSON schema of an object with nothing but a label: the fewest tokens a user can ask for."""
    return {
        "type": "object",
        "properties": {"label": {"enum": list(labels)}},
        "required": ["label"],
        "additionalProperties": False,
    }


def options(setup: PeerSetup) -> dict[str, Any]:
    """What the library and its server call the same."""
    return {
        "n_ctx": setup.n_ctx,
        "n_batch": BATCH,
        "n_threads": setup.threads,
        "n_threads_batch": setup.threads,
        "n_gpu_layers": setup.gpu_layers,
    }


def load(setup: PeerSetup) -> tuple[Call, float]:
    """The peer; it has no examples."""
    complete = over_http(setup) if setup.kind == "server" else in_process(setup)
    labels = setup.taxonomy.labels
    system = {"role": "system", "content": system_prompt(setup.taxonomy, "json")}

    def call(prompt: str) -> PeerReply:
        reply = complete([system, {"role": "user", "content": prompt}])
        answer = str(reply["choices"][0]["message"]["content"])
        label = answer if answer in labels else parse_answer(answer, labels).label
        return PeerReply(label=label, answer=answer, generated=int(reply["usage"]["completion_tokens"]))

    return call, 0.0


def in_process(setup: PeerSetup) -> Complete:
    """The library's own `Llama` in this process."""
    from llama_cpp import Llama
    from llama_cpp.llama_grammar import LlamaGrammar

    model = Llama(str(setup.model), verbose=False, **options(setup))
    more: dict[str, Any] = {}
    if setup.kind == "grammar":
        more["grammar"] = LlamaGrammar.from_string(label_grammar(setup.taxonomy.labels), verbose=False)
    elif setup.kind == "schema":
        more["response_format"] = {"type": "json_object", "schema": label_schema(setup.taxonomy.labels)}
    return lambda messages: model.create_chat_completion(
        messages=messages,  # type: ignore[arg-type]
        temperature=0.0,
        max_tokens=MAX_NEW_TOKENS,
        **more,
    )


def over_http(setup: PeerSetup) -> Complete:
    """The library's server, started as a program, and asked on loopback until this process ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    asked: dict[str, Any] = {"model": setup.model, "host": "127.0.0.1", "port": port, **options(setup)}
    words = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    server = subprocess.Popen([sys.executable, "-m", "llama_cpp.server", *words], stdin=subprocess.DEVNULL)
    atexit.register(server.kill)
    form = {"type": "json_object", "schema": label_schema(setup.taxonomy.labels)}
    body = {"temperature": 0.0, "max_tokens": MAX_NEW_TOKENS, "response_format": form}
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}/v1", timeout=None, trust_env=False)
    while not _answers(client):
        if server.poll() is not None:
            sys.exit(1)  # its last words are in the log
        time.sleep(0.05)
    return lambda messages: (
        client.post("/chat/completions", json=body | {"messages": messages}).raise_for_status().json()
    )


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/models").is_success
    except httpx2.TransportError:
        return False
