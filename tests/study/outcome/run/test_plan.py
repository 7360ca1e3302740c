"""A plan is checked before anything is asked, and all its faults are told."""

from pathlib import Path

import pytest

from routerlab.core.errors import Exit, LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY
from routerlab.study.outcome.run.plan import load_plan
from routerlab.study.routing_table import load_routes
from tests.conftest import REPO
from tests.study.outcome.harness import loaded, plan_file, task, tiny_model


def faults(path: Path) -> list[str]:
    with pytest.raises(LabError) as caught:
        loaded(path)
    return [str(part) for part in caught.value.parts]


def test_all_faults_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        'schema_version = 1\nname = "a b"\ntasks = "t"\nroutes = "r"\ntogether = 0\n'
        '[chat]\nstop = ["x", ""]\nmax_tokens = 0\n[caps]\ncost = -1\n'
        '[[model]]\nname = "a"\n[[model]]\nname = "a"\ngguf = "x"\nremote = "y"\nwhat = 1\n'
    )
    told = faults(path)
    for line, key in (
        (2, "name"),
        (5, "together"),
        (7, "chat.stop"),
        (8, "chat.max_tokens"),
        (10, "caps.cost"),
        (11, "model[0]"),
        (17, "model[1].what"),
    ):
        assert any(one.startswith(f"{path}:{line}: {key}") for one in told), (line, key, told)


def test_models_that_are_nowhere(tmp_path: Path) -> None:
    models = {"a": tiny_model(tmp_path), "b": "no-such-model", "c": "remote:nobody"}
    path = plan_file(tmp_path, [task(0)], models)
    told = faults(path)
    assert len(told) == 2
    assert "model b:" in told[0]
    assert "no remote 'nobody'" in told[1]
    with pytest.raises(LabError) as caught:
        loaded(path)
    assert caught.value.code == Exit.MISSING
    routes = tmp_path / "routes.toml"
    routes.write_text(routes.read_text().replace('"a"', '"z"'))
    assert any("model 'a' is not in" in one for one in faults(path))


def test_a_model_is_in_one_place(tmp_path: Path) -> None:
    path = plan_file(tmp_path, [task(0)], {"a": tiny_model(tmp_path)})
    path.write_text(path.read_text().replace("gguf = ", "model_file = "))
    assert any("say where the model is" in one or "model_file" in one for one in faults(path))


def test_caps_may_change_when_a_session_is_gone_on_with(tmp_path: Path) -> None:
    models = {"a": "x"}
    one, other, third = (
        load_plan(plan_file(tmp_path, [task(0)], models, **more))
        for more in ({}, {"caps": {"questions": 1}}, {"together": 2})
    )
    assert one.asked_sha256 == other.asked_sha256 != third.asked_sha256
    assert one.sha256 != other.sha256


def test_the_plan_and_the_table_that_ship_fit_each_other() -> None:
    plan = load_plan(REPO / "benchmarks/outcome/local.toml")
    routes = load_routes(REPO / plan.routes, load_taxonomy(TAXONOMY))
    assert [one.name for one in plan.model] == list(routes.targets)
    assert [target.tier for target in routes.targets.values()] == [1, 2, 3]
    assert routes.default == plan.model[-1].name
