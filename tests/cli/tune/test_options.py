"""What `tune` is told to try: quantizations and instructions, and what it tells of them."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routerlab.cli.main import app
from routerlab.cli.tune.model import _named, _quantized
from routerlab.cli.tune.options import make_plan
from routerlab.core.errors import LabError
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.contract.router import Router, load_router
from routerlab.models.gguf import read_header
from tests.cli.tune.harness import Runs, pool_text
from tests.engine import tiny


def test_instructions_are_tried_the_longest_first() -> None:
    assert _named("names, full") == ("full", "names")
    for wrong in ("all", "names,all", ""):
        with pytest.raises(LabError, match="there are full, cues, names"):
            _named(wrong)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--engine", "spark"), "there is ray, and ray://HOST:PORT"),
        (("--engine", "ray", "--budget", "5"), "--budget goes by the pace of this machine"),
    ],
)
def test_what_cannot_be_read_on_a_cluster_is_told_before_all(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(LabError, match=says):
        CliRunner().invoke(app, ["tune", "no-such-model", *words], catch_exceptions=False)


def test_an_adapter_needs_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(LabError, match=r"training needs torch.*: pip install 'routerlab\[transformers\]'"):
        CliRunner().invoke(app, ["tune", "adapter", "all-minilm-l6-v2"], catch_exceptions=False)


def test_corpora_are_put_together(tmp_path: Path, smollm2: Path) -> None:
    """By the time the model is looked at all of them have been read."""
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text(pool_text())
    more = (
        pool_text()
        .replace('"mini"', '"more"')
        .replace('id = "', 'id = "m-')
        .replace('prompt = "', 'prompt = "more: ')
    )
    two.write_text(more)
    plan = make_plan(str(smollm2), [one, two], tmp_path / "r.toml", None, "none", 0)
    assert [(c.name, len(rows)) for c, rows in plan.training.by_corpus] == [("mini", 24), ("more", 24)]
    two.write_text(pool_text())
    words = ["tune", str(smollm2), "--corpus", str(one), "--corpus", str(two), "--exemplars", "none"]
    with pytest.raises(LabError, match=r"two\.toml: case code/simple-0 is in .*one\.toml too"):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_each_type_is_made_and_the_own_is_the_file_itself(tmp_path: Path) -> None:
    spec = ArmSpec(name="tiny", model=tiny.build(tmp_path / "tiny.gguf"))
    made = _quantized(spec, "q8_0, f32,q8_0")
    assert [read_header(one.model).quantization for one in made] == ["Q8_0", "F32"]
    assert made[1] == spec
    assert _quantized(spec, "") == ()
    with pytest.raises(LabError, match="q9_9: no type that can be made"):
        _quantized(spec, "q8_0,q9_9")


def test_a_router_says_what_was_tried_and_what_it_costs(runs: Runs) -> None:
    router = load_router(runs.bench.folder / "one" / "r.toml")
    assert isinstance(router, Router)
    assert router.instruction == "names"
    tried = router.evidence.tried
    assert {t.way for t in tried} == {"Q4_0, instruction names, no exemplars"}
    (taken,) = (t for t in tried if t.taken)
    assert (taken.window, taken.above_best <= taken.error) == (router.window, True)
    assert all(t.prefix == tried[0].prefix > 0 and t.ms > 0 for t in tried)
    assert "ways to ask; the quickest is taken" in " ".join(runs.words.stdout.split())
