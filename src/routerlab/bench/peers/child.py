"""A peer of the lab: llama-cpp-python asked for a label as its users write it. Started by parent.py.

In on stdin: a `PeerSetup`, then one prompt a line (a JSON string). Out on what was stdout: an empty object
when it is ready, then a `PeerReply` for each. The process ends when its stdin closes.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from llama_cpp import Llama
from llama_cpp.llama_grammar import LlamaGrammar

from routerlab.bench.peers.parent import PeerReply, PeerSetup
from routerlab.engine.contract.contract import MAX_NEW_TOKENS, parse_answer, system_prompt
from routerlab.engine.worker.llama import BATCH

Call = Callable[[list[dict[str, str]]], Any]
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


def in_process(setup: PeerSetup) -> Call:
    """The library's own `Llama` in this process."""
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


@contextmanager
def over_http(setup: PeerSetup) -> Iterator[Call]:
    """The library's server, started as a program, and asked on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    asked: dict[str, Any] = {"model": setup.model, "host": "127.0.0.1", "port": port, **options(setup)}
    words = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    server = subprocess.Popen([sys.executable, "-m", "llama_cpp.server", *words], stdin=subprocess.DEVNULL)
    form = {"type": "json_object", "schema": label_schema(setup.taxonomy.labels)}
    body = {"temperature": 0.0, "max_tokens": MAX_NEW_TOKENS, "response_format": form}
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}/v1", timeout=None, trust_env=False) as client:
            while not _answers(client):
                if server.poll() is not None:
                    sys.exit(1)  # its last words are in the log
                time.sleep(0.05)
            yield (
                lambda messages: (
                    client.post("/chat/completions", json=body | {"messages": messages})
                    .raise_for_status()
                    .json()
                )
            )
    finally:
        server.kill()


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/models").is_success
    except httpx2.TransportError:
        return False


def serve(setup: PeerSetup, call: Call, sink: int) -> None:
    """Answer prompts until stdin closes."""
    labels = setup.taxonomy.labels
    system = {"role": "system", "content": system_prompt(setup.taxonomy, "json")}
    os.write(sink, b"{}\n")
    for line in sys.stdin:
        messages = [system, {"role": "user", "content": json.loads(line)}]
        start = time.perf_counter()
        try:
            reply = call(messages)
            answer = str(reply["choices"][0]["message"]["content"])
            label = answer if answer in labels else parse_answer(answer, labels).label
            ms = (time.perf_counter() - start) * 1000.0
            generated = int(reply["usage"]["completion_tokens"])
            said = PeerReply(ms=ms, label=label, answer=answer, generated=generated)
        except Exception as e:  # whatever a user would see; the next question may go well
            said = PeerReply(error=f"{type(e).__name__}: {e}")
        os.write(sink, said.model_dump_json().encode() + b"\n")


def main() -> None:
    """Load what the first line says, and serve."""
    sink = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints goes to the log
    setup = PeerSetup.model_validate_json(sys.stdin.readline())
    if setup.kind == "server":
        with over_http(setup) as call:
            serve(setup, call, sink)
    else:
        serve(setup, in_process(setup), sink)


if __name__ == "__main__":
    main()
