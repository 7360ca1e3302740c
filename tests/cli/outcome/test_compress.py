"""`routerlab outcome compress`: what is left of prompts, and the finding."""

import json
from pathlib import Path

import pytest

from routerlab.cli.main import app
from routerlab.core.errors import LabError
from routerlab.study.outcome.compress.result import CompressResult
from tests.engine import encoders, tiny
from tests.study.outcome.harness import carried_out, plan_file, task, tiny_model

PROMPTS = ("write code for the user", "why is the sky so very blue?")


def run(*arguments: object) -> None:
    app(["outcome", "compress", *map(str, arguments)], standalone_mode=False)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(PROMPTS))
    return path


async def session(folder: Path) -> Path:
    """Outcomes of a tiny model that was asked whole prompts and compressed ones."""
    models = [
        {"name": "a", "gguf": tiny_model(folder)},
        {"name": "a+window", "whole": "a", "compress": "window"},
    ]
    tasks = [task(i) for i in range(2)]
    path = plan_file(folder, tasks, {"a": models[0]["gguf"]}, model=models, reader=models[0]["gguf"])
    await carried_out(path, folder / "outcomes.toml")
    return folder / "outcomes.toml"


async def test_from_prompts_to_a_finding(
    tmp_path: Path, prompts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    small = tiny.build(tmp_path / "small.gguf", template=tiny.TEMPLATES["chatml"])
    other = encoders.build(tmp_path / "other.gguf", "nomic-bert")
    outcomes = await session(tmp_path)
    models = ("--with", small, "--encoder", other, "--resamples", 200)
    await asyncio.to_thread(
        run, prompts, *models, "--texts", "--outcomes", outcomes, "--out", tmp_path / "r.json"
    )
    said = capsys.readouterr().out
    for word in ("self-information: ", "llmlingua: ", "window: ", "H9", "a+window", "[...]"):
        assert word in said
    text = (tmp_path / "r.json").read_text()
    assert not any(prompt[:8] in text for prompt in PROMPTS)
    saved = CompressResult.model_validate_json(text)
    assert [one.method for one in saved.methods] == ["window", "self-information", "llmlingua"]
    assert len(saved.rows) == 6
    assert [one.model for one in saved.quality] == ["a+window"]
    await asyncio.to_thread(run, prompts, *models, "-m", "window", "--keep", 0.5, "--format", "json")
    told = json.loads(capsys.readouterr().out)
    assert [one["method"] for one in told["methods"]] == ["window"]
    assert (told["keep"], told["outcomes"], told["quality"]) == (0.5, None, [])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--method", "zip"), "there are window, self-information, llmlingua"),
        (("--keep", "1"), "between 0 and 1"),
        (("--with", "no-such-model"), "no-such-model"),
    ],
)
def test_faults_are_a_line(prompts: Path, options: tuple[str, str], says: str) -> None:
    with pytest.raises(LabError, match=says):
        run(prompts, *options)
