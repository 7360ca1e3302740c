"""Runs an answer's code and its tests, each in a process of its own: a job on stdin, a line a test on stdout.

The code never runs in this process. A child has a pipe and the nonce that says "passed"; stdout it has not.
Not prevented: code that looks for the nonce among its own process's frames, that patches a module which tests
use, or that gives a built-in's name to something of its own.
"""

import ast
import builtins
import ctypes
import json
import os
import random
import resource
import secrets
import select
import signal
import sys
import time
import types
from pathlib import Path
from typing import Any

from . import kernel

SAID = 300
"""Bytes of what a test says."""
_DEPTH, _MANY = 4, 1000
"""Containers within containers, and elements of one, that are looked at."""


def main() -> None:
    """Reads the job, and writes first which layers hold, then for each test null or what was wrong."""
    job = json.loads(sys.stdin.buffer.read())
    _die_with(os.getppid())
    layers = []
    if job["readable"] is not None:
        done = kernel.drop_capabilities()
        if done and job["landlock"] and kernel.confine(job["readable"], [os.getcwd(), os.devnull]):
            layers.append("landlock")
    out = os.dup(1)
    os.set_inheritable(out, False)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    setup = _compiled(job["setup"], "setup")
    told = False
    for number, test in enumerate(job["tests"]):
        loaded, wrong, seccomp = _one(job, number, setup, test, guarded="landlock" not in layers)
        if not told:
            told = True
            _tell(out, layers + ["seccomp"] * seccomp)
        _tell(out, wrong)
        if not loaded:  # so will it be for the others
            for _ in job["tests"][number + 1 :]:
                _tell(out, wrong)
            return


def _tell(out: int, what: object) -> None:
    os.write(out, json.dumps(what).encode() + b"\n")


def _one(
    job: dict[str, Any], number: int, setup: types.CodeType, test: str, *, guarded: bool
) -> tuple[bool, str | None, bool]:
    """Whether the code could be loaded; what was wrong with the test, None for nothing; whether calls are
    filtered."""
    compiled = _compiled(test, "test")
    nonce = secrets.token_bytes(16)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        _child(job, number, setup, compiled, write, nonce, guarded)
    os.close(write)
    data, over = b"", False
    end = time.monotonic() + 2 * job["seconds"] + 1  # of a busy machine; processor time is limited below
    while len(data) < 2 * SAID:
        ready = select.select([read], [], [], max(0.0, end - time.monotonic()))[0]
        if over := not ready:
            break
        if not (more := os.read(read, 1024)):
            break
        data += more
    os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    os.close(read)
    seccomp, loaded = b"S" in data[:1], b"L" in data[:2]
    data = data.lstrip(b"SN")[loaded:]
    if data == nonce:
        return True, None, seccomp
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if over or (killed == signal.SIGKILL and used.ru_utime + used.ru_stime > 0.5 * _cpu(job["seconds"])):
        # the kernel's two counts of processor time differ on a busy machine
        return loaded, f"took longer than {job['seconds']:g} s", seccomp
    if data[:1] == b"E":
        return loaded, data[1:].decode(errors="replace"), seccomp
    ended = f"was ended by {signal.Signals(killed).name}" if killed else "ended its process"
    return loaded, ended, seccomp


def _child(
    job: dict[str, Any],
    number: int,
    setup: types.CodeType,
    test: types.CodeType,
    pipe: int,
    nonce: bytes,
    guarded: bool,
) -> None:
    """Never returns. What is used after the code has run is bound before: it can patch any module."""
    leave, write, execute, anything, words, honest = os._exit, os.write, exec, BaseException, _words, _honest
    pristine = dict(vars(builtins))
    try:
        pipe = _closed(pipe)
        folder = Path(str(number))
        folder.mkdir()
        for name, text in job["files"].items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode(errors="replace"))
        os.chdir(folder)
        random.seed(0)
        answer = types.ModuleType("answer")
        sys.modules["answer"] = answer
        sys.path.append(os.getcwd())
        sys.argv = ["answer.py"]
        for name in ("__main__", "inside", "inside.harness", "inside.kernel"):
            sys.modules.pop(name, None)
        filtered = _limited(_cpu(job["seconds"]))
        write(pipe, b"S" if filtered else b"N")
        if job["readable"] is not None and guarded:
            _guard([os.getcwd(), *job["readable"]], sockets=filtered)
        space = answer.__dict__
        if job["run"]:
            space["__builtins__"] = vars(builtins)  # which tests may patch: input, print
            execute(compile(job["code"], "answer.py", "exec", dont_inherit=True), space)
        space |= {
            "__builtins__": pristine,
            "__honest__": honest,
            "answer": job["answer"],
            "code": job["code"],
        }
        execute(setup, space)
        write(pipe, b"L")
        execute(test, space)
        write(pipe, nonce)
    except anything as e:
        write(pipe, b"E" + words(e))
    finally:
        leave(0)


def _cpu(seconds: float) -> int:
    return max(1, -int(-seconds // 1))


def _closed(pipe: int) -> int:
    """The pipe as descriptor 3, and no other is open."""
    if pipe != 3:
        os.dup2(pipe, 3)
    os.closerange(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0] if sys.platform != "linux" else 4096)
    return 3


def _limited(seconds: int) -> bool:
    kernel.drop_capabilities()
    filtered = kernel.filter_calls()
    kernel.limit(seconds, processes=filtered)
    return filtered


def _words(e: BaseException) -> bytes:
    """What was raised, cut."""
    name = type(e).__name__
    try:
        text = str(e)
    except Exception:
        text = ""
    return (f"{name}: {text}" if text else name).encode(errors="replace")[:SAID]


def _compiled(source: str, name: str) -> types.CodeType:
    """The source, which is ours, with both sides of its comparisons looked at."""
    tree = _Honest().visit(ast.parse(source))
    return compile(ast.fix_missing_locations(tree), name, "exec", dont_inherit=True)


class _Honest(ast.NodeTransformer):
    """`a == b` becomes `__honest__(a) == __honest__(b)`, and so do != and in."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if any(isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops):
            node.left = _asked(node.left)
            node.comparators = [_asked(each) for each in node.comparators]
        return node


def _asked(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Constant):
        return node
    name = ast.Name(id="__honest__", ctx=ast.Load())
    return ast.copy_location(ast.Call(func=name, args=[node], keywords=[]), node)


class _Nothing:
    """What no value is equal to."""

    def __eq__(self, other: object) -> Any:
        return NotImplemented

    __hash__ = object.__hash__


_NOTHING = _Nothing()


def _honest(value: Any, depth: int = 0) -> Any:
    """The value; AssertionError where it, or what it contains, says that it is equal to anything."""
    kind = type(value)
    if kind in (dict, list, tuple, set, frozenset) and depth < _DEPTH:
        for each in list(value.values() if kind is dict else value)[:_MANY]:
            _honest(each, depth + 1)
    elif value == _NOTHING:
        raise AssertionError("a value says that it is equal to anything")
    return value


def _guard(below: list[str], *, sockets: bool) -> None:
    """Where the kernel does not confine files: Python itself refuses to open others, and to start or reach
    anything (`sockets` may be made where the kernel refuses those that reach out). ctypes, which goes around
    this, is refused, too."""
    inside = tuple(os.path.realpath(path) for path in below)
    realpath, fspath, refuse = os.path.realpath, os.fsdecode, PermissionError
    never = ("subprocess.", "ctypes.", "os.fork", "os.exec", "os.posix_spawn", "os.system", "os.kill")
    never += ("os.putenv", "os.chroot", "signal.pthread_kill", *(() if sockets else ("socket.",)))
    own = inside[0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(never):
            raise refuse(f"{event} is refused here")
        changes = event.startswith(("os.", "shutil."))
        if event != "open" and not changes:
            return
        for path in arguments[:1] if event == "open" else arguments[:2]:
            if not isinstance(path, str | bytes | os.PathLike):
                continue
            where = realpath(fspath(path))
            writes = changes and event not in ("os.listdir", "os.scandir")
            writes = writes or (
                event == "open" and isinstance(arguments[2], int) and arguments[2] & 0b11 != 0
            )
            allowed = (own,) if writes else inside
            if not any(where == each or where.startswith(each + os.sep) for each in allowed):
                raise refuse(f"{where} is not for answers")

    sys.addaudithook(hook)


def _die_with(parent: int) -> None:
    """This process ends when its parent does, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
