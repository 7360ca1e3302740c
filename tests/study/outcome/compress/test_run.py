"""A plan whose models are asked compressed prompts, too."""

from pathlib import Path
from typing import Any

import pytest

from routerlab.core.errors import LabError
from routerlab.study.figures.arm import Settings
from routerlab.study.outcome.compress.figures import method_figures, quality_figures
from routerlab.study.outcome.compress.result import CompressResult
from routerlab.study.outcome.load import read_outcomes
from routerlab.study.outcome.run.plan import load_plan, sampled
from routerlab.study.outcome.task import Tasks
from tests.conftest import REPO
from tests.study.outcome.harness import IN, OUT, carried_out, loaded, opened, plan_file, task, tiny_model

TASKS = [task(i, f"Please tell me the number {i} in a few words, " + "and only that " * 5) for i in range(4)]
VARIANTS: list[dict[str, Any]] = [
    {"name": "a+window", "whole": "a", "compress": "window", "keep": 0.5},
    {"name": "a+words", "whole": "a", "compress": "self-information"},
]


def plan(folder: Path, variants: list[dict[str, Any]], reader: str | None = None, **more: Any) -> Path:
    whole = {"name": "a", "gguf": tiny_model(folder)}
    named = {"reader": reader or tiny_model(folder, "reader", seed=3)} if reader != "" else {}
    return plan_file(folder, TASKS, {"a": whole["gguf"]}, model=[whole, *variants], **named, **more)


async def test_a_variant_is_a_model_of_its_own(tmp_path: Path) -> None:
    out = tmp_path / "out.toml"
    capped, _, _ = await carried_out(plan(tmp_path, VARIANTS, caps={"questions": 6}), out)
    assert len(capped) == 6
    found, lost, said = await carried_out(plan(tmp_path, VARIANTS), out)
    assert not lost
    assert len(found) == 12
    assert [line for line in said if line.startswith("compressing")] == [
        f"compressing prompts for {one['name']} ..." for one in VARIANTS
    ]
    for i, told in enumerate(TASKS):
        whole, window, words = (found[f"T-{i:02}", name] for name in ("a", "a+window", "a+words"))
        assert whole.sent is None
        assert window.sent is not None
        assert window.sent.startswith(told["prompt"][:10])
        assert " [...] " in window.sent
        assert words.sent
        assert len(words.sent) < len(told["prompt"])
        assert whole.tokens_in is not None
        assert window.tokens_in is not None
        assert window.tokens_in < whole.tokens_in
        assert window.tokens_out is not None
        # at the prices of the model that it is a variant of
        assert window.cost == pytest.approx(
            (window.tokens_in * IN + window.tokens_out * OUT) / 1e6, abs=1e-12
        )
    models = {one.name: one for one in read_outcomes(out).header.model}
    assert (models["a"].whole, models["a"].keep, models["a"].reader_file) == (None, None, None)
    assert (models["a+words"].whole, models["a+words"].keep) == ("a", 0.7)
    assert models["a+words"].model_sha256 == models["a"].model_sha256 != models["a+words"].reader_sha256
    figures = quality_figures(read_outcomes(out), Settings(resamples=200))
    assert [(one.model, one.tasks) for one in figures] == [("a+window", 4), ("a+words", 4)]
    tiny_model(tmp_path, "reader", seed=4)
    with pytest.raises(LabError, match="begun with another models"):
        opened(tmp_path / "plan.toml", out)


@pytest.mark.parametrize(
    ("variants", "reader", "says"),
    [
        ([{"name": "b", "whole": "a"}], None, "belong together"),
        ([{"name": "b", "gguf": "x", "compress": "window"}], None, "belong together"),
        ([{"name": "b", "gguf": "x", "keep": 0.5}], None, "belong together"),
        (
            [{"name": "b", "whole": "c", "compress": "window"}],
            None,
            "'c' is no model that",
        ),
        (
            [{"name": "b", "whole": "b", "compress": "window"}],
            None,
            "'b' is no model that",
        ),
        ([{"name": "b", "whole": "a", "compress": "zip"}], None, "compress"),
        ([{"name": "b", "whole": "a", "compress": "window", "keep": 1.0}], None, "keep"),
        ([{"name": "b", "whole": "a", "compress": "window"}], "", "compress needs reader"),
    ],
)
def test_a_plan_that_cannot_be(
    tmp_path: Path, variants: list[dict[str, Any]], reader: str | None, says: str
) -> None:
    with pytest.raises(LabError) as caught:
        load_plan(plan(tmp_path, variants, reader))
    assert says in str(caught.value)


async def test_a_reader_that_is_not_here(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no-such"):
        opened(plan(tmp_path, VARIANTS, "no-such"), tmp_path / "out.toml")
    assert not (tmp_path / "out.toml").exists()


def test_a_sample_is_the_same_tasks_every_time_whatever_their_order(tmp_path: Path) -> None:
    path = plan(tmp_path, [], sample=2)
    found, tasks, *_ = loaded(path)
    drawn = sampled(found, tasks)
    assert len(drawn.task) == 2
    assert drawn.by_id.keys() == {one.id for one in drawn.task}
    other = Tasks.model_validate(tasks.model_dump() | {"task": tasks.model_dump()["task"][::-1]})
    assert sampled(found, other).by_id.keys() == drawn.by_id.keys()
    assert sampled(found.model_copy(update={"sample": None}), tasks) is tasks


def test_what_ships_fits_together() -> None:
    """The plan, the session that it made, and the figures that the docs tell."""
    folder = REPO / "benchmarks/outcome"
    session = read_outcomes(folder / "compress-outcomes.toml")
    assert load_plan(folder / "compress.toml").asked_sha256 == session.header.plan_sha256
    saved = CompressResult.model_validate_json((folder / "compress.json").read_text())
    assert quality_figures(session, saved.settings, saved.worth) == saved.quality
    for one in saved.methods:
        rows = [row for row in saved.rows if row.method == one.method]
        assert method_figures(one.method, rows, saved.settings) == one
