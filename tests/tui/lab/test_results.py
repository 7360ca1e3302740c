"""What is taken along of a sitting: a question, several, the screen."""

import tomllib
from functools import partial
from pathlib import Path

import pytest

from tests.tui.harness import sitting


async def test_results_and_screenshots_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with sitting(tmp_path, arms=1) as s:
        await s.replayed()
        await s.pilot.press("escape", "y", "w", "S")
        await s.until(lambda: bool(list(tmp_path.glob("routerlab-result-*.toml"))), "a result")
        await s.until(lambda: bool(list(tmp_path.glob("routerlab-screen-*.svg"))), "a picture")
        assert 'case = "R60-012"' in s.app.clipboard

        def saved() -> str:
            return next(tmp_path.glob("routerlab-result-*.toml")).read_text()

        await s.until(lambda: saved() == s.app.clipboard, "the same text in the file")


async def test_several_questions_are_saved_as_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with sitting(tmp_path, arms=1) as s:
        for n, prompt in enumerate(("one", "two"), 1):
            s.screen.put(prompt)
            await s.until(partial(lambda n: len(s.lab.session.trials) == n, n), "an answer")
        await s.pilot.press("escape", "*", "w")
        await s.until(lambda: bool(list(tmp_path.glob("routerlab-result-*.toml"))), "a result")
        path = next(tmp_path.glob("routerlab-result-*.toml"))
        await s.until(lambda: "two" in path.read_text(), "all of it")
    found = tomllib.loads(path.read_text())["question"]
    assert [(one["prompt"], len(one["trial"])) for one in found] == [("one", 1), ("two", 1)]
