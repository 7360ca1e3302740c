"""The chapter on annotation, done as it stands there."""

import os
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.walkthrough import follow, home, run, spaceless, steps


def test_the_chapter_is_true(tmp_path: Path) -> None:
    here = tmp_path / "lab"
    here.mkdir()
    todo = steps((REPO / "docs" / "annotate.md").read_text())
    assert len(todo) >= 10
    follow(todo, here, home(tmp_path))


def test_a_false_line_would_be_seen(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run("exit 3", tmp_path, dict(os.environ))
    assert "five" not in spaceless(run("echo 5 labels", tmp_path, dict(os.environ)))
