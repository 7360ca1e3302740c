"""Requests that no client would send: schemathesis on the server's own description of itself."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.serving.drive import HANG_S
from benchmarks.serving.programs import Target


def fuzz(target: Target, seconds: float) -> dict[str, Any]:
    """What schemathesis says after so many seconds, if it is there: no answer may be a 500."""
    program = shutil.which("schemathesis") or shutil.which("schemathesis", path=Path(sys.executable).parent)
    if program is None:
        return {"left out": "schemathesis is not installed"}
    command = [program, "run", f"{target.url}/openapi.json", "--checks", "not_a_server_error"]
    command += ["--max-time", str(round(seconds)), "--seed", "1", "--request-timeout", str(HANG_S)]
    with tempfile.TemporaryDirectory() as folder:  # it leaves a cache where it is run
        run = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=20 * seconds
        )
    said = run.stdout.strip().splitlines()
    counted = re.search(r"(\d+) generated", run.stdout)
    return {
        "requests": int(counted[1]) if counted else None,
        "clean": run.returncode == 0,
        "end": said[-12:],
    }
