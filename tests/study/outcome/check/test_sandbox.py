"""Hostile code is named, contained, and counted as failed, in every kind of sandbox that works here."""

import os
import tempfile
from pathlib import Path

import pytest

from routerlab.study.outcome.check.inside import kernel
from routerlab.study.outcome.check.sandbox import Job, Kind, Sandbox, open_sandbox, try_sandbox
from tests.conftest import REPO

pytestmark = pytest.mark.whole  # programs in sandboxes

KINDS: tuple[Kind, ...] = ("bubblewrap", "landlock", "guard")
OK = "def f(x): return x + 1"


@pytest.fixture(params=KINDS)
def box(request: pytest.FixtureRequest) -> Sandbox:
    if found := try_sandbox(request.param):
        return found
    pytest.skip(f"{request.param} does not work here")


def run(
    box: Sandbox, code: str, *tests: str, seconds: float = 1.0, setup: str = ""
) -> tuple[str | None, ...]:
    return box.run(Job(tests or ("assert f(0) == 1",), code=code, seconds=seconds, setup=setup))


def test_each_test_is_told_apart_and_has_a_fresh_namespace(box: Sandbox) -> None:
    code = f"{OK}\nseen = []"
    tests = ("seen.append(1); assert f(1) == 2", "assert f(0) == 0", "assert seen == []", "1 / 0")
    assert run(box, code, *tests) == (None, "AssertionError", None, "ZeroDivisionError: division by zero")


def test_ordinary_code_of_the_standard_library_works(box: Sandbox) -> None:
    code = """
import asyncio, sqlite3, tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from zoneinfo import ZoneInfo
@dataclass
class P:
    x: int
async def one(): return 1
def f(x):
    with tempfile.NamedTemporaryFile() as file, ThreadPoolExecutor() as pool:
        file.write(b"1")
        (two,) = sqlite3.connect("a.db").execute("select 1").fetchone()
        return pool.submit(lambda: asyncio.run(one())).result() * two
"""
    patched = "from unittest.mock import patch\nwith patch('builtins.input', lambda: 'a'): assert g() == 'a'"
    results = run(
        box, code + "def g(): return input()", "assert f(0) == 1", "assert P(1) == P(1)", patched, seconds=5
    )
    assert results == (None, None, None)


CONTAINED = {
    "fork bomb": ("import os\nwhile True: os.fork()", "PermissionError"),
    "another program": ("import os\nos.execv('/bin/sh', ['sh'])", "PermissionError"),
    "socket": ("import socket\nsocket.create_connection(('127.0.0.1', 9))", "PermissionError"),
    "10 GB": ("x = bytearray(10 * 2**30)", "MemoryError"),
    "more limit": ("import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))", "ValueError"),
    "threads": (
        "import threading\nwhile True: threading.Thread(target=threading.Event().wait).start()",
        "thread",
    ),
    "endless loop": ("while True: pass", "took longer than 1 s"),
    "endless sleep": ("import time\ntime.sleep(1000)", "took longer than 1 s"),
    "endless output": ("while True: print('x' * 100000)", "took longer than 1 s"),
    "exit": ("import sys\nsys.exit(0)", "SystemExit: 0"),
    "at once": ("import os\nos._exit(0)", "ended its process"),
    "kill the parent": ("import os\nos.kill(os.getppid(), 9)", "PermissionError"),
    "kill all": ("import os\nos.kill(-1, 9)", "PermissionError"),
    "a large file": ("open('x', 'wb').write(bytes(50 * 2**20))", "File too large"),
    "a package": ("import pydantic", "ModuleNotFoundError"),
    "a syntax error": ("def f(:", "SyntaxError"),
}


@pytest.mark.parametrize("name", CONTAINED)
def test_hostile_code_fails_by_name_and_what_follows_goes_on(box: Sandbox, name: str) -> None:
    code, said = CONTAINED[name]
    (wrong,) = run(box, code)
    assert wrong
    assert said in wrong
    assert run(box, OK) == (None,)


def test_files_elsewhere_are_neither_read_nor_written(box: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "reference"
    secret.write_text("42")
    targets = [secret, REPO / "pyproject.toml", Path(kernel.__file__), Path.home() / ".profile"]
    reads = [f"open({str(path)!r}).read()" for path in targets]
    link = f"import os; os.symlink({str(secret)!r}, 'link'); open('link').read()"
    writes = f"open({str(tmp_path / 'new')!r}, 'w').write('x')", f"open({str(secret)!r}, 'a').write('x')"
    lists = f"import os; os.listdir({str(tmp_path)!r})", f"import os; os.remove({str(secret)!r})"
    results = run(box, OK, *reads, link, *writes, *lists, "import os; open(f'/proc/{os.getppid()}/environ')")
    assert all(each and ("PermissionError" in each or "FileNotFoundError" in each) for each in results), (
        results
    )
    assert [path.name for path in tmp_path.iterdir()] == ["reference"]
    assert secret.read_text() == "42"


def test_nothing_of_our_environment_is_there(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")
    test = f"import os; assert 'SECRET' not in os.environ; assert os.environ['HOME'] != {str(Path.home())!r}"
    assert run(box, OK, test) == (None,)


CHEATS = {
    "prints a result": "import os\nfor fd in (1, 2): os.write(fd, b'null\\n' * 9)\nos._exit(0)",
    "writes to the pipe": "import os\nos.write(3, b'L' + bytes(16))\nos._exit(0)",
    "patches": "import builtins\nbuiltins.exec = lambda *a: None\nbuiltins.BaseException = KeyError\n"
    "builtins.AssertionError = KeyError\nbuiltins.len = lambda x: 1\ndef f(x): return 3",
    "own builtins": "__builtins__['AssertionError'] = None\ndef __honest__(x): return 1\ndef f(x): return 3",
    "patches os": "import os, __main__\nos.write = os._exit = lambda *a: None\ndef f(x): return 3",
    "equal to all": "class E:\n  def __eq__(self, other): return True\ndef f(x): return E()",
    "within a list": "class E:\n  def __eq__(self, other): return True\ndef f(x): return [E()]",
    "a thread": "import threading, os, time\ndef end():\n  time.sleep(.05)\n  os._exit(0)\n"
    "threading.Thread(target=end).start()\ndef f(x): return time.sleep(1000)",
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_does_not_pass(name: str) -> None:
    tests = ("assert f(0) == 1", "assert f(0) == [1]", "assert len([f(0), 2, 3]) == 1")
    results = run(open_sandbox(), CHEATS[name], *tests)
    passed = [number for number, each in enumerate(results) if each is None]
    assert passed == []


def test_the_answers_other_files_can_be_imported_and_do_not_hide_the_library() -> None:
    job = Job(
        ("assert f(1) == 2",),
        code="import json\nfrom core.add import add\ndef f(x): return add(x, len(json.dumps(1)))",
        files={"core/__init__.py": "", "core/add.py": "def add(a, b): return a + b", "json.py": "1 / 0"},
    )
    assert open_sandbox().run(job) == (None,)


def test_no_folder_and_no_process_is_left(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = children()
    run(box, "import os\nos.mkdir('a')\nos.chmod('a', 0)\nwhile True: pass")
    assert list(tmp_path.iterdir()) == []
    assert children() == before


def children() -> set[str]:
    mine = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(mine.read_text().split()) if mine.exists() else set()


def test_a_harness_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerlab.study.outcome.check.sandbox._MAIN", "raise OSError({!r} and 'no room')")
    assert Sandbox("guard", "").run(Job(("assert True",))) == ("OSError: no room",)
