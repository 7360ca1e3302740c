"""The documentation is true: its links lead somewhere, its paths exist, and its Python runs."""

import os
import re
from pathlib import Path

import pytest

from tests.conftest import REPO

PAGES = [REPO / "README.md", REPO / "CONTRIBUTING.md", *sorted((REPO / "docs").glob("*.md"))]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts and mkdocs make them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_the_readme_is_short() -> None:
    assert len((REPO / "README.md").read_text().splitlines()) <= 180


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`((?:src|tests|docs|benchmarks|scripts)/[\w./-]+)`", page.read_text())
    assert [path for path in named if "NAME" not in path and not (REPO / path).exists()] == []


def test_a_recipe_of_contributing_needs_four_files_at_most() -> None:
    text = (REPO / "CONTRIBUTING.md").read_text()
    recipes = re.findall(r"^### (Add .+?)\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    assert len(recipes) >= 4
    for name, body in recipes:
        steps = re.findall(r"^\d+\. ", body, re.MULTILINE)
        assert 1 <= len(steps) <= 4, name


def test_the_python_of_the_chapter_runs(smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(smollm2.parent.parent)
    blocks = re.findall(r"```python\n(.*?)```", (REPO / "docs" / "python.md").read_text(), re.DOTALL)
    assert len(blocks) >= 5
    space: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), space)
    assert space["rows"]
    assert os.getcwd() == str(smollm2.parent.parent)
