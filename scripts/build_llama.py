"""Install llama-cpp-python and show that the build goes on: it compiles llama.cpp for some minutes.

Usage: build_llama.py CONSTRAINTS LOG. Set CMAKE_ARGS for a GPU build, for example -DGGML_CUDA=on.
"""

import os
import re
import subprocess
import sys
import time

# Parts of llama.cpp that nobody here calls: its programs, its tests, and the multimodal library.
LEAVE_OUT = " ".join(
    f"-D{name}=OFF"
    for name in (
        "LLAMA_BUILD_TOOLS",
        "LLAMA_BUILD_EXAMPLES",
        "LLAMA_BUILD_TESTS",
        "LLAMA_BUILD_SERVER",
        "LLAVA_BUILD",
    )
)
QUIET_S = 15.0


def main(constraints: str, log_path: str) -> int:
    """Run pip; returns its exit code. A bar in a terminal, else a line every 15 seconds."""
    print("llama-cpp-python: compiling llama.cpp, 4 to 6 minutes on two cores, only this once", flush=True)
    env = os.environ | {"CMAKE_ARGS": f"{LEAVE_OUT} {os.environ.get('CMAKE_ARGS', '')}"}
    command = [sys.executable, "-m", "pip", "install", "-v", "-c", constraints, "llama-cpp-python"]
    start = last = time.monotonic()
    live = sys.stdout.isatty()
    with open(log_path, "w", encoding="utf-8") as log:
        pip = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        assert pip.stdout is not None
        for line in pip.stdout:
            log.write(line)
            found = re.match(r"\s*\[\s*(\d+)/(\d+)\]", line)
            now = time.monotonic()
            if not found or (not live and now - last < QUIET_S):
                continue
            last = now
            text = f"  {found[1]} of {found[2]} files compiled, {now - start:.0f} s"
            print(f"\r{text}" if live else text, end="" if live else "\n", flush=True)
        code = pip.wait()
    print(f"{'' if not live else chr(10)}  done in {time.monotonic() - start:.0f} s" if code == 0 else "")
    if code:
        with open(log_path, encoding="utf-8") as log:
            print("".join(log.readlines()[-25:]))
        print(
            f"llama-cpp-python could not be built (the whole log: {log_path}). It needs gcc, g++ and cmake."
        )
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
