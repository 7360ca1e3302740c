"""LiteLLM's own proxy, configured as docs/litellm.md says, between a client and two models."""

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
import yaml

from routerlab.integrations import litellm as plugins
from tests.conftest import REPO
from tests.engine import tiny
from tests.engine.asking import FRONT_DOOR
from tests.engine.remote.server import http, serving_beside
from tests.integrations import harness

SIMPLE = "write a regex for ISO dates"
COMPLEX = "Design a plugin system with tests, in a repo"


def routers() -> list[dict[str, Any]]:
    """The Auto Routers of the page."""
    models = [m for text in harness.blocks("yaml") for m in yaml.safe_load(text)["model_list"]]
    return [m["litellm_params"]["complexity_router_config"] for m in models if m["model_name"] == "auto"]


def test_the_page_has_a_tier_for_every_label() -> None:
    custom, decisions = routers()
    assert custom["classifier_plugin"] == "routing.classifier"
    for config in (custom, decisions):
        assert set(config["tiers"]) == set(FRONT_DOOR.labels)
        assert config["fallback_tier"] in config["tiers"]
    assert {tier["name"] for tier in decisions["tier_definitions"]} == set(FRONT_DOOR.labels)


def test_the_plugins_of_the_page_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plugins.in_process
    monkeypatch.setattr(plugins, "in_process", lambda _, **more: whole("baseline:keywords", **more))
    for block in harness.blocks("python"):
        space: dict[str, object] = {}
        exec(compile(block, "docs/litellm.md", "exec"), space)
        assert isinstance(space["classifier"], plugins.Classifier)


LADDER = {"SIMPLE": "small", "MEDIUM": "small", "COMPLEX": "large", "REASONING": "large"}
VALID = """
import json, sys
from litellm.router_strategy.complexity_router.config import ComplexityRouterConfig
print(json.dumps(ComplexityRouterConfig.model_validate(json.load(sys.stdin)).tier_names()))
"""


def auto(name: str, **config: Any) -> dict[str, Any]:
    """An Auto Router with the built-in tiers: of those with others LiteLLM allows one."""
    params = {"model": "auto_router/complexity_router", "complexity_router_default_model": "large"}
    ladder = {"tiers": LADDER, "classifier_fallback": "default_model"}
    return {"model_name": name, "litellm_params": params | {"complexity_router_config": ladder | config}}


def asked(client: httpx2.Client, model: str, prompt: str) -> tuple[str | None, str, str, int]:
    """A streamed answer: which tier and why, which model, and how many pieces it came in."""
    body = {
        "model": model,
        "stream": True,
        "max_tokens": 3,
        "messages": [{"role": "user", "content": prompt}],
    }
    with client.stream("POST", "/v1/chat/completions", json=body) as reply:
        lines = [line for line in reply.iter_lines() if line.startswith("data: {")]
    assert reply.status_code == 200
    pieces = [json.loads(line.removeprefix("data: ")) for line in lines]
    written = [c for piece in pieces for c in piece["choices"] if c["delta"].get("content")]
    said = {name: reply.headers.get(f"x-litellm-complexity-router-{name}") for name in ("tier", "cause")}
    return said["tier"], said["cause"] or "", reply.headers["x-litellm-model-name"], len(written)


@pytest.mark.whole
@pytest.mark.skipif(
    harness.proxy_python() is None, reason="no LiteLLM proxy: set ROUTERLAB_LITELLM to its python"
)
@pytest.mark.skipif(find_spec("llama_cpp.server") is None, reason="no extra bench")
def test_a_stream_goes_through_the_proxy_to_the_model_that_the_router_says(
    routed_smollm2: Path, smollm2: Path, tmp_path: Path
) -> None:
    """In the proxy's process; at the address of a server, which fails and then abstains; in the dialect."""
    small = tiny.build(tmp_path / "small.gguf", template=tiny.TEMPLATES["chatml"])
    (tmp_path / "models").symlink_to(routed_smollm2.parent)
    (tmp_path / "routers").symlink_to(REPO / "routers")
    page, decisions = (yaml.safe_load(text) for text in harness.blocks("yaml"))
    (tmp_path / "routing.py").write_text(harness.blocks("python")[0])
    said = json.dumps({"routed": "code/simple", "probability": 0.9}).encode()
    answer = {"type": "choice", "choice": "COMPLEX", "confidence": 0.9, "probabilities": {"COMPLEX": 0.9}}
    dialect = json.dumps({"model": "m", "answers": {"tier": answer}, "usage": {"input_tokens": 9}}).encode()
    with (
        harness.llama(small, "small", tmp_path) as one,
        harness.llama(smollm2, "large", tmp_path) as two,
        serving_beside(http(500, b"no"), http(200, said), http(200, dialect)) as server,
    ):
        address = server.url.removesuffix("/v1")
        mapped = harness.blocks("python")[2].replace("in_process", "at")
        (tmp_path / "asking.py").write_text(mapped.replace("smollm2-135m:probe", address))
        for model, url in zip(page["model_list"][1:], (one, two), strict=True):
            model["litellm_params"]["api_base"] = url
        asks = decisions["model_list"][0]["litellm_params"]["complexity_router_config"]
        asks["opensource_classifier_config"]["api_base"] = address
        told = {key: asks[key] for key in ("classifier_type", "opensource_classifier_config")}
        page["model_list"] += [
            auto("at", classifier_type="custom", classifier_plugin="asking.classifier"),
            auto("decisions", **told, classifier_context_window_size=0),
        ]
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(page))
        with harness.litellm(tmp_path) as client:
            assert asked(client, "auto", SIMPLE)[:3] == ("code/simple", "classifier_plugin", "openai/small")
            tier, cause, model, pieces = asked(client, "auto", COMPLEX)
            assert (tier, cause, model) == ("code/complex", "classifier_plugin", "openai/large")
            assert pieces > 1
            assert asked(client, "at", SIMPLE)[:3] == (None, "default_model_fallback", "openai/large")
            assert asked(client, "at", SIMPLE)[:3] == ("MEDIUM", "classifier_plugin", "openai/small")
            assert asked(client, "decisions", SIMPLE)[:3] == ("COMPLEX", "jev_classifier", "openai/large")
    assert [r.line for r in server.asked] == ["POST /v1/route HTTP/1.1"] * 2 + ["POST /v1/systemone HTTP/1.1"]
    assert server.asked[2].json["state"].split("\n")[1:] == ["Classify this message:", SIMPLE]
    assert list(server.asked[2].json["questions"]["tier"]["criteria"]) == list(LADDER)
    assert SIMPLE not in (tmp_path / "litellm.log").read_text()
    assert not [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(tmp_path)]
    python = harness.proxy_python()
    assert python
    valid = subprocess.run(
        [python, "-c", VALID], input=json.dumps(asks), text=True, capture_output=True, check=True
    )
    assert json.loads(valid.stdout.splitlines()[-1]) == list(FRONT_DOOR.labels)
