"""A peer of the lab: another way to a label, as its users write it. Started by parent.py.

In on stdin: a `PeerSetup`, then one prompt a line (a JSON string). Out on what was stdout: a `PeerReady`,
then a `PeerReply` for each. The process ends when its stdin closes.
"""

import json
import os
import sys
import time
import traceback

from routerlab.bench.peers.protocol import Call, PeerReady, PeerReply, PeerSetup, fault
from routerlab.core.prediction import Record


def load(setup: PeerSetup) -> tuple[Call, float]:
    """The peer, and the seconds of fitting. Imports its own library only: memory and start are measured."""
    if setup.kind in ("encoder", "neighbours"):
        from routerlab.bench.peers import embeddings

        return embeddings.load(setup)
    if setup.kind == "heuristics":
        from routerlab.bench.peers import heuristics

        return heuristics.load(setup)
    from routerlab.bench.peers import llama

    return llama.load(setup)


def answer(call: Call, prompt: str) -> PeerReply:
    """What the peer says, with the time it took."""
    start = time.perf_counter()
    try:
        reply = call(prompt)
    except Exception as e:  # whatever a user would see; the next question may go well
        return PeerReply(error=fault(e))
    return reply.model_copy(update={"ms": (time.perf_counter() - start) * 1000.0})


def main() -> None:
    """Load what the first line says, and answer prompts until stdin closes."""
    sink = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints goes to the log

    def say(record: Record) -> None:
        os.write(sink, record.model_dump_json().encode() + b"\n")

    try:
        call, fit_s = load(PeerSetup.model_validate_json(sys.stdin.readline()))
    except Exception as e:  # no model, no library: the reason is the user's, the rest is for the log
        traceback.print_exc()
        say(PeerReady(error=fault(e)))
        sys.exit(1)
    say(PeerReady(fit_s=fit_s))
    for line in sys.stdin:
        say(answer(call, json.loads(line)))


if __name__ == "__main__":
    main()
