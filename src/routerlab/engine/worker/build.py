"""What is asked in a child process: of the llama.cpp build, which may write to the screen; of a template."""

import platform
import re
import signal
import subprocess
import sys
from pathlib import Path

from routerlab.core.errors import Exit, LabError
from routerlab.core.prediction import Record
from routerlab.models.cpus import usable_numbers
from routerlab.models.devices import Device


class BuildInfo(Record):
    """The library's version, whether it can offload, its instruction sets and its devices."""

    version: str
    gpu: bool
    system_info: str
    devices: tuple[Device, ...]


def describe_build() -> BuildInfo:
    """Facts about the installed library; LabError when it is missing or cannot be loaded."""
    command = [sys.executable, "-m", "routerlab.engine.worker.llama"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise LabError(f"llama-cpp-python cannot be loaded: {reason}", Exit.MISSING)
    return BuildInfo.model_validate_json(result.stdout)


def describe_template(source: str, limit_s: float = 5.0) -> str:
    """How a model with this chat template is asked, in one line (see template.usable)."""
    command = [sys.executable, "-m", "routerlab.engine.worker.template", str(limit_s)]
    text = source.encode("utf-8", "replace")
    result = subprocess.run(command, input=text, capture_output=True, check=False, timeout=60)
    if result.returncode == -signal.SIGALRM:
        return f"refused when it is loaded: it runs longer than {limit_s:g} s"
    return result.stdout.decode().strip() or "could not be tried"


def usable_cpus() -> int:
    """CPUs this process may run on, which in a container is less than the machine has."""
    return len(usable_numbers())


def machine() -> str:
    """One line for records: system, CPU and how many CPUs may be used."""
    info = Path("/proc/cpuinfo")
    models = re.findall(r"^model name\s*:\s*(.*\S)", info.read_text(), re.M) if info.exists() else []
    cpu = models[0] if models else platform.processor() or platform.machine()
    return f"{platform.system()} {platform.machine()}, {cpu}, {usable_cpus()} CPUs"
