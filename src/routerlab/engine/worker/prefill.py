"""The program that measures a model: `python -m routerlab.engine.worker.prefill` MODEL THREADS TOKENS TIMES
[CPUS].

It writes a line for each time, "prefill step": milliseconds of reading so many tokens, and of one more.
It ends when its standard input does. CPUS, as in "0,2", pins it: threads that start later inherit that.
"""

import os
import sys
import threading
import time
from pathlib import Path

from routerlab.engine.worker.llama import Context, Log, Model
from routerlab.engine.worker.quantize import end_with_parent
from routerlab.models.placement import Placement


def main(path: str, threads: int, tokens: int, times: int, cpus: str = "") -> None:
    """Measure on the CPU, after one time that is not counted."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    if cpus:
        os.sched_setaffinity(0, map(int, cpus.split(",")))
    Log(lambda _: None)
    model = Model(Path(path), Placement(), lambda _: None)
    context = Context(model, tokens + 1, 1, 1, threads)
    prompt = [i * 7919 % model.n_vocab for i in range(tokens)]
    for i in range(times + 1):
        context.empty([0])
        began = time.perf_counter()
        context.decode(prompt, range(tokens), [[0]] * tokens, frozenset({tokens - 1}))
        read = time.perf_counter()
        context.decode(prompt[:1], [tokens], [[0]], frozenset({0}))
        if i:
            print((read - began) * 1000.0, (time.perf_counter() - read) * 1000.0, flush=True)


if __name__ == "__main__":
    model_file, threads, tokens, times, *pinned = sys.argv[1:]
    try:
        main(model_file, int(threads), int(tokens), int(times), *pinned)
    except Exception as e:
        sys.exit(str(e) or repr(e))
    sys.stdout.flush()
    os._exit(0)  # the thread that waits for the end of stdin would keep it
