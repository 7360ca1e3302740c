"""The program that quantizes a model file: `python -m routerlab.engine.worker.quantize SOURCE TARGET FTYPE`.

It writes the library's version, then "done total" a line, in tensors, and ends when its standard input does:
even a lab that was killed with -9 leaves nobody behind. What went wrong is its last line on stderr.
"""

import ctypes
import os
import re
import sys
import threading

from llama_cpp import llama_cpp as c

from routerlab.engine.worker.build import usable_cpus
from routerlab.engine.worker.llama import LOG_LEVEL_ERROR, build_version


def main(source: str, target: str, ftype: int) -> int:
    """Write the model to `target` in another type; the exit code."""
    fault = ""

    def heard(level: int, text: bytes, _: object) -> None:
        nonlocal fault
        line = text.decode("utf-8", "replace")
        if found := re.match(r"\[\s*(\d+)/\s*(\d+)\]", line):
            print(found[1], found[2], flush=True)
        if level == LOG_LEVEL_ERROR:
            fault = line.strip()

    print(build_version(), flush=True)
    callback = c.llama_log_callback(heard)  # must outlive the work
    c.llama_log_set(callback, ctypes.c_void_p(0))
    threading.Thread(target=end_with_parent, daemon=True).start()
    params = c.llama_model_quantize_default_params()
    params.ftype, params.nthread, params.allow_requantize = ftype, usable_cpus(), True
    code = c.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params))
    if code:
        print(fault or f"llama.cpp ends with {code}", file=sys.stderr)
    return int(code)


def end_with_parent() -> None:
    """Wait for the end of standard input, then end the process."""
    os.read(0, 1)
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
