"""The Dockerfile and compose.yaml keep what docs/serve.md promises of them. Nothing is built here."""

import asyncio
import inspect
import json
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from routerlab.cli.serve.run import run as serve
from routerlab.integrations.litellm import Classifier
from routerlab.models.catalog import load_catalog
from tests import program
from tests.conftest import REPO
from tests.engine.asking import FRONT_DOOR
from tests.serve import harness as door

Step = tuple[str, str]
"""An instruction and what follows it."""
PORT = "8088"


def stages() -> dict[str, list[Step]]:
    """Name of a stage -> its instructions, in order."""
    text = re.sub(r"^#.*\n", "", (REPO / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, list[Step]] = {"": []}
    for line in filter(None, text.splitlines()):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found[rest.split()[-1]] = []
        list(found.values())[-1].append((name, rest))
    return found


def last(stage: str, name: str) -> str:
    return [rest for step, rest in stages()[stage] if step == name][-1]


def compose() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load((REPO / "compose.yaml").read_text())["services"]
    return services


def test_stages_are_of_one_plain_base_and_what_pip_installs_is_pinned() -> None:
    found = stages()
    assert found.pop("") == [("ARG", "PYTHON=python:3.11-slim-bookworm")]
    assert list(found) == ["build", "litellm", "serve"]  # the last is what is built unless another is named
    for name, steps in found.items():
        assert steps[0] == ("FROM", f"${{PYTHON}} AS {name}")
        for command in [c for step, rest in steps if step == "RUN" for c in rest.split("&&")]:
            if "pip install" in command:
                assert re.search(r"-c constraints.txt|==\d|--no-deps /build", command), command
    assert not [rest for step, rest in found["serve"] if step == "RUN" and re.search(r"pip|gcc|cmake", rest)]


@pytest.mark.parametrize("stage", ["litellm", "serve"])
def test_what_runs_is_nobody_who_may_change_it(stage: str) -> None:
    users = [rest for step, rest in stages()[stage] if step == "USER"]
    assert users == ["10001:10001"]  # a number, by which a cluster can see that it is not root
    steps = [step for step, _ in stages()[stage]]
    assert not {"RUN", "COPY", "ADD"} & set(steps[steps.index("USER") :])


def test_without_a_token_the_container_ends_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entrypoint is there, and its command is one that `routerlab` understands."""
    monkeypatch.delenv("ROUTERLAB_SERVE_TOKEN", raising=False)
    scripts = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["scripts"]
    (entry,) = json.loads(last("serve", "ENTRYPOINT"))
    assert entry in scripts
    found = program.run(tmp_path, *json.loads(last("serve", "CMD")))
    assert (found.returncode, len(found.stderr.splitlines())) == (3, 1)
    assert "ROUTERLAB_SERVE_TOKEN" in found.stderr


async def ended(words: list[str]) -> int:
    """How a program ends, while this loop serves it."""
    process = await asyncio.create_subprocess_exec(*words, stderr=subprocess.DEVNULL)
    return await process.wait()


async def test_its_health_is_what_the_server_says(tmp_path: Path) -> None:
    assert last("serve", "EXPOSE") == PORT == str(inspect.signature(serve).parameters["port"].default)
    options, _, command = last("serve", "HEALTHCHECK").partition("CMD ")
    assert "--start-period" in options
    python, flag, code = json.loads(command)
    assert (python, flag) == ("python", "-c")
    async with door.serving(tmp_path, door.Told("arm"), token=door.TOKEN) as visit:
        port = visit.url.rpartition(":")[2]
        words = [sys.executable, flag, code.replace(PORT, port)]
        assert await ended(words) == 0
    assert await ended(words) != 0


def test_the_context_has_all_that_the_wheel_is_made_of_and_nothing_else() -> None:
    first, *let_in = [
        line for line in (REPO / ".dockerignore").read_text().splitlines() if not line.startswith("#")
    ]
    assert (first, let_in.pop()) == ("*", "**/__pycache__")
    allowed = {line.removeprefix("!") for line in let_in}
    project = tomllib.loads((REPO / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"src", "pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    copied = {word for s in stages().values() for step, r in s if step == "COPY" for word in r.split()[:-1]}
    needed |= {*wheel["force-include"]} | {word for word in copied if "/" in word and word[0] not in "-/"}
    assert allowed == needed | {"constraints.txt"}
    assert all((REPO / path).exists() for path in allowed)


def test_every_service_is_hardened_and_only_the_gateway_can_be_reached() -> None:
    services = compose()
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["build"]["target"] in stages(), name
        assert name == "litellm" or service["volumes"] == [f"data:{last('serve', 'VOLUME')}"]
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"litellm": ["127.0.0.1:4000:4000"]}
    secrets = [v for service in services.values() for v in service.get("environment", {}).values()]
    assert len(secrets) == 3
    assert all(re.fullmatch(r"\$\{[A-Z_]+(:\?[^}]+)?\}", secret) for secret in secrets)


def test_the_models_behind_are_those_that_are_pulled() -> None:
    services = compose()
    by_id = {entry.id: entry.file for entry in load_catalog().model}
    pulled = {by_id[word.partition(":")[0]] for word in services["pull"]["command"][2:]}
    assert {services[name]["command"][1] for name in ("small", "large")} == {f"models/{f}" for f in pulled}


def test_litellm_asks_the_services_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    services = compose()
    folder = services["litellm"]["volumes"][0].partition(":")[0]
    assert last("litellm", "CMD").startswith('["--config", "/app/config.yaml"')
    auto, *models = yaml.safe_load((REPO / folder / "config.yaml").read_text())["model_list"]
    config = auto["litellm_params"]["complexity_router_config"]
    assert config["classifier_plugin"] == "routing.classifier"
    assert set(config["tiers"]) == set(FRONT_DOOR.labels)
    for model in models:
        name, words = model["model_name"], services[model["model_name"]]
        port = words["entrypoint"][words["entrypoint"].index("--port") + 1]
        assert model["litellm_params"]["api_base"] == f"http://{name}:{port}/v1"
        assert words["command"][-1] == name == model["litellm_params"]["model"].partition("/")[2]
    assert set(config["tiers"].values()) == {model["model_name"] for model in models}
    asked: list[str] = []
    at = runpy.run_path(str(REPO / folder / "routing.py"))
    assert isinstance(at["classifier"], Classifier)
    monkeypatch.setattr("routerlab.integrations.litellm.at", lambda address: asked.append(address))
    runpy.run_path(str(REPO / folder / "routing.py"))
    assert asked == [f"http://serve:{PORT}"]
    assert "serve" in services
