"""Where answers' code runs. It is hostile until shown otherwise: no network, no process, no file but its own.

In bubblewrap where that is there and works, with namespaces of its own; else in a process that Landlock
confines; else in one that only Python itself guards. Limits and a filter of system calls hold in all of them.
"""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from routerlab.core.errors import Exit, LabError

Kind = Literal["bubblewrap", "landlock", "guard"]
"""What keeps files away: a mount namespace, the kernel's Landlock, or an audit hook of Python."""

HERE = Path(__file__).parent
START_S = 20.0
"""Time for an interpreter to start, on a busy machine."""
TMPFS = 64 * 2**20
_MAIN = "import sys; sys.path.append({!r}); from inside.harness import main; sys.path.pop(); main()"
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache")
_PYTHON: str = getattr(sys, "_base_executable", sys.executable)  # not the virtual environment's
_DEVICES = ("/dev/null", "/dev/urandom", "/dev/zero")


@dataclass(frozen=True)
class Job:
    """Code and its tests: see PythonCheck. `files` lie beside the code; their names are relative."""

    tests: tuple[str, ...]
    answer: str = ""
    code: str = ""
    run: bool = True
    setup: str = ""
    seconds: float = 5.0
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sandbox:
    """A kind that works here. `words` say which, for the record."""

    kind: Kind
    words: str

    def run(self, job: Job) -> tuple[str | None, ...]:
        """For each test None if it passed, else what was wrong. All of them run in one start, each in a
        process of its own, for at most `seconds` of processor time."""
        return _run(self.kind, job)[1]


@functools.cache
def open_sandbox() -> Sandbox:
    """The strongest sandbox that works here; LabError where none does."""
    return next(box for kind in ("bubblewrap", "landlock", "guard") if (box := try_sandbox(kind)))


def try_sandbox(kind: Kind) -> Sandbox | None:
    """The sandbox of that kind if it works here: it runs a test in it."""
    if kind == "bubblewrap" and not shutil.which("bwrap"):
        return None
    layers, wrong = _run(kind, Job(tests=("assert True",)))
    if wrong != (None,) or (kind == "landlock" and "landlock" not in layers):
        if kind == "guard":
            raise LabError(f"answers' code cannot be run here: {wrong[0]}", Exit.MISSING)
        return None
    calls = "system calls filtered by seccomp" if "seccomp" in layers else "system calls not filtered"
    if kind == "bubblewrap":
        return Sandbox(kind, f"bubblewrap {_version()}, own namespaces, {calls}")
    if kind == "landlock":
        return Sandbox(kind, f"a process, files confined by Landlock, {calls}")
    return Sandbox(kind, f"a process, files guarded by Python only, {calls}")


def _run(kind: Kind, job: Job) -> tuple[list[str], tuple[str | None, ...]]:
    """Which layers hold, and the results."""
    with tempfile.TemporaryDirectory(prefix="routerlab-answer-", ignore_cleanup_errors=True) as work:
        boxed = kind == "bubblewrap"
        here = "/box" if boxed else str(HERE)
        command = [_PYTHON, "-P", "-s", "-S", "-B", "-c", _MAIN.format(here)]
        readable = None if boxed else [*_SYSTEM, *_DEVICES, *_library()]
        process = subprocess.Popen(
            [*_bubblewrap(), *command] if boxed else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/" if boxed else work,
            env=_environment("/tmp" if boxed else work),
            start_new_session=True,
        )
        asked = json.dumps({**asdict(job), "readable": readable, "landlock": kind == "landlock"}).encode()
        try:
            out, said = process.communicate(asked, START_S + len(job.tests) * (2 * job.seconds + 2))
        except subprocess.TimeoutExpired:
            _kill(process)
            out, said = process.communicate()
        finally:
            _kill(process)
    layers, *results = [json.loads(line) for line in out.splitlines()] or [[]]
    last = said.decode(errors="replace").strip().splitlines()[-1:] or ["the sandbox ended"]
    return layers, (*results, *last * (len(job.tests) - len(results)))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The whole group, also what outlived its leader."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _environment(home: str) -> dict[str, str]:
    """Nothing of ours; the same order of sets every time."""
    return {
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
    }


@functools.cache
def _library() -> tuple[str, ...]:
    """The interpreter and its standard library, without what is installed beside it."""
    standard = Path(sysconfig.get_path("stdlib"))
    parts = [str(path) for path in standard.iterdir() if path.name not in ("site-packages", "dist-packages")]
    return (str(standard / "__pycache__"), *parts, *_interpreter())


def _interpreter() -> tuple[str, ...]:
    shared = Path(sysconfig.get_config_var("LIBDIR") or "/") / (sysconfig.get_config_var("INSTSONAME") or "-")
    program = _PYTHON
    return tuple(
        dict.fromkeys(p for p in (program, os.path.realpath(program), str(shared)) if Path(p).is_file())
    )


@functools.cache
def _version() -> str:
    said = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=False).stdout
    return said.split()[-1] if said.split() else "?"


@functools.cache
def _bubblewrap() -> tuple[str, ...]:
    """The command that the interpreter's follows: nothing is there but Python, and /tmp in memory."""
    standard = sysconfig.get_path("stdlib")
    command = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    command += ["--cap-drop", "ALL"]
    for path in (*_SYSTEM, standard, *_interpreter()):
        command += ["--ro-bind-try", path, path]
    for name in ("site-packages", "dist-packages"):
        if Path(standard, name).is_dir():
            command += ["--tmpfs", f"{standard}/{name}", "--remount-ro", f"{standard}/{name}"]
    command += ["--ro-bind", str(HERE / "inside"), "/box/inside"]
    for path in _DEVICES:
        command += ["--dev-bind", path, path]
    sized = ["--size", str(TMPFS)] if tuple(map(int, _version().split(".")[:2])) >= (0, 7) else []
    return (*command, *sized, "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/tmp", "--")
