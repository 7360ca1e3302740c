"""The house is in order: every room says what is inside, and names are read right the first time."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.conftest import REPO

SRC = REPO / "src" / "routerlab"
ROOMS = sorted(path.parent for path in SRC.rglob("__init__.py"))
ENDINGS = "izations|ization|ations|ation|ions|ion|ings|ing|ers|er|ors|or|ed|es|s|e"
NOUNS = {"encoding", "listing", "scaling", "sitting"}
"""Nouns of the field that end like gerunds."""
UNRELATED = {("state", "stats"), ("route", "router")}
"""Pairs that only look alike: words of their own, and the name of a command."""


def stem(name: str) -> str:
    """The name without its grammatical ending: calibrate, calibrator and calibrating have one stem."""
    return re.sub(rf"(?<=\w{{3}})({ENDINGS})$", "", name.strip("_"))


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(REPO / "src")))
def test_every_room_says_what_is_inside(room: Path) -> None:
    said = ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
    assert said
    assert len(said.splitlines()) <= 3 or room == SRC


def test_no_two_modules_differ_by_grammatical_form() -> None:
    """Commands are called as users type them, and lists of actions as their screens."""
    names = {
        path.stem
        for path in SRC.rglob("*.py")
        if not path.stem.startswith("__") and not {"cli", "actions"} & set(path.relative_to(SRC).parts)
    }
    alike: dict[str, set[str]] = defaultdict(set)
    for name in names:
        alike[stem(name)].add(name)
    assert [
        sorted(some) for some in alike.values() if len(some) > 1 and tuple(sorted(some)) not in UNRELATED
    ] == []
    assert {name for name in names if name.endswith("ing")} <= NOUNS


@pytest.mark.parametrize(
    ("one", "other"),
    [("calibrate", "calibrating"), ("gate", "gating"), ("record", "records"), ("run", "runner")],
)
def test_forms_of_one_word_have_one_stem(one: str, other: str) -> None:
    assert stem(one)[:3] == stem(other)[:3]
    assert stem(one) == stem(other) or {one, other} == {"run", "runner"}


def test_no_module_is_too_long() -> None:
    files = [*SRC.rglob("*.py"), *(REPO / "tests").rglob("*.py")]
    longest = max(files, key=lambda path: len(path.read_text().splitlines()))
    assert len(longest.read_text().splitlines()) <= 400, longest


def test_tests_lie_in_the_rooms_of_what_they_test() -> None:
    """Besides what is of the whole project, and the suite of faults."""
    rooms = {str(room.relative_to(SRC)) for room in ROOMS}
    folders = {str(path.parent.relative_to(REPO / "tests")) for path in (REPO / "tests").rglob("test_*.py")}
    assert folders - rooms == {"faults"}


def test_only_a_workers_modules_load_the_library() -> None:
    """Whatever else is imported, llama.cpp is not in the process, which it could end."""
    script = (
        "import importlib, pkgutil, sys, routerlab\n"
        "for m in pkgutil.walk_packages(routerlab.__path__, 'routerlab.'):\n"
        "    if not m.name.startswith(('routerlab.engine.worker.', 'routerlab.bench.peers.llama')):\n"
        "        m.name.endswith('__main__') or importlib.import_module(m.name)\n"
        "print('llama_cpp' in sys.modules, len([m for m in sys.modules if m.startswith('routerlab.')]) > 250)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]
